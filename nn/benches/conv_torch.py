#!/usr/bin/env python3
"""Convolutions and a pooling, here and in PyTorch, in turn.

    python3 nn/benches/conv_torch.py

Each layer forward without gradients, and forward and backward with those of input, weight and bias; f32, two threads.
Needs torch and cargo.
"""
import pathlib, statistics, subprocess, time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# axes, input channels, output channels (0: a maximum), kernel, padding, batch, sizes
LAYERS = [
    (2, 1, 6, 5, 0, 32, 28, 28),
    (2, 6, 16, 5, 0, 32, 14, 14),
    (2, 16, 32, 3, 1, 16, 56, 56),
    (2, 64, 64, 3, 1, 8, 28, 28),
    (2, 64, 128, 1, 0, 8, 28, 28),
    (1, 64, 64, 3, 1, 32, 128),
    (2, 32, 0, 2, 0, 16, 56, 56),
]


def name(axes, inputs, outputs, kernel, padding, batch, *sizes):
    layer = f"Conv{axes}d {inputs}->{outputs} k{kernel} p{padding}" if outputs else f"MaxPool{axes}d {kernel}"
    return f"{layer} on {[batch, inputs, *sizes]}"


def median(step, steps=10):
    rounds = []
    for _ in range(11):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        rounds.append((time.perf_counter() - start) / steps * 1e6)
    return statistics.median(rounds)


def torch_times(axes, inputs, outputs, kernel, padding, batch, *sizes):
    make = torch.nn.Conv1d if axes == 1 else torch.nn.Conv2d
    layer = make(inputs, outputs, kernel, padding=padding) if outputs else torch.nn.MaxPool2d(kernel)
    x = torch.randn(batch, inputs, *sizes, requires_grad=True)
    cotangent = torch.ones_like(layer(x))

    def forward():
        with torch.no_grad():
            layer(x)

    def backward():
        layer.zero_grad()
        x.grad = None
        layer(x).backward(cotangent)

    return median(forward), median(backward)


def refrain_times():
    layers = [",".join(map(str, layer)) for layer in LAYERS]
    run = subprocess.run(["cargo", "run", "--quiet", "--release", "-p", "refrain-nn", "--example", "conv_step", "--", *layers],
                         cwd=ROOT, check=True, capture_output=True, text=True)
    return [tuple(map(float, line.split())) for line in run.stdout.splitlines()]


def main():
    torch.set_num_threads(2)
    refrain_times(), [torch_times(*layer) for layer in LAYERS]  # builds and warms up
    rounds = [([torch_times(*layer) for layer in LAYERS], refrain_times()) for _ in range(5)]
    print(f"PyTorch {torch.__version__.split('+')[0]}; medians of 5 rounds, the ratio is ours over theirs")
    for k, layer in enumerate(LAYERS):
        for pass_, what in enumerate(("forward", "forward and backward")):
            theirs, ours = (statistics.median(r[side][k][pass_] for r in rounds) for side in (0, 1))
            ratio = statistics.median(r[1][k][pass_] / r[0][k][pass_] for r in rounds)
            print(f"{name(*layer):42} {what:20} {theirs:7.0f} us {ours:7.0f} us {ratio:5.2f}")


if __name__ == "__main__":
    main()
