"""The authoring tools do what they say, and every check on lessons can fail."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

import anatomy
import badges
import course
import render
import setup_environment
import stamps
import student
import tables

SLUG = "ada/gan"
LESSON = "02_vanilla_gan"
PYPROJECT = (
    'requires-python = ">=3.10"\n"torch>=2.5"\n"torchvision>=0.20"\n'
    f'[tool.gan_course]\nrepository = "{SLUG}"\n'
)


def markdown(source: str) -> dict:
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": source}


def code(source: str, *outputs: dict, tags: tuple[str, ...] = ()) -> dict:
    return {
        "cell_type": "code", "id": "c", "metadata": {"tags": list(tags)}, "source": source,
        "execution_count": None, "outputs": list(outputs),
    }  # fmt: skip


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


ERROR = {"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}
PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "AAAA", "text/plain": "[figure]"},
    "metadata": {"image/png": {"alt": "A curve falls."}},
}


def stamped(notebook: dict) -> dict:
    """Return a notebook with execution counts and a true stamp."""
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell["source"].strip():
            count += 1
            cell["execution_count"] = count
    notebook["metadata"][stamps.STAMP_KEY] = {
        "date": "2026-01-02", "preset": "laptop", "seconds": 100.0, "longest_cell_seconds": 60.0,
        "peak_memory_mb": 900, "machine": "two cores", "probe_seconds": 1.0, "package_sha256": "p",
        "cells_sha256": stamps.cells_hash(notebook, SLUG),
        "outputs_sha256": stamps.outputs_hash(notebook),
    }  # fmt: skip
    return notebook


@pytest.fixture
def lesson() -> dict:
    """A small lesson that passes every check."""
    parts = "\n\n".join(f"## {heading}\n\ntext" for heading in anatomy.HEADINGS)
    fold = "<details><summary>Solution</summary>\n\n`x = 1`\n\n</details>"
    head = (
        f"# Title\n<!-- badge:begin -->\n{badges.badge(SLUG, LESSON)}\n<!-- badge:end -->\n"
        "<!-- facts:begin -->\nold\n<!-- facts:end -->\n"
    )
    compared = [code(f"{anatomy.MARK}\nprint({i})", stream(f"{i}\n")) for i in range(5)]
    cells = [
        markdown(head + parts),
        code(anatomy.SETUP.format(slug=SLUG, lesson=LESSON), stream("ready\n")),
        *compared,
        code("steps = course.choose(quick=1, laptop=2, gpu=3)\nplot()", PICTURE),
        code("raise ValueError('meant')", ERROR, tags=("raises-exception",)),
        markdown(f"Try it. <details><summary>Hint</summary>look</details>\n\n{fold}\n\nGo on."),
    ]
    about = {
        "title": "A GAN", "question": "How?", "prerequisites": ["lesson 01"],
        "live": ["MLP"], "recorded": [],
    }  # fmt: skip
    metadata = {stamps.LESSON_KEY: about}
    return stamped({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def checkout(tmp_path: Path, lesson: dict) -> Path:
    """A checkout with one lesson, a README and a package of one module."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "gan_course").mkdir()
    (tmp_path / "gan_course/__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    link = badges.badge(SLUG, LESSON)
    readme = f"{link}\n\n<!-- lessons:begin -->\n<!-- lessons:end -->\n\nBy github.com/else/where\n"
    (tmp_path / "README.md").write_text(readme)
    stamps.write_notebook(tmp_path / f"notebooks/{LESSON}.ipynb", lesson)
    return tmp_path


@pytest.mark.parametrize("check", anatomy.CHECKS, ids=lambda check: check.__name__)
def test_a_good_lesson_passes(lesson: dict, check):
    assert check(lesson, LESSON, SLUG) == []


def _stamp(**changes):
    return lambda nb: nb["metadata"][stamps.STAMP_KEY].update(changes)


def _source(index: int, text: str):
    return lambda nb: nb["cells"][index].update(source=text)


def _outputs(index: int, *outputs: dict):
    return lambda nb: nb["cells"][index].update(outputs=list(outputs))


HTML = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<img src='a'>"}}
BARE_PICTURE = {**PICTURE, "metadata": {}}
CHOICES = "match course.preset:\n    case 'quick':\n        n = 1"


@pytest.mark.parametrize(
    ("check", "harm"),
    [
        (anatomy.stamp_is_true, lambda nb: nb["metadata"].pop(stamps.STAMP_KEY)),
        (anatomy.stamp_is_true, _stamp(preset="quick")),
        (anatomy.stamp_is_true, _source(2, f"{anatomy.MARK}\nprint(7)")),
        (anatomy.stamp_is_true, _source(0, "other prose")),
        (anatomy.stamp_is_true, _outputs(2, stream("typed by hand\n"))),
        (anatomy.stamp_is_true, lambda nb: nb["cells"].append(markdown("new"))),
        (anatomy.within_limits, _stamp(seconds=481)),
        (anatomy.within_limits, _stamp(longest_cell_seconds=151)),
        (anatomy.within_limits, _stamp(peak_memory_mb=3073)),
        (anatomy.within_limits, lambda nb: nb["metadata"].pop(stamps.STAMP_KEY)),
        (anatomy.within_limits, _outputs(2, stream("x" * 3_000_001))),
        (anatomy.ran_top_to_bottom, lambda nb: nb["cells"][3].update(execution_count=None)),
        (anatomy.ran_top_to_bottom, lambda nb: nb["cells"][3].update(execution_count=9)),
        (anatomy.errors_are_meant, _outputs(2, ERROR)),
        (anatomy.errors_are_meant, _outputs(8, stream("no error\n"))),
        (anatomy.cells_are_short, _source(2, "x = 1\n\n" * 26)),
        (anatomy.setup_is_the_same, _source(1, "from gan_course import session")),
        (anatomy.setup_is_the_same, _source(1, anatomy.SETUP.format(slug=SLUG, lesson="05_x"))),
        (anatomy.compared_cells, _outputs(2)),
        (anatomy.compared_cells, _source(2, "print(0)")),
        (anatomy.preset_changes_numbers_only, _source(7, "if course.preset == 'quick': n = 1")),
        (anatomy.preset_changes_numbers_only, _source(7, "n = 1 if preset == 'gpu' else 2")),
        (anatomy.preset_changes_numbers_only, _source(7, CHOICES)),
        (anatomy.preset_changes_numbers_only, _source(7, "slow = 'GAN_COURSE_PRESET' in env")),
        (anatomy.preset_changes_numbers_only, _source(7, "n = preset == 'quick' and 1")),
        (anatomy.only_public_names, _source(7, "plots._tile(images)")),
        (anatomy.only_public_names, _source(7, "from gan_course.plots import _tile")),
        (anatomy.images_have_alt_text, _outputs(7, BARE_PICTURE)),
        (anatomy.images_have_alt_text, _outputs(7, HTML)),
        (anatomy.images_have_alt_text, _source(9, "![](picture.png)")),
        (anatomy.anatomy_is_complete, _source(0, "# Title")),
        (anatomy.anatomy_is_complete, lambda nb: nb["metadata"].pop(stamps.LESSON_KEY)),
        (anatomy.folds_are_closed, _source(9, "<details><summary>Hint</summary>")),
        (anatomy.no_machine_paths, _outputs(2, stream("File /home/ada/gan/x.py\n"))),
    ],
)
def test_a_harmed_lesson_is_reported(lesson: dict, check, harm):
    harm(lesson)
    assert check(lesson, LESSON, SLUG) != []


def test_every_check_is_shown_to_fail():
    parameters = test_a_harmed_lesson_is_reported.pytestmark[0].args[1]
    assert {check for check, _ in parameters} == set(anatomy.CHECKS)


def test_generated_regions_and_the_slug_do_not_count_as_changes(checkout: Path, lesson: dict):
    path = checkout / f"notebooks/{LESSON}.ipynb"
    changed = badges.restamp(checkout, "grace/fork")
    assert path in changed
    tables.write_tables(checkout, "grace/fork")
    after = stamps.read_notebook(path)
    assert "old" not in after["cells"][0]["source"]
    assert "1.7 minutes" in after["cells"][0]["source"]
    assert stamps.stale_reason(after, "grace/fork") == ""
    assert stamps.stale_reason(lesson, SLUG) == ""


def test_restamping_changes_every_link_and_no_other(checkout: Path):
    assert badges.problems(checkout) == []
    assert badges.main(["grace/fork"], checkout) == 0
    assert badges.problems(checkout) == []
    readme = (checkout / "README.md").read_text()
    assert SLUG not in readme
    assert "github.com/else/where" in readme
    assert stamps.repository_slug(checkout) == "grace/fork"
    assert badges.restamp(checkout, "grace/fork") == []


def test_wrong_and_dead_badges_are_reported(checkout: Path):
    readme = badges.badge("grace/fork", LESSON) + badges.badge(SLUG, "09_missing")
    (checkout / "README.md").write_text(readme)
    said = "\n".join(badges.problems(checkout))
    assert "grace/fork, not of ada/gan" in said
    assert "09_missing.ipynb, which does not exist" in said


@pytest.mark.parametrize("name", ["fork", "a/b/c", "a b/c", ""])
def test_a_malformed_repository_is_refused(checkout: Path, name: str):
    assert badges.main([name], checkout) == 1
    assert stamps.repository_slug(checkout) == SLUG


def test_check_lists_stale_and_possibly_stale(checkout: Path, capsys):
    path = checkout / f"notebooks/{LESSON}.ipynb"
    notebook = stamps.read_notebook(path)
    assert render.check(checkout, SLUG) == 0
    assert "possibly stale" in capsys.readouterr().out
    notebook["metadata"][stamps.STAMP_KEY]["package_sha256"] = stamps.package_hash(checkout)
    stamps.write_notebook(path, notebook)
    assert render.check(checkout, SLUG) == 0
    assert capsys.readouterr().out.startswith("fresh")
    notebook["cells"][2]["source"] += "\n"
    stamps.write_notebook(path, notebook)
    assert render.check(checkout, SLUG) == 1
    assert "its cells changed" in capsys.readouterr().out


def test_the_package_hash_sees_a_change(checkout: Path):
    before = stamps.package_hash(checkout)
    (checkout / "gan_course/__init__.py").write_text("x = 1\n")
    assert stamps.package_hash(checkout) != before


def test_rendering_runs_cells_and_writes_a_true_stamp(checkout: Path):
    path = checkout / f"notebooks/{LESSON}.ipynb"
    notebook = stamps.read_notebook(path)
    notebook["cells"] = [
        markdown("text"),
        code("x = 20 + 1"),
        code(f"{anatomy.MARK}\nx * 2"),
        code("import os, sys\nprint(os.environ['GAN_COURSE_PRESET'], file=sys.stderr)"),
        code("1 / 0", tags=("raises-exception",)),
    ]
    stamps.write_notebook(path, notebook)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_COURSE_PRESET", "laptop")
        stamp = render.render(path, checkout, SLUG, probe=1.0)
    after = stamps.read_notebook(path)
    assert after["cells"][2]["outputs"][0]["data"]["text/plain"] == "42"
    assert after["cells"][3]["outputs"][0]["text"] == "laptop\n"
    for check in (anatomy.stamp_is_true, anatomy.within_limits, anatomy.ran_top_to_bottom):
        assert check(after, LESSON, SLUG) == []
    assert anatomy.errors_are_meant(after, LESSON, SLUG) == []
    assert anatomy.no_machine_paths(after, LESSON, SLUG) == []
    assert stamp["peak_memory_mb"] > 10
    assert set(after["metadata"]["language_info"]) == {"name"}
    assert after["metadata"][stamps.LESSON_KEY] == notebook["metadata"][stamps.LESSON_KEY]


def test_a_failing_cell_leaves_the_notebook_as_it_was(checkout: Path):
    from nbclient.exceptions import CellExecutionError

    path = checkout / f"notebooks/{LESSON}.ipynb"
    notebook = stamps.read_notebook(path)
    notebook["cells"] = [code("1 / 0")]
    stamps.write_notebook(path, notebook)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError):
        render.render(path, checkout, SLUG, probe=1.0)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_noise_is_removed_from_outputs_and_results_stay(tmp_path: Path):
    widget = {
        "output_type": "display_data", "metadata": {},
        "data": {render.WIDGET: {}, "text/plain": "HBox()"},
    }  # fmt: skip
    both = copy.deepcopy(widget)
    both["data"]["image/png"] = "AAAA"
    warning = stream(f"{tmp_path}/gan_course/losses.py:3: UserWarning: look\n", "stderr")
    bar = stream(" 50%|#####     | 5/10\r", "stderr")
    kept = render.clean_outputs([stream("result\n"), widget, both, bar, warning], tmp_path)
    assert [o["output_type"] for o in kept] == ["stream", "display_data", "stream"]
    assert set(kept[1]["data"]) == {"text/plain", "image/png"}
    assert kept[2]["text"].startswith("gan_course/losses.py:3")


def test_student_copies_have_no_solutions_outputs_or_stamp(checkout: Path):
    assert student.main(checkout) == 0
    text = (checkout / f"build/student/{LESSON}.ipynb").read_text()
    made = json.loads(text)
    assert "Solution" not in text
    assert "x = 1" not in text
    assert "Hint" in text
    assert "Go on." in text
    assert stamps.STAMP_KEY not in made["metadata"]
    assert all(not cell["outputs"] for cell in made["cells"] if cell["cell_type"] == "code")


def test_nested_folds_go_with_their_solution_and_open_ones_are_refused():
    nested = "<details><summary>Solution</summary><details>a</details>b</details>c"
    assert student.without_solutions(nested) == "c"
    with pytest.raises(ValueError, match="never closed"):
        student.without_solutions("<details><summary>Solution</summary>")


def test_the_lessons_table_lists_what_exists(checkout: Path):
    tables.write_tables(checkout, SLUG)
    readme = (checkout / "README.md").read_text()
    assert f"[02 A GAN](notebooks/{LESSON}.ipynb) | How? | 1.7 (2026-01-02)" in readme


def test_a_ready_environment_is_left_alone(checkout: Path, monkeypatch):
    venv = checkout / ".venv"
    venv.mkdir()
    state = setup_environment.wanted_state(checkout, None, {})
    (venv / setup_environment.STAMP).write_text(json.dumps(state))
    calls = []
    monkeypatch.setattr(setup_environment, "works", lambda *arguments: True)
    monkeypatch.setattr(setup_environment, "check_disk", lambda *arguments: None)
    monkeypatch.setattr(setup_environment, "pip_install", lambda *a: calls.append(a[1]))
    monkeypatch.setattr(setup_environment, "create", lambda venv: calls.append("create"))
    setup_environment.ensure(checkout)
    assert calls == []
    (checkout / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    setup_environment.ensure(checkout)
    assert [call[-2:] for call in calls] == [["-e", ".[dev]"]]
    setup_environment.ensure(checkout)
    assert len(calls) == 1
    setup_environment.ensure(checkout, "cpu")
    assert "torch>=2.5" in calls[1]
    assert setup_environment.CPU_INDEX in calls[1]


def test_an_interrupted_build_is_finished(checkout: Path, monkeypatch):
    calls = []

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(setup_environment, "check_disk", lambda *arguments: None)
    monkeypatch.setattr(setup_environment, "create", lambda venv: venv.mkdir(exist_ok=True))
    monkeypatch.setattr(setup_environment, "pip_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        setup_environment.ensure(checkout)
    assert setup_environment.read_state(checkout / ".venv") == {}
    monkeypatch.setattr(setup_environment, "pip_install", lambda *a: calls.append(a[1]))
    monkeypatch.setattr(setup_environment, "works", lambda *arguments: bool(calls))
    setup_environment.ensure(checkout)
    assert calls == [["-e", ".[dev]"]]
    assert setup_environment.read_state(checkout / ".venv")


def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path, monkeypatch):
    with pytest.raises(setup_environment.SetupError, match="TORCH must be cpu"):
        setup_environment.ensure(tmp_path, "gpu")
    with pytest.raises(setup_environment.SetupError, match="make room"):
        setup_environment.check_disk(tmp_path, 1e9)
    assert "connect to the network" in setup_environment.explain_pip("NewConnectionError: x")
    assert "disk filled up" in setup_environment.explain_pip("[Errno 28] No space left on device")
    monkeypatch.setitem(__import__("sys").modules, "ensurepip", None)
    with pytest.raises(setup_environment.SetupError, match="no venv module"):
        setup_environment.create(tmp_path / ".venv")
    monkeypatch.setattr(course, "is_free", lambda port: False)
    with pytest.raises(setup_environment.SetupError, match="PORT=8889"):
        course.lab(Path("python"), 8888, "localhost")


def test_lab_opens_no_browser_where_there_is_none(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(course.sys, "platform", "linux")
    assert course.has_browser() is False
    assert "--no-browser" in course.lab_command(Path("python"), 8888, "localhost", browser=False)
    monkeypatch.setattr(course.os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in course.lab_command(Path("python"), 8888, "localhost", browser=True)
    monkeypatch.setattr(course.os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in course.lab_command(Path("python"), 1, "localhost", browser=True)


def test_a_progress_bar_on_stdout_leaves_only_its_last_state(tmp_path):
    def stream(text):
        return {"output_type": "stream", "name": "stdout", "text": text}

    outputs = [
        stream("before\n\r  0%|          | 0/20"),
        stream("\r 50%|#####     | 10/20"),
        {"output_type": "display_data", "data": {"text/plain": "picture"}, "metadata": {}},
        stream("\r100%|##########| 20/20\n\nafter\n"),
    ]
    kept = render.clean_outputs(outputs, tmp_path)
    texts = [output.get("text", "picture") for output in kept]
    assert texts == ["before\n", "picture", "100%|##########| 20/20\n", "after\n"]
