"""What every lesson must hold, as functions from a notebook to a list of sentences about it.

tests/test_notebooks.py runs every check on every notebook; tests/test_authoring.py shows that each
check can fail.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator

import stamps

MARK = "# NBVAL_CHECK_OUTPUT"
HEADINGS = (
    "You will be able to", "Recall", "What can go wrong", "Summary", "Self-quiz", "Further reading",
)  # fmt: skip
SETUP = (
    "import os, sys\n"
    'if "google.colab" in sys.modules: os.path.isdir("/content/gan-course") or os.system('
    '"git clone -q --depth 1 https://github.com/{slug} /content/gan-course"); '
    'sys.path.insert(0, "/content/gan-course")\n'
    'from gan_course import session; course = session.start("{lesson}")'
)
LIMITS = {"seconds": 480, "longest_cell_seconds": 150, "peak_memory_mb": 3072}
MOST_LINES = 25
MOST_BYTES = 3_000_000

Check = Callable[[dict, str, str], list[str]]


def code_cells(notebook: dict) -> Iterator[tuple[int, dict]]:
    """Yield the position and the cell of each code cell that is not empty."""
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code" and cell["source"].strip():
            yield index, cell


def prose(notebook: dict) -> str:
    """Return the text of all Markdown cells."""
    cells = notebook["cells"]
    return "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")


def tags(cell: dict) -> list[str]:
    """Return the tags of a cell."""
    return cell.get("metadata", {}).get("tags", [])


def syntax_tree(source: str) -> ast.AST:
    """Return the syntax tree of a cell; lines for IPython alone count as ``pass``."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    return ast.parse("\n".join(lines))


def stamp_is_true(notebook: dict, lesson: str, slug: str) -> list[str]:
    """The stamp is there and belongs to these cells and outputs."""
    reason = stamps.stale_reason(notebook, slug)
    return [f"stale: {reason}; run make render"] if reason else []


def within_limits(notebook: dict, lesson: str, slug: str) -> list[str]:
    """The stamped run kept within the limits of time and memory, and the file within its size."""
    stamp = notebook["metadata"].get(stamps.STAMP_KEY, {})
    said = []
    for name, limit in LIMITS.items():
        if not 0 <= stamp.get(name, -1) <= limit:
            said.append(f"{name} is {stamp.get(name)}, allowed are {limit}")
    size = len(json.dumps(notebook, ensure_ascii=False, indent=1).encode())
    if size > MOST_BYTES:
        said.append(f"the file has {size} bytes, allowed are {MOST_BYTES}")
    return said


def ran_top_to_bottom(notebook: dict, lesson: str, slug: str) -> list[str]:
    """Every code cell ran, in order, in one kernel."""
    counts = [cell["execution_count"] for _, cell in code_cells(notebook)]
    expected = list(range(1, len(counts) + 1))
    return [] if counts and counts == expected else [f"execution counts are {counts}"]


def errors_are_meant(notebook: dict, lesson: str, slug: str) -> list[str]:
    """Cells tagged raises-exception end in an error, and no others do."""
    said = []
    for index, cell in code_cells(notebook):
        failed = any(output["output_type"] == "error" for output in cell["outputs"])
        if failed != ("raises-exception" in tags(cell)):
            said.append(f"cell {index} {'fails without' if failed else 'has'} raises-exception")
    return said


def cells_are_short(notebook: dict, lesson: str, slug: str) -> list[str]:
    """No code cell is longer than a reader can take in."""
    lengths = (
        (index, sum(bool(line.strip()) for line in cell["source"].splitlines()))
        for index, cell in code_cells(notebook)
    )
    return [
        f"cell {i} has {n} lines, allowed are {MOST_LINES}" for i, n in lengths if n > MOST_LINES
    ]


def setup_is_the_same(notebook: dict, lesson: str, slug: str) -> list[str]:
    """The first code cell is the setup cell, with this lesson's name."""
    first = next((cell["source"] for _, cell in code_cells(notebook)), "")
    expected = SETUP.format(slug=slug, lesson=lesson)
    return [] if first.strip() == expected else [f"the first code cell must be:\n{expected}"]


def compared_cells(notebook: dict, lesson: str, slug: str) -> list[str]:
    """At least five cells are compared by nbval, and each has outputs to compare."""
    marked = [(i, cell) for i, cell in code_cells(notebook) if MARK in cell["source"]]
    said = [f"cell {i} is marked but has no output" for i, cell in marked if not cell["outputs"]]
    if len(marked) < 5:
        said.append(f"{len(marked)} cells carry {MARK}, at least 5 must")
    return said


def preset_changes_numbers_only(notebook: dict, lesson: str, slug: str) -> list[str]:
    """No branch depends on the preset."""
    said = []
    for index, cell in code_cells(notebook):
        for node in ast.walk(syntax_tree(cell["source"])):
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                conditions = [node.test]
            elif isinstance(node, ast.Match):
                conditions = [node.subject]
            elif isinstance(node, ast.comprehension):
                conditions = node.ifs
            elif isinstance(node, ast.BoolOp | ast.Compare):
                conditions = [node]
            else:
                continue
            if any("preset" in ast.dump(condition).lower() for condition in conditions):
                said.append(f"cell {index} branches on the preset")
                break
    return said


def only_public_names(notebook: dict, lesson: str, slug: str) -> list[str]:
    """A lesson reaches into no private name."""
    said = []
    for index, cell in code_cells(notebook):
        for node in ast.walk(syntax_tree(cell["source"])):
            names: list[str] = []
            if isinstance(node, ast.Attribute):
                names = [node.attr]
            elif isinstance(node, ast.ImportFrom):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [part for alias in node.names for part in alias.name.split(".")]
            private = [n for n in names if n.startswith("_") and not n.endswith("__")]
            said += [f"cell {index} uses the private name {name}" for name in private]
    return said


def images_have_alt_text(notebook: dict, lesson: str, slug: str) -> list[str]:
    """Every picture says in words what it shows."""
    said = []
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            notes = output.get("metadata", {})
            for mime, content in output.get("data", {}).items():
                if mime.startswith("image/"):
                    if not (notes.get(mime, {}).get("alt") or notes.get("alt")):
                        said.append(f"cell {index} has an {mime} without alt text")
                elif mime == "text/html":
                    said += _images_without_alt(index, "".join(content))
        if cell["cell_type"] == "markdown":
            said += _images_without_alt(index, cell["source"])
            if re.search(r"!\[\s*\]\(", cell["source"]):
                said.append(f"cell {index} has a picture without alt text")
    return said


def _images_without_alt(index: int, html: str) -> list[str]:
    """Return a sentence for each img element of a text that has no alt text."""
    images = re.findall(r"<img\b[^>]*>", html, re.IGNORECASE)
    bare = [image for image in images if not re.search(r"alt=[\"']?[^\"'\s>]", image)]
    return [f"cell {index} has an <img> without alt text"] * len(bare)


def anatomy_is_complete(notebook: dict, lesson: str, slug: str) -> list[str]:
    """The parts of a lesson are there, each as a heading or in bold at the start of a line."""
    text, said = prose(notebook), []
    for heading in HEADINGS:
        if not re.search(rf"^\W*(?:#|\*\*).*{heading}", text, re.IGNORECASE | re.MULTILINE):
            said.append(f"there is no part {heading!r}")
    for name in ("facts", "badge"):
        if not stamps.region(name).search(text):
            said.append(f"there is no generated region {name!r}")
    wanted = {"title", "question", "prerequisites", "live", "recorded"}
    missing = wanted - set(notebook["metadata"].get(stamps.LESSON_KEY, {}))
    return said + [f"metadata {stamps.LESSON_KEY} lacks {name}" for name in sorted(missing)]


def folds_are_closed(notebook: dict, lesson: str, slug: str) -> list[str]:
    """Every <details> of a Markdown cell closes in that cell."""
    cells = [(i, c["source"].lower()) for i, c in enumerate(notebook["cells"])]
    return [
        f"cell {i} has <details> that do not close"
        for i, text in cells
        if notebook["cells"][i]["cell_type"] == "markdown"
        and len(re.findall(r"<details\b", text)) != text.count("</details>")
    ]


def no_machine_paths(notebook: dict, lesson: str, slug: str) -> list[str]:
    """No output names a folder of the machine that rendered it."""
    said = []
    for index, cell in code_cells(notebook):
        text = json.dumps(
            [{**o, "data": o.get("data", {}).get("text/plain")} for o in cell["outputs"]]
        )
        if found := re.search(r"(?<![\w.])/(home|root|Users|tmp|work|mnt)/[\w./-]+", text):
            said.append(f"cell {index} shows the path {found.group()}")
    return said


CHECKS: tuple[Check, ...] = (
    stamp_is_true, within_limits, ran_top_to_bottom, errors_are_meant, cells_are_short,
    setup_is_the_same, compared_cells, preset_changes_numbers_only, only_public_names,
    images_have_alt_text, anatomy_is_complete, folds_are_closed, no_machine_paths,
)  # fmt: skip
