"""Neighbours against brute force and prdc, to the last count; memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from prdc import compute_prdc

from gan_course import neighbours
from gan_course.neighbours import ball_radii, manifold_metrics, memorisation, nearest

ROOT = Path(__file__).resolve().parents[1]


def points(seed: int, count: int, dimension: int, *, scale=1.0, grid=0) -> torch.Tensor:
    """Normal draws; on a grid of 1/``grid`` every distance is exact, so that ties are ties."""
    random = torch.Generator().manual_seed(seed)
    rows = scale * torch.randn(count, dimension, generator=random, dtype=torch.float64)
    return (rows * grid).round() / grid if grid else rows


def by_brute_force(queries: torch.Tensor, others: torch.Tensor) -> np.ndarray:
    difference = queries.numpy()[:, None] - others.numpy()[None]
    return np.sqrt((difference**2).sum(-1))


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize(("count", "others", "dimension"), [(40, 90, 3), (90, 40, 16), (7, 5, 64)])
def test_nearest_is_that_of_brute_force(count, others, dimension, k):
    a, b = points(1, count, dimension), points(2, others, dimension)
    distances, indices = nearest(a, b, k)
    matrix = by_brute_force(a, b)
    order = np.argsort(matrix, axis=1)[:, :k]
    assert distances.dtype == torch.float64 and distances.shape == indices.shape == (count, k)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(distances, np.take_along_axis(matrix, order, axis=1), rtol=1e-9)


def test_nearest_takes_images_and_single_precision():
    images = points(3, 30, 16).float().view(30, 1, 4, 4)
    distances, indices = nearest(images[:10], images)
    assert indices.flatten().tolist() == list(range(10))
    assert float(distances.max()) < 1e-6 * float(images.norm())


@pytest.mark.parametrize("k", [1, 3])
def test_a_ball_reaches_the_kth_other_point(k):
    rows = points(4, 60, 5)
    matrix = by_brute_force(rows, rows)
    np.fill_diagonal(matrix, np.inf)  # the point itself is no neighbour
    expected = np.sort(matrix, axis=1)[:, k - 1]
    np.testing.assert_allclose(ball_radii(rows, k), expected, rtol=1e-9)


def check_against_prdc(real: torch.Tensor, fake: torch.Tensor, k: int) -> None:
    ours = manifold_metrics(real, fake, k)
    theirs = compute_prdc(real.numpy(), fake.numpy(), k)
    assert ours.precision == theirs["precision"]
    assert ours.recall == theirs["recall"]
    assert ours.coverage == theirs["coverage"]
    # Density is a count over k·M; the package multiplies by a rounded 1/k.
    assert ours.density == pytest.approx(theirs["density"], rel=1e-14, abs=0)
    assert round(ours.density * k * len(fake)) == round(theirs["density"] * k * len(fake))


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(
    ("reals", "fakes", "dimension"), [(300, 200, 2), (150, 400, 16), (80, 80, 64)]
)
@pytest.mark.parametrize("seed", range(2))
def test_the_four_shares_are_exactly_those_of_prdc(seed, reals, fakes, dimension, k):
    real = points(seed, reals, dimension)
    check_against_prdc(real, points(seed + 10, fakes, dimension, scale=1.2), k)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("grid", [2, 8])
def test_the_four_shares_are_those_of_prdc_where_points_coincide(grid, k):
    """Reals that stand twice, fakes that are copies of reals, and distances that tie."""
    real = points(k, 120, 3, grid=grid)
    fake = points(k + 10, 90, 3, scale=1.2, grid=grid)
    real = torch.cat([real, real[:40]])
    check_against_prdc(real, torch.cat([fake, real[20:70], fake[:10]]), k)
    check_against_prdc(real, real.clone(), k)


def test_the_four_shares_by_hand():
    """On a line, k = 1: every real ball has radius 1, the fakes' have ¼, ¼ and 9½."""
    real = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    fake = torch.tensor([[0.5], [0.75], [-9.0]])
    shares = manifold_metrics(real, fake, k=1)
    assert shares.precision == pytest.approx(2 / 3)  # -9 lies in no real ball
    assert shares.recall == 1 / 4  # 0 alone lies in a fake ball, that of -9; 1 is on a rim
    assert shares.density == pytest.approx((2 + 2 + 0) / 3)  # in the balls of 0 and of 1
    assert shares.coverage == 2 / 4  # the balls of 3 and 4 hold nobody


def test_each_share_sees_what_it_is_for():
    """Half of the classes missing costs recall and coverage; noise costs precision and density."""
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0]]).double()
    real = torch.cat([points(i, 200, 2) + centres[i] for i in range(2)])
    good = torch.cat([points(i + 5, 200, 2) + centres[i] for i in range(2)])
    one_class = points(9, 400, 2) + centres[0]
    noise = 40 * points(10, 400, 2)
    honest, dropped, noisy = (manifold_metrics(real, fake) for fake in (good, one_class, noise))
    assert min(honest) > 0.85
    assert dropped.precision > 0.85 and dropped.recall < 0.55 and dropped.coverage < 0.55
    assert noisy.precision < 0.1 and noisy.density < 0.1


@pytest.mark.parametrize("bytes_at_a_time", [1, 3 * 8 * 70, 8 * 70 * 70])
def test_the_size_of_a_chunk_changes_nothing(bytes_at_a_time, monkeypatch):
    real, fake = points(1, 70, 6, grid=64), points(2, 70, 6, grid=64)
    whole = nearest(fake, real, 3), manifold_metrics(real, fake, 3)
    monkeypatch.setattr(neighbours, "CHUNK_BYTES", bytes_at_a_time)
    pieces = list(neighbours._chunks(fake, real))
    assert len(pieces) == {1: 70, 3 * 8 * 70: 24}.get(bytes_at_a_time, 1)
    assert torch.equal(torch.cat([distances for _, distances in pieces]), torch.cdist(fake, real))
    again = nearest(fake, real, 3), manifold_metrics(real, fake, 3)
    assert again[1] == whole[1] and torch.equal(again[0][0], whole[0][0])


def test_memorisation_is_its_share_for_honest_samples_and_one_for_copies():
    train, unseen, fake = (points(i, 2000, 4) for i in range(3))
    copies = train[torch.arange(0, 2000, 2)]
    for share in (0.01, 0.2):
        assert memorisation(fake, train, unseen, share) == pytest.approx(share, rel=0.5)
        assert memorisation(copies, train, unseen, share) == 1
        half = torch.cat([copies, fake[:1000]])
        assert memorisation(half, train, unseen, share) == pytest.approx((1 + share) / 2, rel=0.05)
        assert memorisation(fake + 100, train, unseen, share) == 0


LARGE = """
import resource, sys, time
sys.path.insert(0, {root!r})
import torch
torch.set_num_threads(1)
from gan_course.neighbours import nearest
random = torch.Generator().manual_seed(0)
points = torch.randn(60_000, 4, generator=random)
queries = torch.randn(10_000, 4, generator=random)
queries[:100] = points[-100:]
nearest(queries[:300], points[:300])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.process_time()
distances, indices = nearest(queries, points)
seconds = time.process_time() - begun
unit = 1 if sys.platform == "darwin" else 1024
more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
assert indices[:100, 0].tolist() == list(range(59_900, 60_000))
print(more, seconds)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX memory accounts")
def test_ten_thousand_against_sixty_thousand_fit_into_two_gigabytes():
    """The whole matrix of distances would be 4.8 GB."""
    code = LARGE.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    more, seconds = map(float, done.stdout.split())
    assert more < 2**30  # half of what is allowed
    assert seconds < 20
