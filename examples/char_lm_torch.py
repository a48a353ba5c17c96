#!/usr/bin/env python3
"""The example char_lm beside the same model in PyTorch.

    python3 examples/char_lm_torch.py --steps 300

Both begin from the same weights (char_lm writes them), read the same text, and make the same steps: Adam,
the norm of the gradients clipped at 1, the state carried from chunk to chunk. The script prints the
characters a second of both and the bits per character on the validation text after the last step.

Needs: pip install torch numpy safetensors, and cargo. Let nothing else run meanwhile.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

ROOT = Path(__file__).resolve().parent.parent


def char_lm(folder, threads, *arguments):
    """What `char_lm train` says of itself with --json."""
    command = ["cargo", "run", "--quiet", "--release", "--example", "char_lm", "--", "train", "--overwrite", "--json"]
    command += ["--checkpoint", f"{folder}/run.safetensors", "--export", f"{folder}/weights.safetensors", *arguments]
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def read_text(path):
    """A file, or the sources and documents of the workspace in the order that char_lm gives them."""
    if path:
        return Path(path).read_bytes().decode()
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in ("target", "out")]
        found += [Path(folder, name).relative_to(ROOT) for name in files if name.endswith((".rs", ".md"))]
    return "".join((ROOT / path).read_bytes().decode() for path in sorted(found, key=lambda path: path.parts))


class CharModel(nn.Module):
    """The model, under the names that char_lm gives its parameters."""

    def __init__(self, about):
        super().__init__()
        width, hidden, characters = int(about["embedding"]), int(about["hidden"]), len(about["vocabulary"])
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[about["cell"]]
        self.embedding = nn.Embedding(characters, width)
        self.recurrent = kind(width, hidden, int(about["layers"]), dropout=float(about["dropout"]))
        self.head = nn.Linear(hidden, characters)

    def forward(self, letters, state):
        out, state = self.recurrent(self.embedding(letters), state)
        return self.head(out).flatten(0, 1), state


def detached(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def chunks(letters, streams, chunk):
    """Inputs and targets `[steps, streams]`, chunk after chunk, as refrain_data::Streams cuts them."""
    length = (len(letters) - 1) // streams
    inputs, targets = (letters[first:][: streams * length].reshape(streams, length).T for first in (0, 1))
    for start in range(0, length, chunk):
        yield inputs[start : start + chunk], targets[start : start + chunk].reshape(-1)


def bits_per_character(model, letters, streams, chunk):
    streams = max(1, min(streams, (len(letters) - 1) // chunk))
    state, total, count = None, 0.0, 0
    with torch.no_grad():
        for inputs, targets in chunks(letters, streams, chunk):
            logits, state = model(inputs, state)
            total += nn.functional.cross_entropy(logits, targets).item() * len(targets)
            count += len(targets)
    return total / count / np.log(2)


def train(weights, letters, steps):
    """Characters a second, and bits per character on the validation text."""
    with safe_open(weights, "pt") as file:
        about = file.metadata()
        model = CharModel(about)
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()}, strict=True)
    settings = json.loads(about["settings"])
    boundary = len(letters) - len(letters) // 10
    training, validation = letters[:boundary], letters[boundary:][: settings["eval-chars"] + 1]
    streams, chunk = settings["streams"], settings["chunk"]
    adam = torch.optim.Adam(model.parameters(), lr=settings["lr"])
    step, spent = 0, 0.0
    while step < steps:
        state = None
        for inputs, targets in chunks(training, streams, chunk):
            start = time.perf_counter()
            logits, state = model(inputs, state)
            loss = nn.functional.cross_entropy(logits, targets)
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
            adam.step()
            state = detached(state)
            spent += time.perf_counter() - start
            step += 1
            if step == steps:
                break
    model.eval()
    return steps * streams * chunk / spent, bits_per_character(model, validation, streams, chunk)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--text", help="a UTF-8 text [default: that of char_lm]")
    parser.add_argument("--cell", choices=["rnn", "lstm", "gru"], default="gru")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    options = ["--cell", arguments.cell] + (["--text", str(Path(arguments.text).resolve())] if arguments.text else [])
    with tempfile.TemporaryDirectory() as folder:
        weights = f"{folder}/weights.safetensors"
        char_lm(folder, arguments.threads, "--steps", "0", *options)
        with safe_open(weights, "pt") as file:
            about = file.metadata()
        place = {letter: index for index, letter in enumerate(about["vocabulary"])}
        indices = np.array([place[letter] for letter in read_text(arguments.text)], dtype="<u2")
        found = f"{len(indices)} characters, checksum {zlib.crc32(indices.tobytes()):08x}"
        assert found == about["text"], f"char_lm read {about['text']}, this script {found}"
        letters = torch.from_numpy(indices.astype(np.int64))
        theirs = train(weights, letters, arguments.steps)
        summary = char_lm(folder, arguments.threads, "--steps", str(arguments.steps), *options)
    ours = summary["characters_per_second"], summary["bits_per_character"]
    print(f"char_lm --cell {arguments.cell}, {found}, {arguments.steps} steps, {arguments.threads} threads")
    print(f"{'':16}{'characters a second':>20}{'bits per character':>20}")
    print(f"{'Refrain':16}{ours[0]:>20,.0f}{ours[1]:>20.4f}")
    print(f"{'PyTorch ' + torch.__version__.split('+')[0]:16}{theirs[0]:>20,.0f}{theirs[1]:>20.4f}")
    difference = abs(ours[1] - theirs[1]) / theirs[1]
    print(f"{ours[0] / theirs[0]:.2f} times as fast, bits per character within {100 * difference:.3f} %")
    return 0 if difference <= 0.02 else 1


if __name__ == "__main__":
    raise SystemExit(main())
