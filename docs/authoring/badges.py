"""Point every badge and the Colab clone at one repository: `make badges REPO=owner/name`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import stamps

IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = re.compile(r"colab\.research\.google\.com/github/([^/\s]+/[^/\s]+)/blob/main/([^\s)\"']+)")
CLONE = re.compile(r"git clone[^\n\"]*https://github\.com/([\w.-]+/[\w.-]+)")


def badge(slug: str, lesson: str) -> str:
    """Return the Markdown of the Colab badge of a lesson such as ``02_vanilla_gan``."""
    page = f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{lesson}.ipynb"
    return f"[![Open in Colab]({IMAGE})]({page})"


def replace_slug(text: str, old: str, new: str) -> str:
    """Return a text whose links to one repository on GitHub or Colab go to another."""
    return re.sub(rf"(github(?:\.com)?/){re.escape(old)}(?![\w-])", rf"\g<1>{new}", text)


def restamp(root: Path, new: str) -> list[Path]:
    """Rewrite the slug everywhere and return the files that changed.

    Args:
        root: the checkout.
        new: ``owner/name``.

    Raises:
        ValueError: ``new`` is not of that form.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*/[\w.-]+", new):
        raise ValueError(f"a repository is named owner/name, as in ada/gan-course; got {new!r}.")
    old = stamps.repository_slug(root)
    changed = []
    for path in stamps.notebook_paths(root):
        notebook = stamps.read_notebook(path)
        before = [cell["source"] for cell in notebook["cells"]]
        for cell in notebook["cells"]:
            source = replace_slug(cell["source"], old, new)
            cell["source"] = stamps.replace_region(source, "badge", badge(new, path.stem))
        if before != [cell["source"] for cell in notebook["cells"]]:
            stamps.write_notebook(path, notebook)
            changed.append(path)
    texts = [root / "README.md", root / "CITATION.cff", *sorted((root / "docs").glob("*.md"))]
    for path in [*texts, root / "pyproject.toml"]:
        if not path.exists():
            continue
        before = path.read_text(encoding="utf-8")
        after = replace_slug(before, old, new)
        if path.name == "pyproject.toml":  # last, so that an interrupted call can be repeated
            after = after.replace(f'\nrepository = "{old}"\n', f'\nrepository = "{new}"\n')
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def problems(root: Path) -> list[str]:
    """Return a sentence for each badge or clone that disagrees with pyproject.toml or the files."""
    slug = stamps.repository_slug(root)
    said = []
    texts = {}
    if (root / "README.md").exists():
        texts["README.md"] = (root / "README.md").read_text(encoding="utf-8")
    for path in stamps.notebook_paths(root):
        cells = stamps.read_notebook(path)["cells"]
        text = texts[f"notebooks/{path.name}"] = "\n".join(cell["source"] for cell in cells)
        if badge(slug, path.stem) not in text:
            said.append(f"notebooks/{path.name} has no badge of its own")
        if not CLONE.search(text):
            said.append(f"notebooks/{path.name} has no clone for Colab")
    for name, text in texts.items():
        for found, target in COLAB.findall(text):
            if found != slug:
                said.append(f"{name} has a badge of {found}, not of {slug}")
            if not (root / target).exists():
                said.append(f"{name} has a badge of {target}, which does not exist")
        said += [f"{name} clones {f}, not {slug}" for f in CLONE.findall(text) if f != slug]
    return said


def main(arguments: list[str] | None = None, root: Path = stamps.ROOT) -> int:
    """Restamp from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", metavar="owner/name")
    try:
        changed = restamp(root, parser.parse_args(arguments).repository)
    except ValueError as error:
        print(f"badges: {error}", file=sys.stderr)
        return 1
    print(
        "\n".join(f"changed {path.relative_to(root)}" for path in changed) or "Nothing to change."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
