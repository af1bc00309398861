"""Nearest neighbours in bounded memory, and what is counted with them.

``manifold_metrics`` gives precision and recall (arXiv 1904.06991) and density and coverage
(arXiv 2002.09797); ``memorisation`` asks whether samples sit on training images.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .errors import ConfigError

CHUNK_BYTES = 2**27  # of distances at a time: 10,000 × 60,000 never stand in memory at once


class Manifold(NamedTuple):
    """Four shares, each about real and fake balls: a point's ball reaches its k-th neighbour.

    precision: share of fakes that lie in some real ball. recall: share of reals that lie in some
    fake ball. density: how many real balls hold a fake, over k (above 1 is possible). coverage:
    share of real balls that hold a fake.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def _checked(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets as (N, d) float64 on the CPU: in float32 a copy may come out far from itself."""
    if a.dim() < 2 or a.flatten(1).shape[1] != b.flatten(1).shape[1]:
        raise ConfigError(
            f"neighbours need two sets of equal features, (N, d) and (M, d); got {tuple(a.shape)} "
            f"and {tuple(b.shape)}. Use one feature function for both."
        )
    a, b = (points.detach().flatten(1).double().cpu() for points in (a, b))
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ConfigError("features must be finite; there is a NaN or an infinity among them.")
    return a, b


def _chunks(queries: Tensor, points: Tensor):
    """Pieces of the distance matrix: (rows of queries, their distances to every point)."""
    rows = max(1, CHUNK_BYTES // (8 * len(points)))
    for start in range(0, len(queries), rows):
        piece = queries[start : start + rows]
        yield slice(start, start + len(piece)), torch.cdist(piece, points)


def nearest(queries: Tensor, points: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest points of every query, nearest first.

    Args:
        queries: (N, ...) features or images.
        points: (M, ...) with M ≥ k.

    Returns:
        Euclidean distances (N, k) in float64, and indices into ``points`` (N, k).

    Raises:
        ConfigError: if the sets do not fit together or hold fewer than k points.
    """
    queries, points = _checked(queries, points)
    if not 1 <= k <= len(points):
        raise ConfigError(f"k must be in 1…{len(points)}, the number of points; got {k}.")
    found = [d.topk(k, largest=False) for _, d in _chunks(queries, points)]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])


def ball_radii(points: Tensor, k: int) -> Tensor:
    """(N,) distances from each point to its k-th nearest *other* point."""
    distances, _ = nearest(points, points, k + 1)  # the nearest of all is the point itself
    return distances[:, -1]


def manifold_metrics(real: Tensor, fake: Tensor, k: int = 5) -> Manifold:
    """Precision, recall, density and coverage with balls of k neighbours.

    All four rise with the number of samples, and not alike: compare only figures with the same
    numbers of both, and read them beside those of two sets of real images.

    Args:
        real: (N, d) features, N > k.
        fake: (M, d) features, M > k.

    Raises:
        ConfigError: if the sets do not fit together or are too small.
    """
    if min(len(real), len(fake)) <= k or k < 1:
        raise ConfigError(
            f"balls of k = {k} neighbours need k ≥ 1 and more than k points in both sets; got "
            f"{len(real)} real and {len(fake)} fake ones."
        )
    real, fake = _checked(real, fake)
    real_radii, fake_radii = ball_radii(real, k), ball_radii(fake, k)
    in_real_balls = torch.zeros(len(fake), dtype=torch.long)  # how many real balls hold a fake
    recalled, covered = 0, 0
    for rows, distances in _chunks(real, fake):
        inside = distances < real_radii[rows, None]
        in_real_balls += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((distances < fake_radii).any(1).sum())
    return Manifold(
        precision=float((in_real_balls > 0).double().mean()),
        recall=recalled / len(real),
        density=float(in_real_balls.double().mean()) / k,
        coverage=covered / len(real),
    )


def memorisation(fake: Tensor, train: Tensor, unseen: Tensor, share: float = 0.01) -> float:
    """The share of samples closer to a training image than nearly all unseen real images are.

    The line is the distance under which ``share`` of the unseen images lie; a generator that
    copies nothing comes out near ``share``, one that copies everything at 1. A blur is close to
    many images in pixels, so measure in features.

    Args:
        fake, train, unseen: (N, d), (M, d) and (K, d) features.
    """
    line = nearest(unseen, train)[0].quantile(share)
    return float((nearest(fake, train)[0] < line).double().mean())
