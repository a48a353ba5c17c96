#!/usr/bin/env python3
"""Runs the Python blocks of the lecture, each on its own, as the Rust blocks are run by cargo.

    python3 docs/run_python.py [FILE...]

Needs torch. Without files it runs both editions of the lecture. Prints a line for each file, or where a block fails
its traceback, with the lines of the document, and exits with 1.
"""
import pathlib, sys, traceback

HERE = pathlib.Path(__file__).resolve().parent
LECTURE = sorted(HERE.glob("lecture*.md"))


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
    print(f"{path.name}: {count - failures} of {count} Python blocks ran")
    return count > 0 and failures == 0


if __name__ == "__main__":
    paths = [pathlib.Path(name) for name in sys.argv[1:]] or LECTURE
    sys.exit(not all([run(path) for path in paths]))
