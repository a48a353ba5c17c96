#!/usr/bin/env python3
"""A 2-layer bidirectional LSTM from PyTorch to Refrain and from Refrain to PyTorch.

    python3 weights/roundtrip.py

Needs torch, numpy and safetensors, and cargo. Loads strictly on both sides, compares the outputs, and exits with 1
where the largest difference is above 1e-6.
"""
import pathlib, subprocess, sys, tempfile

import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent


def lstm():
    return torch.nn.LSTM(13, 32, num_layers=2, bidirectional=True)


def main():
    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = pathlib.Path(folder)
        x, ours = torch.randn(24, 5, 13), lstm()
        save_file({"x": x}, folder / "input.safetensors")
        save_file(ours.state_dict(), folder / "from_torch.safetensors")
        subprocess.run(["cargo", "run", "--quiet", "--release", "-p", "refrain-weights", "--example", "roundtrip", "--", folder],
                       cwd=ROOT, check=True)
        to = (load_file(folder / "output.safetensors")["y"] - ours(x)[0]).abs().max().item()
        theirs = lstm()
        theirs.load_state_dict(load_file(folder / "from_refrain.safetensors"), strict=True)
        back = (load_file(folder / "expected.safetensors")["y"] - theirs(x)[0]).abs().max().item()
    print(f"PyTorch {torch.__version__.split('+')[0]} -> Refrain: largest difference of the outputs {to:.1e}")
    print(f"Refrain -> PyTorch {torch.__version__.split('+')[0]}: largest difference of the outputs {back:.1e}")
    sys.exit(max(to, back) > 1e-6)


if __name__ == "__main__":
    main()
