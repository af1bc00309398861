"""The ruler against closed forms and other libraries; the floors against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from gan_course.data import load_images, to_images
from gan_course.experiments import Ruler
from gan_course.metrics import (
    PrincipalComponents,
    frechet_distance,
    geometric_median,
    norm_floors,
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


def test_frechet_distance_in_one_dimension():
    a = torch.tensor([[0.0], [2.0], [4.0]])
    b = torch.tensor([[5.0], [6.0], [7.0]])
    assert frechet_distance(a, b) == pytest.approx(4**2 + (2 - 1) ** 2)


def test_frechet_distance_of_equal_samples_is_zero():
    a = features(3, 500, 16)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a[torch.randperm(500)]) == pytest.approx(0, abs=1e-6)


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


def test_the_ruler_knows_real_from_noise_and_from_one_image(real):
    ruler = Ruler(load_images(count=3000), load_images(split="validation", count=2000))
    good = ruler.measure(to_images(real.pixels))
    random = torch.Generator().manual_seed(0)
    noise = ruler.measure(2 * torch.rand(2000, 1, 28, 28, generator=random) - 1)
    one = ruler.measure(to_images(real.pixels)[:1].expand(2000, 1, 28, 28))
    assert good["fd_pca32"] < 5 < 100 < min(noise["fd_pca32"], one["fd_pca32"])
    assert good["variety"] == pytest.approx(1, abs=0.1) and one["variety"] == 0
