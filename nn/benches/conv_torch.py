#!/usr/bin/env python3
"""Convolutions and a pooling, here and in PyTorch, in turn.

    python3 nn/benches/conv_torch.py

Each layer forward without gradients, and forward and backward with those of input, weight and bias; f32, two threads.
Needs torch and cargo.
"""
import pathlib, statistics, subprocess, time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# kind, input channels, output channels, kernel, stride, padding, dilation, groups, batch, sizes
LAYERS = [
    ("Conv2d", 1, 6, 5, 1, 0, 1, 1, 32, 28, 28),
    ("Conv2d", 6, 16, 5, 1, 0, 1, 1, 32, 14, 14),
    ("Conv2d", 16, 32, 3, 1, 1, 1, 1, 16, 56, 56),
    ("Conv2d", 64, 64, 3, 1, 1, 1, 1, 8, 28, 28),
    ("Conv2d", 64, 128, 1, 1, 0, 1, 1, 8, 28, 28),
    ("Conv2d", 3, 32, 3, 2, 1, 1, 1, 8, 112, 112),
    ("Conv2d", 64, 128, 3, 2, 1, 1, 1, 8, 28, 28),
    ("Conv2d", 32, 32, 3, 1, 2, 2, 1, 8, 28, 28),
    ("Conv2d", 32, 32, 3, 1, 1, 1, 32, 8, 56, 56),
    ("Conv2d", 32, 32, 3, 2, 1, 1, 32, 8, 56, 56),
    ("Conv1d", 64, 64, 3, 1, 1, 1, 1, 32, 128),
    ("Conv1d", 64, 64, 5, 2, 2, 1, 1, 32, 128),
    ("MaxPool2d", 32, 0, 2, 2, 0, 1, 1, 16, 56, 56),
    ("MaxPool2d", 32, 0, 3, 2, 1, 1, 1, 16, 56, 56),
    ("AvgPool2d", 32, 0, 2, 2, 0, 1, 1, 16, 56, 56),
]


def name(kind, inputs, outputs, kernel, stride, padding, dilation, groups, batch, *sizes):
    channels = f" {inputs}->{outputs}" if outputs else ""
    options = [f"{letter}{value}" for letter, value, usual in
               (("s", stride, 1), ("p", padding, 0), ("d", dilation, 1), ("g", groups, 1)) if value != usual]
    return " ".join([f"{kind}{channels} k{kernel}", *options, "on", "x".join(map(str, (batch, inputs, *sizes)))])


def median(step, steps=10):
    rounds = []
    for _ in range(11):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        rounds.append((time.perf_counter() - start) / steps * 1e6)
    return statistics.median(rounds)


def torch_times(kind, inputs, outputs, kernel, stride, padding, dilation, groups, batch, *sizes):
    make = getattr(torch.nn, kind)
    if outputs:
        layer = make(inputs, outputs, kernel, stride, padding, dilation, groups)
    else:
        layer = make(kernel, stride, padding)
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
            print(f"{name(*layer):46} {what:20} {theirs:7.0f} us {ours:7.0f} us {ratio:5.2f}")


if __name__ == "__main__":
    main()
