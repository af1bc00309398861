"""Lesson 05: references pass, each mistake is named, folded solutions are right."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from gan_course.capacity import parameter_count
from gan_course.checks import lesson_05
from gan_course.checks.exercise import Exercise
from gan_course.models import ResidualBlock

EXERCISES = {name: e for name, e in vars(lesson_05).items() if isinstance(e, Exercise)}
MISTAKES = [(name, message) for name, e in EXERCISES.items() for message in e.mistakes]
NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "05_residual_snovengan.ipynb"


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_passes_its_own_check(name, capsys):
    exercise = EXERCISES[name]
    assert exercise.check(exercise.reference) is exercise.reference
    assert "right" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "message"), MISTAKES)
def test_each_mistake_is_named(name, message, capsys):
    exercise = EXERCISES[name]
    assert exercise.check(exercise.mistakes[message]) is exercise.reference
    said = capsys.readouterr().out
    assert message in said and "✗" in said


def test_a_sum_that_does_not_fit_is_named_in_either_order(capsys):
    lesson_05.residual_forward.check(lambda x, branch, project: project(x) + branch(x))
    assert "forgot to upsample" in capsys.readouterr().out


def test_an_unknown_error_gives_the_hint(capsys):
    lesson_05.residual_forward.check(lambda x, branch, project: x.nothing)
    said = capsys.readouterr().out
    assert "AttributeError" in said and lesson_05.residual_forward.hint in said


@pytest.mark.parametrize("name", EXERCISES)
def test_an_unanswered_exercise_goes_on_with_the_reference(name, capsys):
    def stub(*arguments):
        raise NotImplementedError

    assert EXERCISES[name].check(stub) is EXERCISES[name].reference
    assert "not yet" in capsys.readouterr().out


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (16, 16), (1, 7)])
def test_the_count_is_that_of_the_package(inputs, outputs):
    block = ResidualBlock(inputs, outputs, upsample=True)
    assert lesson_05.block_parameters.reference(inputs, outputs) == parameter_count(block)


@pytest.mark.parametrize("inputs", [4, 6])
def test_the_forward_is_that_of_the_package(inputs):
    block = ResidualBlock(inputs, 4, upsample=True)
    x = torch.randn(2, inputs, 5, 5)

    def branch(x):
        h = block.conv1(block.resize(torch.relu(block.norm1(x))))
        return block.conv2(torch.relu(block.norm2(h)))

    answer = lesson_05.residual_forward.reference(x, branch, block.project)
    torch.testing.assert_close(answer, block(x))


def test_the_gradient_is_that_of_autograd():
    weights, x = [0.3, -0.7, 1.2], torch.tensor(2.0, requires_grad=True)
    y = x
    for w in weights:
        y = y + w * y
    (slope,) = torch.autograd.grad(y, x)
    assert lesson_05.chain_gradient.reference(weights) == pytest.approx(float(slope))


def solutions() -> dict[str, str]:
    """The folded solutions of the notebook, by the exercise that checks them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    checked = re.findall(r"^(\w+) = lesson_05\.(\w+)\.check\(\1\)", text, re.MULTILINE)
    bodies = re.findall(
        r"<summary>Solution</summary>\s*```python\n(.*?)```", text, re.DOTALL | re.MULTILINE
    )
    found = {}
    for function, exercise in checked:
        found[exercise] = next(body for body in bodies if f"def {function}(" in body)
    return found


def test_every_exercise_is_in_the_lesson():
    assert set(solutions()) == set(EXERCISES)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_folded_solution_passes(name, capsys):
    scope = {"torch": torch, "interpolate": functional.interpolate, "math": __import__("math")}
    source = solutions()[name]
    exec(source, scope)
    function = scope[re.search(r"def (\w+)\(", source).group(1)]
    EXERCISES[name].check(function)
    assert "right" in capsys.readouterr().out
