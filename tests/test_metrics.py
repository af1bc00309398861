"""Metrics against closed forms and other libraries; the floors against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from gan_course.data import load_images, to_images
from gan_course.metrics import (
    PrincipalComponents,
    class_shares,
    entropy,
    frechet_distance,
    geometric_median,
    kernel_distance,
    norm_floors,
    variety,
)


def features(seed: int, count: int, dimension: int, *, scale=1.0, shift=0.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimension, dimension, generator=random, dtype=torch.float64)
    rows = torch.randn(count, dimension, generator=random, dtype=torch.float64)
    return scale * rows @ mix + shift


def by_scipy(a: torch.Tensor, b: torch.Tensor) -> float:
    """The usual program: the square root of a product of covariances, real part."""
    a, b = a.numpy(), b.numpy()
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return means + np.trace(first) + np.trace(second) - 2 * np.trace(root)


@pytest.mark.parametrize("dimension", [2, 8, 32])
@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance_agrees_with_scipy(dimension, seed):
    a = features(seed, 400, dimension)
    b = features(seed + 10, 300, dimension, scale=1.5, shift=0.3)
    assert frechet_distance(a, b) == pytest.approx(by_scipy(a, b), rel=1e-6)


@pytest.mark.parametrize("dimension", [2, 16, 64])
def test_frechet_distance_agrees_with_torchmetrics(dimension):
    from torchmetrics.image.fid import _compute_fid

    a = features(dimension, 500, dimension)
    b = features(dimension + 1, 400, dimension, scale=0.7, shift=-0.2)
    theirs = _compute_fid(a.mean(0), torch.cov(a.T), b.mean(0), torch.cov(b.T))
    assert frechet_distance(a, b) == pytest.approx(float(theirs), rel=1e-6)


def with_moments(rows: torch.Tensor, mean: torch.Tensor, covariance: torch.Tensor):
    """Rows moved so that their sample mean and covariance are exactly the given ones."""
    rows = rows - rows.mean(0)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(torch.cov(rows.T)), rows.T, upper=False
    ).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_two_gaussians_in_closed_form():
    """Diagonal covariances: Σ (μ₁ − μ₂)² + Σ (σ₁ − σ₂)²."""
    sigma_a, sigma_b = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([3.0, 1.0, 0.5])
    mean_a, mean_b = torch.tensor([0.0, 1.0, -1.0]).double(), torch.tensor([2.0, 1.0, 1.0])
    a = with_moments(features(0, 200, 3), mean_a, torch.diag(sigma_a**2))
    b = with_moments(features(1, 300, 3), mean_b.double(), torch.diag(sigma_b.double() ** 2))
    expected = float(((mean_a - mean_b) ** 2).sum() + ((sigma_a - sigma_b) ** 2).sum())
    assert expected == 13.0
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance_in_the_plane_in_closed_form(seed):
    """For 2 × 2 matrices tr (AB)^½ = (tr AB + 2·(det AB)^½)^½, whether or not A and B commute."""
    a, b = features(seed, 90, 2), features(seed + 20, 70, 2, shift=0.4)
    first, second = torch.cov(a.T), torch.cov(b.T)
    assert not torch.allclose(first @ second, second @ first, rtol=1e-3)
    product = first @ second
    overlap = (product.trace() + 2 * torch.linalg.det(product).sqrt()).sqrt()
    means = (a.mean(0) - b.mean(0)).square().sum()
    expected = float(means + first.trace() + second.trace() - 2 * overlap)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_in_one_dimension():
    a = torch.tensor([[0.0], [2.0], [4.0]])
    b = torch.tensor([[5.0], [6.0], [7.0]])
    assert frechet_distance(a, b) == pytest.approx(4**2 + (2 - 1) ** 2)


def test_frechet_distance_of_equal_samples_is_zero():
    a = features(3, 500, 16)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a[torch.randperm(500)]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("lost", [0, 1, 40])
def test_equal_samples_are_a_millionth_of_the_trace_apart_at_most(lost):
    """Also where some of 64 features never change, as after a dead unit."""
    a = features(13, 1000, 64, shift=5.0)
    a[:, :lost] = 0.3
    trace = float(torch.cov(a.T).trace())
    assert frechet_distance(a, a) <= 1e-6 * trace
    assert frechet_distance(a, a.flip(0)) <= 1e-6 * trace


def test_frechet_distance_is_symmetric_never_negative_and_sees_a_shift():
    a, b = features(4, 100, 8), features(5, 120, 8)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a + 1) == pytest.approx(8, rel=1e-6)
    assert frechet_distance(a, a * (1 + 1e-9)) >= 0


def test_frechet_distance_of_a_collapsed_generator_is_finite():
    real = features(6, 200, 8)
    one_picture = real[:1].expand(100, 8)
    distance = frechet_distance(one_picture, real)
    spread = float(torch.cov(real.T).trace() + (real[0] - real.mean(0)).square().sum())
    assert distance == pytest.approx(spread, rel=1e-6)


def test_frechet_distance_is_biased_upwards_for_few_samples():
    few = frechet_distance(features(7, 40, 32), features(7, 40, 32) + 0)
    assert few == pytest.approx(0, abs=1e-6)
    random = torch.Generator().manual_seed(8)
    real = torch.randn(20_000, 32, generator=random)
    small = frechet_distance(torch.randn(100, 32, generator=random), real)
    large = frechet_distance(torch.randn(5000, 32, generator=random), real)
    assert small > 10 * large


def test_frechet_distance_takes_single_precision():
    a, b = features(9, 200, 8), features(10, 200, 8)
    assert frechet_distance(a.float(), b.float()) == pytest.approx(frechet_distance(a, b), rel=1e-4)


def by_formula(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased squared discrepancy: no point is compared with itself."""
    n, m, d = len(a), len(b), a.shape[1]
    aa, bb, ab = ((x @ y.T / d + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return within - 2 * ab.mean()


@pytest.mark.parametrize("dimension", [1, 4, 32])
def test_kernel_distance_is_its_formula(dimension):
    a = features(dimension, 120, dimension)
    b = features(dimension + 1, 120, dimension, scale=1.3, shift=0.2)
    expected = by_formula(a.numpy(), b.numpy())
    assert kernel_distance(a, b, subsets=2, size=120) == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(a, b, subsets=1, size=5000) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_of_two_points_a_side_by_hand():
    """k(a, a′) + k(b, b′) − 2·mean k(a, b) with k = (product + 1)³ in one dimension."""
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    expected = 1**3 + 3**3 - 2 * (1 + 1 + 2**3 + 3**3) / 4
    assert kernel_distance(a, b, subsets=1) == pytest.approx(expected)


def test_the_expected_kernel_distance_does_not_depend_on_the_number_of_samples():
    """In contrast to the Fréchet distance: see the test of its bias above."""
    random = torch.Generator().manual_seed(8)
    real = torch.randn(1500, 8, generator=random)
    fake = torch.randn(1500, 8, generator=random) + 0.5
    all_of_them = by_formula(fake.double().numpy(), real.double().numpy())
    few = kernel_distance(fake, real, subsets=400, size=50)
    assert few == pytest.approx(all_of_them, rel=0.1)
    same = [kernel_distance(real[:700], real[700:], subsets=20, size=50, seed=s) for s in range(9)]
    assert min(same) < 0 < max(same) and max(map(abs, same)) < 0.05 * all_of_them


def test_kernel_distance_repeats_itself_and_its_seed_draws_the_subsets():
    a, b = features(1, 300, 4), features(2, 300, 4)
    first = kernel_distance(a, b, subsets=3, size=30)
    assert first == kernel_distance(a, b, subsets=3, size=30)
    assert first != kernel_distance(a, b, subsets=3, size=30, seed=1)


def test_class_shares_count_the_largest_logit_and_sum_to_one():
    logits = torch.tensor([[0.1, 0.2, -1.0], [5.0, 0.0, 4.0], [0.0, 1.0, 0.5], [-3.0, -2.0, -9.0]])
    shares = class_shares(logits)
    assert shares.tolist() == [0.25, 0.75, 0.0]  # a class that is never drawn has its place too
    assert float(class_shares(torch.randn(77, 10)).sum()) == pytest.approx(1, abs=1e-12)


def test_entropy_is_the_logarithm_of_how_many_classes_are_drawn_alike():
    assert entropy(torch.full((10,), 0.1).double()) == pytest.approx(math.log(10))
    assert entropy(torch.tensor([0.0, 1.0, 0.0])) == 0
    assert entropy(torch.tensor([0.5, 0.0, 0.5])) == pytest.approx(math.log(2))
    expected = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert entropy(torch.tensor([0.2, 0.8]).double()) == pytest.approx(expected)


def test_variety_is_one_for_real_images_none_for_one_picture_and_scales():
    random = torch.Generator().manual_seed(3)
    pictures = torch.rand(800, 1, 8, 8, generator=random) - 0.5
    assert variety(pictures, pictures) == 1
    assert variety(pictures.flip(0), pictures) == pytest.approx(1, abs=0.02)
    assert variety(0.5 * pictures, pictures) == pytest.approx(0.5)
    assert variety(pictures[:1].expand(500, -1, -1, -1), pictures) == 0


def test_principal_components_are_those_of_a_singular_value_decomposition():
    images = 2 * torch.rand(60, 1, 5, 5, generator=torch.Generator().manual_seed(0)) - 1
    components = PrincipalComponents.fit(images, count=4)
    flat = images.flatten(1).double().numpy()
    _, _, rows = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    overlap = np.abs(components.directions.T.numpy() @ rows[:4].T)
    np.testing.assert_allclose(overlap, np.eye(4), atol=1e-6)
    np.testing.assert_allclose(components.mean, flat.mean(0), atol=1e-12)
    got = components.features(images)
    expected = (flat - flat.mean(0)) @ components.directions.numpy()
    np.testing.assert_allclose(got, expected, atol=1e-9)
    variances = got.var(dim=0)
    assert (variances[:-1] >= variances[1:]).all()


def test_geometric_median_minimises_the_mean_distance():
    points = features(11, 80, 3)
    centre = geometric_median(points)

    def cost(point):
        return float((points - point).norm(dim=1).mean())

    for direction in torch.eye(3, dtype=torch.float64):
        for step in (0.01, -0.01, 0.3, -0.3):
            assert cost(centre) < cost(centre + step * direction)
    assert cost(centre) < cost(points.mean(0))


def test_geometric_median_of_a_symmetric_cross_is_its_middle():
    points = torch.tensor([[1.0, 0], [-1, 0], [0, 2], [0, -2], [0.0, 0.0]])
    torch.testing.assert_close(geometric_median(points), torch.zeros(2), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def real():
    return load_images(split="test", count=2000)


@pytest.fixture(scope="module")
def floors(real):
    return norm_floors(real.pixels)


def test_floors_are_ordered_and_near_the_known_figures(floors):
    """On Fashion-MNIST, in summed norms, a perfect generator pays more than a blur."""
    assert floors.perfect_l1 / 784 == pytest.approx(0.555, rel=0.05)
    assert floors.perfect_l2 == pytest.approx(22.75, rel=0.03)
    assert floors.blur_l1 / 784 == pytest.approx(0.419, rel=0.05)
    assert floors.blur_l2 == pytest.approx(16.21, rel=0.03)
    assert floors.blur_l1 < floors.perfect_l1 and floors.blur_l2 < floors.perfect_l2


def test_the_median_images_pay_least(real, floors):
    images = to_images(real.pixels)

    def l1(constant):
        return float((images - constant).flatten(1).abs().sum(1).mean())

    def l2(constant):
        return float((images - constant).flatten(1).norm(dim=1).mean())

    mean = images.mean(0)
    assert l1(floors.median) == pytest.approx(floors.blur_l1, rel=1e-5)
    assert l2(floors.geometric_median) == pytest.approx(floors.blur_l2, rel=1e-5)
    for other in (mean, floors.geometric_median, images[0], floors.median * 0.99):
        assert floors.blur_l1 <= l1(other)
    for other in (mean, floors.median, images[0], floors.geometric_median * 0.97):
        assert floors.blur_l2 < l2(other)


def test_two_real_images_are_twice_the_variance_apart(real):
    """E‖x − x′‖² = 2·Var over independent pairs: the sanity check of every floor."""
    images = to_images(real.pixels).flatten(1).double()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    squared = (images - images[order]).square().sum(1)
    twice = 2 * images.var(dim=0).sum()
    error = squared.std() / math.sqrt(len(squared))
    assert abs(float(squared.mean() - twice)) < 4 * float(error)
    everyone = torch.cdist(images, images).square()
    assert float(everyone.sum() / (2000 * 1999)) == pytest.approx(float(twice), rel=1e-6)


def test_the_floors_of_equal_images_are_zero():
    pixels = torch.full((10, 1, 16, 16), 77, dtype=torch.uint8)
    floors = norm_floors(pixels)
    values = (floors.perfect_l1, floors.perfect_l2, floors.blur_l1, floors.blur_l2)
    assert values == pytest.approx((0, 0, 0, 0), abs=1e-3)
