"""Exercises of lesson 02: references pass, each mistake is named, folded solutions are right."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course.checks import lesson_02
from gan_course.checks.exercise import Exercise
from gan_course.losses import non_saturating
from gan_course.training import gradient_norm

EXERCISES = {name: e for name, e in vars(lesson_02).items() if isinstance(e, Exercise)}
MISTAKES = [(name, message) for name, e in EXERCISES.items() for message in e.mistakes]
NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "02_vanilla_gan.ipynb"


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


def test_the_losses_agree_with_the_formula_written_with_a_sigmoid():
    real, fake = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([-0.7, 0.1, 1.5])
    d_real, d_fake = real.double().sigmoid(), fake.double().sigmoid()
    loss_d = -(d_real.log().mean() + (1 - d_fake).log().mean())
    assert float(lesson_02.discriminator_loss.reference(real, fake)) == pytest.approx(float(loss_d))
    loss_g = -d_fake.log().mean()
    assert float(lesson_02.generator_loss.reference(fake)) == pytest.approx(float(loss_g))


def test_the_best_score_minimises_the_loss_of_d():
    p, q = torch.tensor(0.3), torch.tensor(0.9)
    logit = torch.linspace(-4, 4, 8001)
    loss = p * softplus(-logit) + q * softplus(logit)
    best = logit[loss.argmin()].sigmoid()
    assert float(lesson_02.best_score.reference(p, q)) == pytest.approx(float(best), abs=1e-3)


def test_fakes_made_without_a_graph_are_as_good_as_detach(capsys):
    def turn(G, D, real, z):
        with torch.no_grad():
            fake = G(z)
        loss_d = non_saturating.discriminator(D(real), D(fake))
        loss_d.backward()
        return loss_d, gradient_norm(D), gradient_norm(G)

    assert lesson_02.discriminator_turn.check(turn) is turn
    assert "right" in capsys.readouterr().out


def solutions() -> dict[str, str]:
    """The folded solutions of the notebook, by the exercise that checks them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    checked = re.findall(r"^(\w+) = lesson_02\.(\w+)\.check\(\1\)", text, re.MULTILINE)
    bodies = re.findall(r"<summary>Solution</summary>\s*```python\n(.*?)```", text, re.DOTALL)
    found = {}
    for function, exercise in checked:
        found[exercise] = next(body for body in bodies if f"def {function}(" in body)
    return found


def test_every_exercise_is_in_the_lesson():
    assert set(solutions()) == set(EXERCISES)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_folded_solution_passes(name, capsys):
    scope = {
        "torch": torch,
        "nn": nn,
        "softplus": softplus,
        "gradient_norm": gradient_norm,
        "my_discriminator_loss": non_saturating.discriminator,
    }
    source = solutions()[name]
    exec(source, scope)
    function = scope[re.search(r"def (\w+)\(", source).group(1)]
    assert EXERCISES[name].check(function) is function
    assert "right" in capsys.readouterr().out


def test_the_cell_that_must_fail_is_the_reused_batch_without_detach():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if "raises-exception" in c["metadata"].get("tags", [])]
    assert [cell["id"] for cell in tagged] == ["detach-error"]
    G, D = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 6)), nn.Linear(6, 1)
    fake = G(torch.randn(2, 3))
    non_saturating.discriminator(D(torch.randn(2, 6)), D(fake)).backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        non_saturating.generator(D(fake)).backward()
