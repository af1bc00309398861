"""Lesson 02: its references against the same things written by other means."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course.checks import lesson_02
from gan_course.losses import non_saturating
from gan_course.training import gradient_norm

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "02_vanilla_gan.ipynb"


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


def test_the_cell_that_must_fail_is_the_reused_batch_without_detach():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if "raises-exception" in c["metadata"].get("tags", [])]
    assert [cell["id"] for cell in tagged] == ["detach-error"]
    G, D = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 6)), nn.Linear(6, 1)
    fake = G(torch.randn(2, 3))
    non_saturating.discriminator(D(torch.randn(2, 6)), D(fake)).backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        non_saturating.generator(D(fake)).backward()
