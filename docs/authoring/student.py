"""Write copies of the lessons without solutions and outputs to build/student: `make student`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import stamps

TAG = re.compile(r"<details\b[^>]*>|</details>", re.IGNORECASE)
SOLUTION = re.compile(r"<details\b[^>]*>\s*<summary>\W*(?:<\w+>)?\s*solution", re.IGNORECASE)


def without_solutions(text: str) -> str:
    """Return Markdown without its folded solutions; other folds, such as hints, stay.

    Raises:
        ValueError: a solution's <details> is never closed.
    """
    while start := SOLUTION.search(text):
        depth, end = 0, None
        for tag in TAG.finditer(text, start.start()):
            depth += -1 if tag.group().startswith("</") else 1
            if depth == 0:
                end = tag.end()
                break
        if end is None:
            raise ValueError(f"a solution is never closed: {text[start.start() :][:60]!r}")
        text = text[: start.start()].rstrip("\n") + text[end:]
    return text


def student_copy(notebook: dict) -> dict:
    """Return a notebook without solutions, outputs, execution counts and stamp."""
    cells = []
    for cell in notebook["cells"]:
        cell = dict(cell)
        if "solution" in cell["metadata"].get("tags", []):
            continue
        if cell["cell_type"] == "markdown":
            cell["source"] = without_solutions(cell["source"])
            if not cell["source"].strip():
                continue
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    kept = {k: v for k, v in notebook["metadata"].items() if k != stamps.STAMP_KEY}
    return {**notebook, "cells": cells, "metadata": kept}


def main(root: Path = stamps.ROOT) -> int:
    """Write every copy; return the exit status."""
    folder = root / "build" / "student"
    folder.mkdir(parents=True, exist_ok=True)
    paths = stamps.notebook_paths(root)
    for path in paths:
        stamps.write_notebook(folder / path.name, student_copy(stamps.read_notebook(path)))
    print(f"{len(paths)} student copies are in {folder.relative_to(root)}/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
