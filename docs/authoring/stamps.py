"""What ties a notebook to the run that made its outputs: hashes, regions and the stamp itself.

Pure functions of notebooks (as dicts) and of a checkout; `render.py` writes what these compute.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP_KEY = "gan_course"
LESSON_KEY = "gan_course_lesson"
PRESET = "laptop"


def notebook_paths(root: Path = ROOT) -> list[Path]:
    """Return the lessons of a checkout, in their order."""
    return sorted((root / "notebooks").glob("*.ipynb"))


def read_notebook(path: Path) -> dict:
    """Return a notebook as a dict whose sources are strings (the file may hold lists of lines)."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def write_notebook(path: Path, notebook: dict) -> None:
    """Write a notebook in Jupyter's own layout, whole or not at all."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    text = json.dumps(copy, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def repository_slug(root: Path = ROOT) -> str:
    """Return the one slug ``owner/name`` that pyproject.toml states.

    Raises:
        ValueError: pyproject.toml has no [tool.gan_course] repository.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^\[tool\.gan_course\]\nrepository = "([^"]+)"$', text, re.MULTILINE)
    if not found:
        raise ValueError("pyproject.toml must state repository under [tool.gan_course].")
    return found.group(1)


def region(name: str) -> re.Pattern[str]:
    """Return the pattern of a generated region; group 2 is what is between its two marks."""
    return re.compile(rf"(<!-- {name}:begin -->)(.*?)(<!-- {name}:end -->)", re.DOTALL)


def replace_region(text: str, name: str, content: str) -> str:
    """Return a text with the content of a generated region replaced (unchanged without one)."""
    return region(name).sub(lambda m: f"{m.group(1)}\n{content}\n{m.group(3)}", text)


def cells_hash(notebook: dict, slug: str) -> str:
    """Return the sha256 of the cells' types and sources, without what is generated.

    Args:
        notebook: the notebook as a dict; outputs and metadata do not count.
        slug: the repository's ``owner/name``; a fork that changes it makes nothing stale.
    """
    digest = hashlib.sha256()
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).replace(f"github.com/{slug}", "github.com/SLUG")
        for name in ("facts", "badge"):
            source = region(name).sub(r"\1\3", source)
        digest.update(json.dumps([cell["cell_type"], source]).encode())
    return digest.hexdigest()


def outputs_hash(notebook: dict) -> str:
    """Return the sha256 of all outputs: a later run by hand must not pass for the render."""
    outputs = [
        [cell.get("execution_count"), *(_joined(output) for output in cell.get("outputs", []))]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def _joined(value: object) -> object:
    """Return an output with lists of lines joined, since editors split long strings or do not."""
    if isinstance(value, dict):
        return {key: _joined(part) for key, part in value.items()}
    if isinstance(value, list):
        if all(isinstance(part, str) for part in value):
            return "".join(value)
        return [_joined(part) for part in value]
    return value


def package_hash(root: Path = ROOT) -> str:
    """Return the sha256 over the names and texts of gan_course's modules."""
    digest = hashlib.sha256()
    for path in sorted((root / "gan_course").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        digest.update(json.dumps([name, path.read_text(encoding="utf-8")]).encode())
    return digest.hexdigest()


def stale_reason(notebook: dict, slug: str) -> str:
    """Return why the outputs are not those of the cells, or "" when they are."""
    stamp = notebook["metadata"].get(STAMP_KEY)
    if not stamp:
        return "never rendered"
    if stamp.get("preset") != PRESET:
        return f"rendered in preset {stamp.get('preset')}, not {PRESET}"
    if stamp.get("cells_sha256") != cells_hash(notebook, slug):
        return "its cells changed after it was rendered"
    if stamp.get("outputs_sha256") != outputs_hash(notebook):
        return "its outputs changed after it was rendered"
    return ""


def possibly_stale(notebook: dict, package_sha256: str) -> bool:
    """Return whether the package changed since a notebook was rendered."""
    return notebook["metadata"].get(STAMP_KEY, {}).get("package_sha256") != package_sha256
