"""Lesson 05: references pass, each mistake is named, folded solutions are right."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from gan_course.checks import lesson_04
from gan_course.checks.exercise import Exercise
from gan_course.losses import norm_loss, pair

EXERCISES = {name: e for name, e in vars(lesson_04).items() if isinstance(e, Exercise)}
MISTAKES = [(name, message) for name, e in EXERCISES.items() for message in e.mistakes]
NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "04_norm_loss_progan.ipynb"


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


@pytest.mark.parametrize("name", EXERCISES)
def test_an_unanswered_exercise_goes_on_with_the_reference(name, capsys):
    def stub(*arguments):
        raise NotImplementedError

    assert EXERCISES[name].check(stub) is EXERCISES[name].reference
    assert "not yet" in capsys.readouterr().out


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16)])
def test_the_conversion_gives_the_same_loss(shape):
    fake, real = torch.rand(4, *shape), torch.rand(4, *shape)
    weight = lesson_04.summed_weight.reference(7.0, shape)
    torch.testing.assert_close(norm_loss(fake, real, weight, 0.0), 7 * nn.L1Loss()(fake, real))


def test_no_image_costs_less_than_the_median():
    real = torch.randn(9, 1, 3, 3)
    best = lesson_04.best_constant.reference(real).requires_grad_()
    cost = norm_loss(best.expand_as(real), real, 1.0, 0.0)
    for _ in range(20):
        other = best + 0.1 * torch.randn_like(best)
        assert norm_loss(other.expand_as(real), real, 1.0, 0.0) >= cost


def test_the_pairs_are_those_of_the_package():
    fake, real = torch.randn(6, 1, 2, 2), torch.randn(4, 1, 2, 2)
    index = lesson_04.nearest_fake.reference(fake, real)
    left, right = pair(fake, real, "nearest_fake")
    assert torch.equal(left, fake[index]) and torch.equal(right, real)


def solutions() -> dict[str, str]:
    """The folded solutions of the notebook, by the exercise that checks them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    checked = re.findall(r"^(\w+) = lesson_04\.(\w+)\.check\(\1\)", text, re.MULTILINE)
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
    scope = {"torch": torch, "math": math}
    source = solutions()[name]
    exec(source, scope)
    function = scope[re.search(r"def (\w+)\(", source).group(1)]
    EXERCISES[name].check(function)
    assert "right" in capsys.readouterr().out
