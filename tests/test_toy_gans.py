"""Tiny GANs side by side: each is what it would be alone, and each loss does what it must."""

import pytest
import torch

from gan_course.errors import ConfigError
from gan_course.losses import energy_distance
from gan_course.toy_gans import ManyMLPs, ToyArm, train_toys
from gan_course.toys import toy_points


def ring(count, random):
    return toy_points("ring", count, random)


def test_models_side_by_side_are_separate():
    many = ManyMLPs((2, 8, 1), [3, 4, 3], "generator")
    x = torch.randn(1, 5, 2).expand(3, -1, -1).clone().requires_grad_()
    y = many(x)
    assert y.shape == (3, 5, 1)
    assert torch.equal(y[0], y[2]) and not torch.equal(y[0], y[1])
    (slope,) = torch.autograd.grad(y[1].sum(), x)
    assert slope[0].abs().max() == 0 and slope[2].abs().max() == 0


def test_an_arm_does_not_depend_on_its_neighbours():
    settings = {"seeds": 2, "steps": 15, "width": 8, "sample_count": 50}
    plain = ToyArm(lambda2=0.5)
    alone = train_toys(ring, {"a": plain}, **settings)["a"]
    among = train_toys(ring, {"b": ToyArm(lambda1=1.0), "a": plain}, **settings)["a"]
    torch.testing.assert_close(alone, among, rtol=1e-3, atol=1e-4)
    assert torch.equal(alone, train_toys(ring, {"a": plain}, **settings)["a"])
    assert not torch.equal(alone[0], alone[1])


def test_the_number_of_threads_is_given_back():
    before = torch.get_num_threads()
    train_toys(ring, {"a": ToyArm()}, seeds=1, steps=1, width=4, sample_count=4)
    assert torch.get_num_threads() == before


def test_independent_pairs_collapse_and_repulsion_repairs_it():
    arms = {
        "independent": ToyArm(adversarial=0.0, lambda2=1.0),
        "repulsion": ToyArm(adversarial=0.0, lambda2=1.0, repulsion=True),
        "nearest_fake": ToyArm(adversarial=0.0, lambda2=1.0, pairing="nearest_fake"),
        "assignment": ToyArm(adversarial=0.0, lambda2=1.0, pairing="assignment"),
    }
    samples = train_toys(ring, arms, seeds=2, steps=300, sample_count=500)
    real = ring(500, torch.Generator().manual_seed(1))
    for seed in range(2):
        assert samples["independent"][seed].norm(dim=1).mean() < 0.3
        far = energy_distance(samples["independent"][seed], real)
        for name in ("repulsion", "nearest_fake", "assignment"):
            assert energy_distance(samples[name][seed], real) < 0.3 * far, name


@pytest.mark.parametrize(
    ("arms", "changes"),
    [({}, {}), ({"a": ToyArm()}, {"seeds": 0}), ({"a": ToyArm()}, {"steps": 0}),
     ({"a": ToyArm()}, {"loss": "wasserstein"})],
)  # fmt: skip
def test_bad_settings_are_refused(arms, changes):
    with pytest.raises(ConfigError):
        train_toys(ring, arms, **changes)
