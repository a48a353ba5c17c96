#!/usr/bin/env python3
"""The peers of `cargo xtask compare`: one of them, which answers one request a line.

    python3 xtask/compare_worker.py torch|onnxruntime FOLDER THREADS

Its first line is `ready VERSION`, or `missing PACKAGE…`, and it ends. Then, until the end of its input:
  load KEY=VALUE…  reads FOLDER/problem: `loaded`, or `unsuited` where the peer has no such thing
  results          computes once from the start, writes FOLDER/torch or FOLDER/onnxruntime: `written`
  run N            computes N times, after some times for warmth: `took MICROSECONDS`, of one of the N
What fails is answered with `error REASON`. Tensors STEM lie in two files: STEM.txt has a name and the sizes of its
axes on each line, STEM.f32 has the numbers of all, in that order, as little-endian f32.
"""
import importlib.util, itertools, math, sys, time

PACKAGES = {"torch": ["torch", "numpy"], "onnxruntime": ["onnxruntime", "onnx", "numpy"]}


def read_tensors(stem):
    numbers, start, tensors = numpy.fromfile(f"{stem}.f32", "<f4"), 0, {}
    with open(f"{stem}.txt", encoding="utf-8") as index:
        for line in index:
            name, *shape = line.split()
            shape = [int(size) for size in shape]
            end = start + math.prod(shape)
            tensors[name] = numbers[start:end].reshape(shape).copy()
            start = end
    return tensors


def write_tensors(stem, tensors):
    with open(f"{stem}.txt", "w", encoding="utf-8") as index:
        index.writelines(" ".join([name, *map(str, tensor.shape)]) + "\n" for name, tensor in tensors.items())
    with open(f"{stem}.f32", "wb") as numbers:
        for tensor in tensors.values():
            numbers.write(numpy.ascontiguousarray(tensor, "<f4").tobytes())


class Job:
    """What `load` asks for."""

    def __init__(self, words):
        fields = dict(word.split("=", 1) for word in words)
        self.kind, self.mode = fields["kind"], fields["mode"]
        numbers = ["input", "hidden", "layers", "directions", "packed"]
        self.input, self.hidden, self.layers, self.directions, self.packed = (int(fields[name]) for name in numbers)


def parameters(problem):
    return {name.removeprefix("param."): tensor for name, tensor in problem.items() if name.startswith("param.")}


class TorchLayer:
    def __init__(self, job, problem):
        layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[job.kind]
        self.layer = layer(job.input, job.hidden, num_layers=job.layers, bidirectional=job.directions == 2)
        weights = {name: torch.from_numpy(tensor) for name, tensor in parameters(problem).items()}
        self.layer.load_state_dict(weights, strict=True)
        self.x = torch.from_numpy(problem["x"])

    def states(self, last):
        h, *c = last if isinstance(last, tuple) else (last,)
        return {"h_n": h.detach().numpy(), **{"c_n": cell.detach().numpy() for cell in c}}


class TorchSequence(TorchLayer):
    """Training and inference, packed or not. Packing is a part of the work."""

    def __init__(self, job, problem):
        super().__init__(job, problem)
        self.trains = job.mode == "train"
        self.layer.train(self.trains)
        self.lengths = torch.from_numpy(problem["lengths"]).long() if job.packed else None
        self.gradient = torch.from_numpy(problem["output_gradient"]) if self.trains else None

    def forward(self):
        if self.lengths is None:
            return self.layer(self.x)
        packed = torch.nn.utils.rnn.pack_padded_sequence(self.x, self.lengths)
        out, last = self.layer(packed)
        return out.data, last

    def step(self):
        if not self.trains:
            with torch.inference_mode():
                return self.forward()
        for parameter in self.layer.parameters():
            parameter.grad = None
        out, last = self.forward()
        out.backward(self.gradient)
        return out, last

    def results(self):
        out, last = self.step()
        gradients = self.layer.named_parameters() if self.trains else ()
        return {
            "output": out.detach().numpy(),
            **self.states(last),
            **{f"grad.{name}": parameter.grad.numpy() for name, parameter in gradients},
        }

    def run(self, times):
        for _ in range(times):
            self.step()


class TorchStream(TorchLayer):
    def __init__(self, job, problem):
        super().__init__(job, problem)
        self.layer.eval()
        self.xs = list(self.x.split(1))  # [1, batch, input] each
        self.state, self.next_x = None, itertools.cycle(self.xs)

    def results(self):
        state, outs = None, []
        with torch.inference_mode():
            for x in self.xs:
                out, state = self.layer(x, state)
                outs.append(out)
        return {"output": torch.cat(outs).numpy()}

    def run(self, times):
        with torch.inference_mode():
            for x in itertools.islice(self.next_x, times):
                _, self.state = self.layer(x, self.state)


class TorchHello(TorchLayer):
    """A training step with cross entropy and Adam."""

    STEPS = 20

    def __init__(self, job, problem):
        super().__init__(job, problem)
        self.targets = torch.from_numpy(problem["targets"]).long()
        self.loss, self.adam = torch.nn.CrossEntropyLoss(), torch.optim.Adam(self.layer.parameters(), lr=0.001)
        self.again = lambda: TorchHello(job, problem)

    def results(self):
        fresh = self.again()
        fresh.run(self.STEPS)
        return {f"param.{name}": value.detach().numpy() for name, value in fresh.layer.named_parameters()}

    def run(self, times):
        for _ in range(times):
            self.adam.zero_grad()
            self.loss(self.layer(self.x)[0].flatten(0, 1), self.targets).backward()
            self.adam.step()


def torch_work(job, problem):
    return {"stream": TorchStream, "hello": TorchHello}.get(job.mode, TorchSequence)(job, problem)


class Graph:
    """The layers as an ONNX graph with one node for each."""

    # For each gate of ONNX, in its order, which of PyTorch's it is.
    GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}

    def __init__(self, job, weights):
        self.job, self.weights = job, weights
        self.nodes, self.constants = [], []
        self.states = ["h", "c"] if job.kind == "lstm" else ["h"]

    def weight(self, name, layer):
        """The parameter in ONNX's order of gates, [directions, gates · hidden, …]."""
        def gates(reverse):
            value = self.weights[f"{name}_l{layer}{reverse}"]
            of_gate = value.reshape(-1, self.job.hidden, *value.shape[1:])
            return of_gate[self.GATES[self.job.kind]].reshape(value.shape)
        return numpy.stack([gates(reverse) for reverse in ["", "_reverse"][: self.job.directions]])

    def constant(self, name, value):
        self.constants.append(onnx.numpy_helper.from_array(value, name))
        return name

    def layer(self, layer, x, y, initial):
        """Adds a layer from x to y, the name of what all steps give, or "" where nobody asks."""
        biases = [self.weight("bias_ih", layer), self.weight("bias_hh", layer)]
        inputs = [
            x,
            self.constant(f"W_l{layer}", self.weight("weight_ih", layer)),
            self.constant(f"R_l{layer}", self.weight("weight_hh", layer)),
            self.constant(f"B_l{layer}", numpy.concatenate(biases, axis=1)),
            *(["", *initial] if initial else []),
        ]
        options = {"linear_before_reset": 1} if self.job.kind == "gru" else {}
        direction = "bidirectional" if self.job.directions == 2 else "forward"
        last = [f"{state}_l{layer}" for state in self.states]
        self.add(self.job.kind.upper(), inputs, [y, *last], hidden_size=self.job.hidden, direction=direction, **options)

    def add(self, op, inputs, outputs, **attributes):
        self.nodes.append(onnx.helper.make_node(op, inputs, outputs, **attributes))

    def sequence(self):
        """From x [seq, batch, input] to output and last states, as PyTorch gives them."""
        x = "x"
        for layer in range(self.job.layers):
            y = "output" if layer == self.job.layers - 1 else f"y_l{layer}"
            self.layer(layer, x, f"{y}_of_directions", None)  # [seq, directions, batch, hidden]
            if self.job.directions == 1:
                self.add("Squeeze", [f"{y}_of_directions", self.constant(f"axes_l{layer}", numpy.array([1]))], [y])
            else:
                self.add("Transpose", [f"{y}_of_directions"], [f"{y}_side_by_side"], perm=[0, 2, 1, 3])
                shape = self.constant(f"shape_l{layer}", numpy.array([0, 0, -1]))
                self.add("Reshape", [f"{y}_side_by_side", shape], [y])
            x = y
        for state in self.states:
            self.add("Concat", [f"{state}_l{layer}" for layer in range(self.job.layers)], [f"{state}_n"], axis=0)
        return self.session(["x"], ["output", *(f"{state}_n" for state in self.states)])

    def step(self):
        """One step: from x [1, batch, input] and h_0_l0, … to h_l0, …; a layer's h is what it gives."""
        x, initial = "x", []
        for layer in range(self.job.layers):
            of_layer = [f"{state}_0_l{layer}" for state in self.states]
            self.layer(layer, x, "", of_layer)
            x, initial = f"h_l{layer}", initial + of_layer
        return self.session(["x", *initial], [name.replace("_0", "") for name in initial])

    def session(self, inputs, outputs):
        def values(names):
            return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 3) for name in names]
        graph = onnx.helper.make_graph(self.nodes, "layers", values(inputs), values(outputs), self.constants)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class OnnxSequence:
    def __init__(self, job, problem):
        self.session, self.x = Graph(job, parameters(problem)).sequence(), problem["x"]

    def results(self):
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, {"x": self.x})))

    def run(self, times):
        for _ in range(times):
            self.session.run(None, {"x": self.x})


class OnnxStream:
    """Steps whose inputs, outputs and states stay where they lie, which is the fastest way there is: the states go
    back and forth between two places."""

    def __init__(self, job, problem):
        self.session = Graph(job, parameters(problem)).step()
        xs = problem["x"]  # [steps, batch, input]: an even number of steps
        names = [output.name for output in self.session.get_outputs()]
        shape = (1, xs.shape[1], job.hidden)
        places = [{name: self.zeros(shape) for name in names} for _ in range(2)]
        self.bindings = []
        for k, x in enumerate(xs):
            binding = self.session.io_binding()
            binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x[None].copy()))
            for name in names:
                binding.bind_ortvalue_input(name.replace("_l", "_0_l"), places[k % 2][name])
                binding.bind_ortvalue_output(name, places[1 - k % 2][name])
            self.bindings.append((binding, places[1 - k % 2][f"h_l{job.layers - 1}"]))
        self.next_binding = itertools.cycle([binding for binding, _ in self.bindings])
        self.again = lambda: OnnxStream(job, problem)

    def zeros(self, shape):
        return onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(shape, "f4"))

    def results(self):
        outs, fresh = [], self.again()
        for binding, out in fresh.bindings:
            fresh.session.run_with_iobinding(binding)
            outs.append(out.numpy().copy())
        return {"output": numpy.concatenate(outs)}

    def run(self, times):
        for binding in itertools.islice(self.next_binding, times):
            self.session.run_with_iobinding(binding)


def onnxruntime_work(job, problem):
    if job.packed or job.mode not in ("infer", "stream"):
        return None
    return {"infer": OnnxSequence, "stream": OnnxStream}[job.mode](job, problem)


def took(work, times):
    work.run(times // 10 + 1)
    start = time.perf_counter()
    work.run(times)
    taken = time.perf_counter() - start
    rest()
    return taken * 1e6 / times


def rest():
    """Threads that a peer woke look for more work a while: waits, at most a second, until they sleep."""
    for _ in range(100):
        used = time.process_time()
        time.sleep(0.01)
        if time.process_time() - used < 0.001:
            return


def serve(peer, folder):
    work, make = None, {"torch": torch_work, "onnxruntime": onnxruntime_work}[peer]
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            if word == "load":
                work = None  # what was there before is freed first
                work = make(Job(rest), read_tensors(f"{folder}/problem"))
                reply = "unsuited" if work is None else "loaded"
            elif word == "results":
                write_tensors(f"{folder}/{peer}", work.results())
                reply = "written"
            elif word == "run":
                reply = f"took {took(work, int(rest[0]))}"
            else:
                reply = f"error there is no request {word}"
        except Exception as problem:  # whatever it is, the other side prints it and stops
            reply = " ".join(f"error {type(problem).__name__}: {problem}".split())
        print(reply, flush=True)


if __name__ == "__main__":
    PEER, FOLDER, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
    MISSING = [name for name in PACKAGES[PEER] if importlib.util.find_spec(name) is None]
    if MISSING:
        print("missing", *MISSING, flush=True)
        sys.exit()
    import numpy
    if PEER == "torch":
        import torch
        torch.set_num_threads(THREADS)
        VERSION = torch.__version__.split("+")[0]
    else:
        import onnx, onnxruntime
        VERSION = onnxruntime.__version__
    print("ready", VERSION, flush=True)
    serve(PEER, FOLDER)
