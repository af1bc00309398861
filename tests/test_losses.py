"""Every loss against its formula written by other means, and against finite differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gan_course.losses import (
    ADVERSARIAL_LOSSES,
    PAIRINGS,
    energy_distance,
    norm_loss,
    norm_terms,
    pair,
    repulsion,
)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def cross_entropy(real: np.ndarray, fake: np.ndarray) -> float:
    return -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()


# name → (what D minimises, what G minimises, what curves show as D(x)), with explicit logarithms.
FORMULAS = {
    "minimax": (cross_entropy, lambda fake: np.log(1 - sigmoid(fake)).mean(), sigmoid),
    "non_saturating": (cross_entropy, lambda fake: -np.log(sigmoid(fake)).mean(), sigmoid),
    "least_squares": (
        lambda real, fake: ((real - 1) ** 2).mean() + (fake**2).mean(),
        lambda fake: ((fake - 1) ** 2).mean(),
        lambda logits: logits,
    ),
    "hinge": (
        lambda real, fake: np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
        lambda fake: -fake.mean(),
        lambda logits: logits,
    ),
}
LOSSES = sorted(FORMULAS)
LOGITS = arrays.arrays(
    np.float64, st.integers(1, 12), elements=st.floats(-12, 12, allow_nan=False, width=64)
)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


def random_images(seed: int, *shape: int, dtype=torch.float64) -> torch.Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) - 1


def test_every_loss_has_a_formula_here():
    assert set(FORMULAS) == set(ADVERSARIAL_LOSSES)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=30, deadline=None)
@given(real=LOGITS, fake=LOGITS)
def test_discriminator_loss_is_its_formula(name, real, fake):
    got = ADVERSARIAL_LOSSES[name].discriminator(tensor(real), tensor(fake))
    assert float(got) == pytest.approx(FORMULAS[name][0](real, fake), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=30, deadline=None)
@given(fake=LOGITS)
def test_generator_loss_is_its_formula(name, fake):
    got = ADVERSARIAL_LOSSES[name].generator(tensor(fake))
    assert float(got) == pytest.approx(FORMULAS[name][1](fake), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_score_is_its_formula(name):
    logits = np.linspace(-5, 5, 21)
    got = ADVERSARIAL_LOSSES[name].score(tensor(logits)).numpy()
    np.testing.assert_allclose(got, FORMULAS[name][2](logits), rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_adversarial_gradients_are_finite_differences(name):
    real = random_images(1, 7).mul(3).requires_grad_()
    fake = random_images(2, 7).mul(3).requires_grad_()
    assert torch.autograd.gradcheck(ADVERSARIAL_LOSSES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(ADVERSARIAL_LOSSES[name].generator, (fake,))


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_pulls_the_right_way(name):
    """At logit 0 D pushes real up and fake down, and G pushes fake up."""
    real = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    fake = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    loss = ADVERSARIAL_LOSSES[name]
    up, down = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    if name == "least_squares":  # fake is already on its target 0
        assert (up < 0).all() and (down == 0).all()
    else:
        assert (up < 0).all() and (down > 0).all()
    (pull,) = torch.autograd.grad(loss.generator(fake), fake)
    assert (pull < 0).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1e3, 1e5])
def test_huge_logits_give_finite_losses_and_gradients(name, size):
    real = torch.tensor([-size, size], requires_grad=True)
    fake = torch.tensor([size, -size], requires_grad=True)
    loss = ADVERSARIAL_LOSSES[name]
    total = loss.discriminator(real, fake) + loss.generator(fake)
    total.backward()
    assert total.isfinite() and real.grad.isfinite().all() and fake.grad.isfinite().all()


def test_non_saturating_does_not_vanish_where_minimax_does():
    fake = torch.full((1,), -10.0, dtype=torch.float64, requires_grad=True)
    (weak,) = torch.autograd.grad(ADVERSARIAL_LOSSES["minimax"].generator(fake), fake)
    (strong,) = torch.autograd.grad(ADVERSARIAL_LOSSES["non_saturating"].generator(fake), fake)
    assert abs(float(weak)) < 1e-4 < 0.99 < abs(float(strong))


@pytest.mark.parametrize("shape", [(5, 1, 28, 28), (3, 3, 16, 16), (4, 2), (1, 1, 4, 4)])
def test_norm_loss_is_its_formula(shape):
    fake, real = random_images(3, *shape), random_images(4, *shape)
    difference = (fake - real).numpy().reshape(shape[0], -1)
    l1 = np.abs(difference).sum(axis=1).mean()
    l2 = np.sqrt((difference**2).sum(axis=1)).mean()
    got1, got2 = norm_terms(fake, real)
    assert float(got1) == pytest.approx(l1, rel=1e-12)
    assert float(got2) == pytest.approx(l2, rel=1e-12)
    total = norm_loss(fake, real, 0.3, 0.7)
    assert float(total) == pytest.approx(0.3 * l1 + 0.7 * l2, rel=1e-12)


def test_norms_are_summed_and_the_second_is_not_squared():
    """Four pixels, each off by 3: L1 is 12 and L2 is 6; a mean gives 3 and 1.5, a square 36."""
    fake, real = torch.full((2, 1, 2, 2), 3.0), torch.zeros(2, 1, 2, 2)
    assert [float(term) for term in norm_terms(fake, real)] == [12.0, 6.0]


def test_a_longer_difference_costs_in_proportion():
    fake, real = random_images(5, 4, 1, 8, 8), random_images(6, 4, 1, 8, 8)
    once = float(norm_loss(fake, real, 0.5, 2.0))
    twice = float(norm_loss(real + 2 * (fake - real), real, 0.5, 2.0))
    assert twice == pytest.approx(2 * once, rel=1e-12)


def test_norm_loss_gradient_is_a_finite_difference():
    fake = random_images(7, 3, 1, 4, 4).requires_grad_()
    real = random_images(8, 3, 1, 4, 4)
    assert torch.autograd.gradcheck(lambda x: norm_loss(x, real, 0.4, 1.3), (fake,))


@pytest.mark.parametrize(("lambda1", "lambda2"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_gradient_where_fake_equals_real_is_zero_and_finite(lambda1, lambda2):
    real = random_images(9, 4, 1, 16, 16, dtype=torch.float32)
    fake = real.clone().requires_grad_()
    norm_loss(fake, real, lambda1, lambda2).backward()
    assert torch.equal(fake.grad, torch.zeros_like(fake))


def test_gradient_for_each_sample():
    """‖·‖₂ pulls each of N images with strength 1/N; ‖·‖₁ with √pixels / N, its largest."""
    count, pixels = 6, 28 * 28
    real = random_images(10, count, 1, 28, 28)
    fake = random_images(11, count, 1, 28, 28).requires_grad_()
    (pull1,) = torch.autograd.grad(norm_loss(fake, real, 1.0, 0.0), fake)
    (pull2,) = torch.autograd.grad(norm_loss(fake, real, 0.0, 1.0), fake)
    np.testing.assert_allclose(pull2.flatten(1).norm(dim=1), 1 / count, rtol=1e-12)
    np.testing.assert_allclose(pull1.flatten(1).norm(dim=1), math.sqrt(pixels) / count, rtol=1e-12)


def test_tensor_weights_give_the_same_number():
    fake, real = random_images(12, 3, 1, 4, 4), random_images(13, 3, 1, 4, 4)
    weights = torch.tensor(0.2, dtype=torch.float64), torch.tensor(0.9, dtype=torch.float64)
    assert float(norm_loss(fake, real, *weights)) == float(norm_loss(fake, real, 0.2, 0.9))


def distances(fake: torch.Tensor, real: torch.Tensor) -> np.ndarray:
    """All Euclidean distances, one by one."""
    a, b = fake.flatten(1).numpy(), real.flatten(1).numpy()
    return np.array([[math.sqrt(((x - y) ** 2).sum()) for y in b] for x in a])


@pytest.mark.parametrize("count", [5, 40])
def test_nearest_pairings_are_those_of_brute_force(count):
    fake, real = random_images(14, count, 1, 3, 3), random_images(15, count, 1, 3, 3)
    table = distances(fake, real)
    left, right = pair(fake, real, "nearest_real")
    assert torch.equal(left, fake) and torch.equal(right, real[table.argmin(axis=1)])
    left, right = pair(fake, real, "nearest_fake")
    assert torch.equal(left, fake[table.argmin(axis=0)]) and torch.equal(right, real)


def test_assignment_is_the_best_permutation():
    fake, real = random_images(16, 6, 1, 2, 2), random_images(17, 6, 1, 2, 2)
    table = distances(fake, real)
    best = min(
        itertools.permutations(range(6)),
        key=lambda order: sum(table[i, j] for i, j in enumerate(order)),
    )
    left, right = pair(fake, real, "assignment")
    assert torch.equal(left, fake) and torch.equal(right, real[list(best)])


def test_independent_pairs_stay_as_they_are():
    fake, real = random_images(18, 4, 1, 2, 2), random_images(19, 4, 1, 2, 2)
    left, right = pair(fake, real, "independent")
    assert left is fake and right is real


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_gradients_flow_through_a_pairing_to_the_fakes_only(pairing):
    fake = random_images(20, 6, 1, 3, 3).requires_grad_()
    real = random_images(21, 6, 1, 3, 3).requires_grad_()
    left, right = pair(fake, real.detach(), pairing)
    norm_loss(left, right, 0.1, 1.0).backward()
    assert fake.grad.abs().sum() > 0 and fake.grad.isfinite().all()


def test_nearest_fake_ignores_a_fake_that_nobody_is_near_to():
    """IMLE leaves such a fake alone; the other way round it is pulled in all the same."""
    real = torch.zeros(3, 1, 1, 2)
    fake = torch.tensor([[0.1, 0.0], [0.2, 0.0], [0.9, 0.9]]).view(3, 1, 1, 2).requires_grad_()
    norm_loss(*pair(fake, real, "nearest_fake"), 0.0, 1.0).backward()
    assert fake.grad[2].abs().sum() == 0
    fake.grad = None
    norm_loss(*pair(fake, real, "nearest_real"), 0.0, 1.0).backward()
    assert fake.grad[2].abs().sum() > 0


def test_repulsion_is_minus_half_the_norm_loss_among_fakes():
    fake = random_images(22, 5, 1, 4, 4)
    rows = fake.flatten(1).numpy()
    between = [rows[i] - rows[i - 1] for i in range(5)]
    l1 = np.mean([np.abs(row).sum() for row in between])
    l2 = np.mean([np.sqrt((row**2).sum()) for row in between])
    got = repulsion(fake, 0.3, 0.8)
    assert float(got) == pytest.approx(-0.5 * (0.3 * l1 + 0.8 * l2), rel=1e-12)


def test_repulsion_completes_half_an_energy_distance():
    """E‖G − x‖ − ½E‖G − G′‖ = half the energy distance + ½E‖x − x′‖, measured on 20,000 pairs."""
    random = torch.Generator().manual_seed(23)
    fake = torch.randn(20_000, 3, generator=random, dtype=torch.float64)
    real = torch.randn(20_000, 3, generator=random, dtype=torch.float64) + 1
    completed = norm_loss(fake, real, 0.0, 1.0) + repulsion(fake, 0.0, 1.0)
    _, among_real = norm_terms(real, real.roll(1, dims=0))
    half = energy_distance(fake[:2000], real[:2000]) / 2
    assert float(completed - among_real / 2) == pytest.approx(float(half), abs=0.04)
    assert float(half) > 0.3


def test_energy_distance_is_brute_force():
    a, b = random_images(24, 40, 5), random_images(25, 30, 5) * 2

    def within(points):
        return np.mean([math.dist(x, y) for x, y in itertools.permutations(points.tolist(), 2)])

    between = np.mean([math.dist(x, y) for x in a.tolist() for y in b.tolist()])
    assert float(energy_distance(a, b)) == pytest.approx(
        2 * between - within(a) - within(b), rel=1e-6
    )


def test_energy_distance_of_equal_distributions_is_zero_in_expectation():
    random = torch.Generator().manual_seed(26)
    values = torch.stack(
        [
            energy_distance(
                torch.randn(20, 4, generator=random), torch.randn(30, 4, generator=random)
            )
            for _ in range(300)
        ]
    )
    error = values.std() / math.sqrt(len(values))
    assert abs(float(values.mean())) < 4 * float(error)
    assert (values < 0).any()  # unbiased, so it must dip below 0


@pytest.mark.parametrize("change", [lambda x: x + 0.5, lambda x: 1.7 * x, lambda x: x * 0])
def test_energy_distance_of_different_distributions_is_positive(change):
    random = torch.Generator().manual_seed(27)
    a, b = torch.randn(500, 3, generator=random), torch.randn(500, 3, generator=random)
    assert float(energy_distance(a, change(b))) > 0.05


def test_energy_distance_gradient_is_a_finite_difference():
    a, b = random_images(28, 4, 3).requires_grad_(), random_images(29, 5, 3)
    assert torch.autograd.gradcheck(lambda x: energy_distance(x, b), (a,))
