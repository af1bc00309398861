"""The generated tables: the facts of each lesson and README's list of lessons."""

from __future__ import annotations

from pathlib import Path

import badges
import stamps


def facts_table(metadata: dict) -> str:
    """Return the facts table of a lesson from its metadata and its stamp."""
    lesson, stamp = metadata.get(stamps.LESSON_KEY, {}), metadata.get(stamps.STAMP_KEY)
    measured = "not measured yet"
    if stamp:
        measured = (
            f"{stamp['seconds'] / 60:.1f} minutes (longest cell {stamp['longest_cell_seconds']:.0f}"
            f" s), measured on {stamp['date']} in preset `{stamp['preset']}`"
        )
    rows = [
        ("Run All on two CPU cores", measured),
        ("Run All on a GPU", lesson.get("gpu", "not measured")),
        ("Before this lesson", _phrase(lesson.get("prerequisites"))),
        ("Trained live", _phrase(lesson.get("live"))),
        ("Recorded", _phrase(lesson.get("recorded"))),
    ]
    return "\n".join(["| facts | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def _phrase(value: str | list[str] | None) -> str:
    """Return a metadata entry, a string or a list of them, as one phrase."""
    return ("; ".join(value) if isinstance(value, list) else value) or "nothing"


def lessons_table(root: Path, slug: str) -> str:
    """Return README's table of the lessons that exist."""
    rows = [
        "| lesson | the question it answers | minutes on two CPU cores | |",
        "|---|---|---|---|",
    ]
    for path in stamps.notebook_paths(root):
        metadata = stamps.read_notebook(path)["metadata"]
        lesson, stamp = metadata.get(stamps.LESSON_KEY, {}), metadata.get(stamps.STAMP_KEY)
        minutes = f"{stamp['seconds'] / 60:.1f} ({stamp['date']})" if stamp else "not measured yet"
        link = f"[{path.stem[:2]} {lesson.get('title', path.stem)}](notebooks/{path.name})"
        question = lesson.get("question", "")
        rows.append(f"| {link} | {question} | {minutes} | {badges.badge(slug, path.stem)} |")
    return "\n".join(rows)


def write_tables(root: Path, slug: str) -> None:
    """Bring the generated regions of notebooks and README up to date."""
    for path in stamps.notebook_paths(root):
        notebook = stamps.read_notebook(path)
        table, badge = facts_table(notebook["metadata"]), badges.badge(slug, path.stem)
        before = [cell["source"] for cell in notebook["cells"]]
        for cell in notebook["cells"]:
            source = stamps.replace_region(cell["source"], "facts", f"\n{table}\n")
            cell["source"] = stamps.replace_region(source, "badge", badge)
        if before != [cell["source"] for cell in notebook["cells"]]:
            stamps.write_notebook(path, notebook)
    readme = root / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        fresh = stamps.replace_region(text, "lessons", f"\n{lessons_table(root, slug)}\n")
        if fresh != text:
            readme.write_text(fresh, encoding="utf-8", newline="\n")
