"""Exercises of every lesson: references pass, each mistake is named, folded solutions are right."""

import importlib
import json
import re
from pathlib import Path

import pytest

from gan_course.checks.exercise import Exercise

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LESSONS = {path.stem[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def exercises_of(number: str) -> dict[str, Exercise]:
    module = importlib.import_module(f"gan_course.checks.lesson_{number}")
    return {name: e for name, e in vars(module).items() if isinstance(e, Exercise)}


EXERCISES = {(number, name): e for number in LESSONS for name, e in exercises_of(number).items()}
MISTAKES = [(*key, message) for key, e in EXERCISES.items() for message in e.mistakes]


def cells(number: str) -> list[dict]:
    return json.loads(LESSONS[number].read_text(encoding="utf-8"))["cells"]


def solutions(number: str) -> dict[str, tuple[str, str]]:
    """For each exercise that a lesson checks: the function's name and its folded solution."""
    text = "\n".join("".join(cell["source"]) for cell in cells(number))
    checked = re.findall(rf"^(\w+) = lesson_{number}\.(\w+)\.check\(\1\)", text, re.MULTILINE)
    bodies = re.findall(r"<summary>Solution</summary>\s*```python\n(.*?)```", text, re.DOTALL)
    return {
        exercise: (function, next(body for body in bodies if f"def {function}(" in body))
        for function, exercise in checked
    }


def test_every_lesson_has_exercises_and_uses_each_of_them():
    assert LESSONS
    for number in LESSONS:
        assert set(solutions(number)) == set(exercises_of(number)) != set(), number


@pytest.mark.parametrize(("number", "name"), EXERCISES)
def test_the_reference_passes_its_own_check(number, name, capsys):
    exercise = EXERCISES[number, name]
    assert exercise.check(exercise.reference) is exercise.reference
    assert "✓" in capsys.readouterr().out


@pytest.mark.parametrize(("number", "name", "message"), MISTAKES)
def test_each_mistake_is_named(number, name, message, capsys):
    exercise = EXERCISES[number, name]
    assert exercise.check(exercise.mistakes[message]) is exercise.reference
    said = capsys.readouterr().out
    assert message in said and "✗" in said


@pytest.mark.parametrize(("number", "name"), EXERCISES)
def test_an_unanswered_exercise_goes_on_with_the_reference(number, name, capsys):
    def stub(*arguments):
        raise NotImplementedError

    exercise = EXERCISES[number, name]
    assert exercise.check(stub) is exercise.reference
    assert "not yet" in capsys.readouterr().out


@pytest.mark.parametrize("number", LESSONS)
def test_the_folded_solutions_pass_with_the_imports_of_their_lesson(number, capsys):
    scope: dict = {}
    (imports,) = ["".join(c["source"]) for c in cells(number) if c["id"] == "imports"]
    exec(imports, scope)
    for exercise, (function, source) in solutions(number).items():
        exec(source, scope)
        attempt = scope[function]
        assert EXERCISES[number, exercise].check(attempt) is attempt, exercise
        assert "✓" in capsys.readouterr().out
