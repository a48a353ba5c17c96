//! Every node that a layer or a loss records, held to central differences over random shapes and
//! strided inputs; and a test that fails when one is added without such a check.

use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

use proptest::{
    prelude::*,
    test_runner::{TestError, TestRunner},
};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var, gradcheck};
use refrain_nn::{
    AvgPool1d, AvgPool2d, BCEWithLogitsLoss, Conv1d, Conv2d, CrossEntropyLoss, Embedding, Error, GRU, LSTM,
    LayerNorm, Linear, MSELoss, MaxPool1d, MaxPool2d, Module, RNN, Reduction, gradcheck_module,
};
use refrain_tensor::Tensor;

/// Random sizes, and the seed of everything else.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    outer: usize,
    rows: usize,
    columns: usize,
    reduction: Reduction,
    seed: u64,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (1usize..4, 1usize..5, 1usize..5, 0usize..3, any::<u64>()).prop_map(
        |(outer, rows, columns, choice, seed)| {
            let reduction = [Reduction::Mean, Reduction::Sum, Reduction::None][choice];
            Sizes { outer, rows, columns, reduction, seed }
        },
    )
}

impl Sizes {
    fn rng(&self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed)
    }

    /// `[outer, rows, columns]`, stored the other way round.
    fn input(&self, salt: u64) -> Tensor<f64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ salt);
        let stored = Tensor::normal([self.columns, self.rows, self.outer], 0.0, 1.0, &mut rng).unwrap();
        stored.permute(&[2, 1, 0]).unwrap()
    }

    /// `[outer, 2, rows + 1, columns + 1]`, stored the other way round.
    fn images(&self, salt: u64) -> Tensor<f64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ salt);
        let stored = [self.columns + 1, self.rows + 1, 2, self.outer];
        Tensor::normal(stored, 0.0, 1.0, &mut rng).unwrap().permute(&[3, 2, 1, 0]).unwrap()
    }

    /// Numbers of the same shape, no two of them close: a maximum has a kink where there are.
    fn apart(&self, x: &Tensor<f64>) -> Tensor<f64> {
        let prime = 1009;
        let step = 1 + self.seed % (prime - 1);
        let values = (0..x.numel() as u64).map(|k| ((k + 1) * step % prime) as f64 / 100.0 - 5.0);
        Tensor::from_vec(values.collect(), x.shape()).unwrap().contiguous()
    }

    /// One of the numbers below `choices`, a different one for each salt.
    fn choice(&self, salt: u32, choices: usize) -> usize {
        self.seed.rotate_right(salt) as usize % choices
    }

    /// Indices below `size`, one for each of `shape`.
    fn indices<const N: usize>(&self, shape: [usize; N], size: usize) -> Tensor<i64> {
        let count = shape.iter().product();
        let values =
            (0..count).map(|k: usize| ((k as u64 * 7 + self.seed % 13) % size as u64) as i64).collect();
        Tensor::from_vec(values, shape).unwrap()
    }
}

/// A check of one node at given sizes, which also tells what its tape has recorded.
type Check = fn(Sizes, &RefCell<BTreeSet<&'static str>>) -> Result<(), String>;

/// Checks a function of inputs.
fn of_inputs<F>(f: F, inputs: &[Tensor<f64>], seen: &RefCell<BTreeSet<&'static str>>) -> Result<(), String>
where
    F: for<'t> Fn(&'t Tape<f64>, &[Var<'t, f64>]) -> Result<Var<'t, f64>, Error>,
{
    let noting = |tape: &Tape<f64>| seen.borrow_mut().extend(tape.ops());
    gradcheck(|tape, x| f(tape, x).inspect(|_| noting(tape)), inputs).map_err(|error| error.to_string())
}

/// Checks a layer by its input and by its parameters.
fn of_layer<M: Module<f64>>(
    mut layer: M,
    forward: for<'t> fn(&M, &Var<'t, f64>) -> Result<Var<'t, f64>, Error>,
    x: Tensor<f64>,
    seen: &RefCell<BTreeSet<&'static str>>,
) -> Result<(), String> {
    of_inputs(|_, x| forward(&layer, &x[0]), std::slice::from_ref(&x), seen)?;
    gradcheck_module(&mut layer, |layer, tape| {
        Ok::<_, Error>(forward(layer, &tape.constant(x.clone()))?.sin().sum(..)?)
    })
    .map_err(|error| error.to_string())
}

const CHECKS: [(&str, Check); 16] = [
    ("linear", |s, seen| {
        let layer = Linear::new(s.columns, s.rows + 1, &mut s.rng()).unwrap();
        of_layer(layer, |layer, x| layer.forward(x), s.input(1), seen)
    }),
    ("linear without bias", |s, seen| {
        let layer = Linear::without_bias(s.columns, 2, &mut s.rng()).unwrap();
        of_layer(layer, |layer, x| layer.forward(x), s.input(1), seen)
    }),
    ("conv1d", |s, seen| {
        let builder = Conv1d::builder(s.rows, 2 * s.rows, 1 + s.choice(1, 3)).padding(1 + s.choice(2, 2));
        let builder = builder.stride(1 + s.choice(3, 2)).groups([1, s.rows][s.choice(4, 2)]);
        let layer = builder.bias(s.choice(5, 3) > 0).build(&mut s.rng()).unwrap();
        of_layer(layer, |layer, x| layer.forward(x), s.input(1), seen)
    }),
    ("conv2d", |s, seen| {
        let kernel = (1 + s.choice(1, 2), 1 + s.choice(2, 2));
        let builder = Conv2d::builder(2, 4, kernel).padding((s.choice(3, 2), 1)).groups(1 + s.choice(4, 2));
        let builder = builder.stride((1, 1 + s.choice(5, 2))).dilation((1, 1 + s.choice(6, 2)));
        let layer = builder.bias(s.choice(7, 3) > 0).build(&mut s.rng()).unwrap();
        of_layer(layer, |layer, x| layer.forward(x), s.images(1), seen)
    }),
    ("max_pool1d", |s, seen| {
        let builder = MaxPool1d::builder(2).stride(1 + s.choice(1, 3)).padding(1);
        let pool = builder.ceil_mode(s.choice(2, 2) > 0).build().unwrap();
        of_inputs(|_, x| pool.forward(&x[0]), &[s.apart(&s.input(1))], seen)
    }),
    ("max_pool2d", |s, seen| {
        let builder =
            MaxPool2d::builder((2, 1 + s.choice(1, 2))).stride((1, 2)).dilation((1, 1 + s.choice(2, 2)));
        let pool = builder.padding((s.choice(3, 2), 0)).ceil_mode(true).build().unwrap();
        of_inputs(|_, x| pool.forward(&x[0]), &[s.apart(&s.images(1))], seen)
    }),
    ("avg_pool1d", |s, seen| {
        let builder = AvgPool1d::builder(2 + s.choice(1, 2)).stride(1 + s.choice(2, 3)).padding(1);
        let pool = builder.count_include_pad(s.choice(3, 2) > 0).build().unwrap();
        of_inputs(|_, x| pool.forward(&x[0]), &[s.input(1)], seen)
    }),
    ("avg_pool2d", |s, seen| {
        let builder = AvgPool2d::builder((2, 1 + s.choice(1, 2))).stride((1 + s.choice(2, 2), 2));
        let builder = builder.padding((1, 0)).ceil_mode(s.choice(3, 2) > 0);
        let pool = builder.count_include_pad(s.choice(4, 2) > 0).build().unwrap();
        of_inputs(|_, x| pool.forward(&x[0]), &[s.images(1)], seen)
    }),
    ("layer_norm", |s, seen| {
        // The variance of one number is 0: the slope is steep there, and not of interest.
        let x = s.input(1);
        let x = Tensor::cat(&[x.clone(), x.mul_scalar(-0.5), x.add_scalar(1.0)], -1).unwrap();
        let layer = LayerNorm::new(3 * s.columns).unwrap();
        of_layer(layer, |layer, x| layer.forward(x), x, seen)
    }),
    ("rnn", |s, seen| {
        let layer = RNN::builder(s.columns, s.rows).num_layers(2).build(&mut s.rng()).unwrap();
        of_layer(layer, |layer, x| Ok(layer.forward(x, None)?.0), s.input(1), seen)
    }),
    ("lstm", |s, seen| {
        let layer = LSTM::builder(s.columns, s.rows + 1).proj_size(s.rows).build(&mut s.rng()).unwrap();
        of_layer(layer, |layer, x| Ok(layer.forward(x, None)?.0), s.input(1), seen)
    }),
    ("gru", |s, seen| {
        let layer = GRU::builder(s.columns, s.rows).bidirectional(true).build(&mut s.rng()).unwrap();
        of_layer(layer, |layer, x| Ok(layer.forward(x, None)?.0), s.input(1), seen)
    }),
    ("embedding", |s, seen| {
        let mut layer = Embedding::new(4, s.columns, &mut s.rng()).unwrap();
        let words = s.indices([s.outer, s.rows], 4);
        gradcheck_module(&mut layer, |layer, tape| {
            let y = layer.forward(tape, &words)?.sin().sum(..)?;
            seen.borrow_mut().extend(tape.ops());
            Ok::<_, Error>(y)
        })
        .map_err(|error| error.to_string())
    }),
    ("mse_loss", |s, seen| {
        let (loss, target) = (MSELoss { reduction: s.reduction }, s.input(2));
        of_inputs(|_, x| loss.forward(&x[0], &target), &[s.input(1)], seen)
    }),
    ("bce_with_logits_loss", |s, seen| {
        let loss =
            BCEWithLogitsLoss { reduction: s.reduction, weight: None, pos_weight: Some(Tensor::from(2.5)) };
        let target = s.input(2).sigmoid();
        of_inputs(|_, x| loss.forward(&x[0], &target), &[s.input(1)], seen)
    }),
    ("cross_entropy", |s, seen| {
        let weight = Some(Tensor::linspace(0.5, 2.0, s.rows).unwrap());
        let loss =
            CrossEntropyLoss { reduction: s.reduction, weight, ignore_index: -100, label_smoothing: 0.1 };
        let (classes, probabilities) =
            (s.indices([s.outer, s.columns], s.rows), s.input(2).softmax(1).unwrap());
        of_inputs(|_, x| loss.forward(&x[0], &classes), &[s.input(1)], seen)?;
        of_inputs(|_, x| loss.forward_probabilities(&x[0], &probabilities), &[s.input(1)], seen)
    }),
];

/// The names under which the sources record.
fn recorded_in_sources(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            recorded_in_sources(&path, names);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for call in [".record(", ".record_list(", ".record_outputs(", ".record_part("] {
            for (at, _) in text.match_indices(call) {
                let argument = text[at + call.len()..].trim_start();
                match argument.strip_prefix('"') {
                    Some(rest) => names.extend([rest.split('"').next().unwrap().to_string()]),
                    None => names.extend(meant_by(text, argument.split(',').next().unwrap().trim())),
                }
            }
        }
    }
}

/// The texts that an expression such as `op`, `OP` or `kind.op()` stands for in a source.
fn meant_by(text: &str, expression: &str) -> Vec<String> {
    let until_quote = |rest: &str| rest.split('"').next().unwrap().to_string();
    if expression == "kind.op()" {
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/recurrent/stack.rs");
        let text = fs::read_to_string(stack).unwrap();
        let body = text.split("fn op(self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
        return body.split("=> \"").skip(1).map(until_quote).collect();
    }
    // A list with a name for each number of axes.
    if let Some(list) = expression.strip_suffix("[N - 1]") {
        let definition = text.split(&format!("const {list}: [&str; 2] = [\"")).nth(1);
        let names = definition.unwrap_or_else(|| panic!("no list of names `{list}`")).split("\"]").next();
        return names.unwrap().split("\", \"").map(str::to_string).collect();
    }
    let definition = text.split(&format!("const {expression}: &str = \"")).nth(1);
    let definition = definition.or_else(|| text.split(&format!("let {expression} = \"")).nth(1));
    vec![until_quote(definition.unwrap_or_else(|| panic!("no text for the recorded name `{expression}`")))]
}

#[test]
fn every_node_passes_gradcheck_and_none_is_missing() {
    let seen = RefCell::new(BTreeSet::new());
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        let result = TestRunner::new(config).run(&sizes(), |s| check(s, &seen).map_err(TestCaseError::fail));
        match result {
            Ok(()) => {}
            Err(TestError::Fail(reason, value)) => failures.push(format!("{name}: {reason} at {value:?}")),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let mut sources = BTreeSet::new();
    recorded_in_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for known in
        ["linear", "conv1d", "max_pool2d", "rnn", "lstm", "gru", "cross_entropy", "bce_with_logits_loss"]
    {
        assert!(sources.contains(known), "the search of the sources no longer finds `{known}`");
    }
    let seen: BTreeSet<String> = seen.into_inner().into_iter().map(str::to_string).collect();
    let missing: Vec<&String> = sources.difference(&seen).collect();
    assert!(missing.is_empty(), "nodes without a gradcheck: {missing:?}; add a check for each to this file");
}
