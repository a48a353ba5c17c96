#!/usr/bin/env python3
"""Runs the Python blocks of the documents, each on its own, as the Rust blocks are run by cargo.

    python3 docs/run_python.py [FILE...]

Needs torch and safetensors. Without files it runs all documents that have Python blocks, those of the lecture and of
the READMEs. Blocks run in a temporary folder. Prints a line for each file, or where a block fails its traceback, with
the lines of the document, and exits with 1.
"""
import os, pathlib, sys, tempfile, traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent


def python_blocks(document):
    """Each block with as many empty lines before it as the document has, so that tracebacks name its lines."""
    block = None
    for number, line in enumerate(document.splitlines(), 1):
        if block is None and line.strip() == "```python":
            block = [""] * number
        elif block is not None and line.strip() == "```":
            yield "\n".join(block)
            block = None
        elif block is not None:
            block.append(line)


def run(path):
    failures, count = 0, 0
    for count, block in enumerate(python_blocks(path.read_text(encoding="utf-8")), 1):
        try:
            exec(compile(block, str(path), "exec"), {"__name__": "__main__"})
        except Exception:
            failures += 1
            traceback.print_exc()
    print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {count - failures} of {count} Python blocks ran")
    return count > 0 and failures == 0


def documents_with_python():
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md")])
    return [path for path in documents if any(python_blocks(path.read_text(encoding="utf-8")))]


if __name__ == "__main__":
    paths = [pathlib.Path(name).resolve() for name in sys.argv[1:]] or documents_with_python()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        failed = not all([run(path) for path in paths])
        os.chdir(ROOT)
    sys.exit(failed)
