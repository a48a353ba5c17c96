#!/usr/bin/env python3
"""One training step of "hello" -> "ohlol", here and in PyTorch, in turn.

    python3 nn/benches/hello_torch.py

RNN of 4 inputs and 4 hidden units, 5 steps, batch 1, cross entropy, backward, Adam; f32. Needs torch and cargo.
"""
import pathlib, statistics, subprocess, time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def torch_step(steps=500):
    torch.manual_seed(7)
    x = torch.nn.functional.one_hot(torch.tensor([1, 0, 2, 2, 3]), 4).float().unsqueeze(1)
    y = torch.tensor([3, 1, 2, 3, 2])
    rnn, loss = torch.nn.RNN(4, 4), torch.nn.CrossEntropyLoss()
    adam = torch.optim.Adam(rnn.parameters(), lr=0.001)
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(steps):
            adam.zero_grad()
            loss(rnn(x)[0].view(-1, 4), y).backward()
            adam.step()
        rounds.append((time.perf_counter() - start) / steps * 1e6)
    return statistics.median(rounds)


def refrain_step():
    run = subprocess.run(["cargo", "run", "--quiet", "--release", "-p", "refrain-nn", "--example", "hello_step"],
                         cwd=ROOT, check=True, capture_output=True, text=True)
    return float(run.stdout)


def main():
    torch.set_num_threads(2)
    refrain_step(), torch_step(50)  # builds and warms up
    pairs = [(torch_step(), refrain_step()) for _ in range(5)]
    theirs, ours = (statistics.median(side) for side in zip(*pairs))
    ratios = [t / r for t, r in pairs]
    print(f"PyTorch {torch.__version__.split('+')[0]}: {theirs:.0f} us, Refrain: {ours:.1f} us, "
          f"ratio {statistics.median(ratios):.0f} (of 5 rounds: {min(ratios):.0f} to {max(ratios):.0f})")


if __name__ == "__main__":
    main()
