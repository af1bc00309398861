"""Exercises of lesson 03: Gaussians apart, balls, copies, and the entropy of a histogram."""

import math

import torch
from torch import Tensor

from ..data import generator_for
from ..metrics import entropy as package_entropy
from ..neighbours import manifold_metrics
from .exercise import Exercise


def _gaussians() -> list[tuple]:
    """Means and covariances that do not commute, in two and in three dimensions."""
    random = generator_for(0, "exercise 03 gaussians")
    cases = []
    for dimension in (2, 3):
        moments = []
        for scale in (1.0, 1.6):
            mix = scale * torch.randn(dimension, dimension, generator=random).double()
            mean = torch.randn(dimension, generator=random).double()
            moments += [mean, mix @ mix.T + 0.3 * torch.eye(dimension)]
        cases.append(tuple(moments))
    return cases


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _overlap(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    """tr (S_a^½ S_b S_a^½)^½."""
    return _root(_root(cov_a) @ cov_b @ _root(cov_a)).trace()


def _means(mean_a: Tensor, mean_b: Tensor) -> Tensor:
    return (mean_a - mean_b).square().sum()


def _distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> Tensor:
    spread = cov_a.trace() + cov_b.trace() - 2 * _overlap(cov_a, cov_b)
    return _means(mean_a, mean_b) + spread


frechet = Exercise(
    name="the Fréchet distance of two Gaussians",
    reference=_distance,
    cases=_gaussians,
    mistakes={
        "That is the distance of the means alone. Two clouds of one centre may differ in width: "
        "the three traces are missing.": lambda ma, ca, mb, cb: _means(ma, mb),
        "The square root of the product is missing: tr S_a^½ S_b S_a^½ is tr S_a S_b, of the "
        "wrong unit (variance squared). Take the root of its eigenvalues before you add them.": (
            lambda ma, ca, mb, cb: _means(ma, mb) + ca.trace() + cb.trace() - 2 * (ca @ cb).trace()
        ),
        "You forgot the 2 before the last trace: equal clouds would be far apart.": (
            lambda ma, ca, mb, cb: _means(ma, mb) + ca.trace() + cb.trace() - _overlap(ca, cb)
        ),
        "You compared the clouds axis by axis, Σ (σ_a − σ_b)². That is right only where both lie "
        "along the axes; a turned cloud keeps its secret in the covariances off the diagonal.": (
            lambda ma, ca, mb, cb: (
                _means(ma, mb) + (ca.diagonal().sqrt() - cb.diagonal().sqrt()).square().sum()
            )
        ),
        "You multiplied the two roots: tr S_a^½ S_b^½ equals the right trace only where S_a and "
        "S_b commute. Put S_b between two roots of S_a, and take the root of that.": (
            lambda ma, ca, mb, cb: (
                _means(ma, mb) + ca.trace() + cb.trace() - 2 * (_root(ca) @ _root(cb)).trace()
            )
        ),
        "eigvalsh was given S_a @ S_b, which is not symmetric: it reads one triangle and believes "
        "it. S_a^½ S_b S_a^½ is symmetric and has the right eigenvalues.": (
            lambda ma, ca, mb, cb: (
                _means(ma, mb)
                + ca.trace()
                + cb.trace()
                - 2 * torch.linalg.eigvalsh(ca @ cb).clamp(min=0).sqrt().sum()
            )
        ),
        "The distance of the means enters squared: ‖μ_a − μ_b‖², in the unit of a variance.": (
            lambda ma, ca, mb, cb: (
                _distance(ma, ca, mb, cb) - _means(ma, mb) + _means(ma, mb).sqrt()
            )
        ),
        "You took the root at the end. The field reports the *squared* distance, and so do we.": (
            lambda ma, ca, mb, cb: _distance(ma, ca, mb, cb).sqrt()
        ),
    },
    hint="Try one dimension first: (μ_a − μ_b)² + σ_a² + σ_b² − 2·σ_a·σ_b. Which part is wrong?",
)


def _clouds() -> list[tuple]:
    random = generator_for(0, "exercise 03 clouds")
    real = torch.randn(60, 2, generator=random)
    fake = 1.4 * torch.randn(45, 2, generator=random) + 0.4
    return [(real, fake, 3), (real, fake, 1), (fake, real[:30], 2)]


def _radii(points: Tensor, place: int, *, largest: bool = False) -> Tensor:
    return torch.cdist(points, points).topk(place, largest=largest).values[:, -1]


def _nearest_ball_only(real: Tensor, fake: Tensor, k: int) -> Tensor:
    nearest = torch.cdist(fake, real).min(dim=1)
    return (nearest.values < _radii(real, k + 1)[nearest.indices]).double().mean()


precision = Exercise(
    name="precision",
    reference=lambda real, fake, k: manifold_metrics(real, fake, k).precision,
    cases=_clouds,
    mistakes={
        "Each point counted itself as its nearest neighbour, at distance 0, so your balls reach "
        "the (k−1)-th other point. Ask for k + 1 neighbours and take the last.": (
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radii(real, k)[:, None]).any(0).double().mean()
            )
        ),
        "That is recall: you drew balls around the fakes and counted real points. Precision asks "
        "whether *fakes* lie where real ones do.": (
            lambda real, fake, k: manifold_metrics(real, fake, k).recall
        ),
        "That is coverage: the share of real *balls* that hold a fake. Precision is a share of the "
        "fakes; look down the other dimension.": (
            lambda real, fake, k: manifold_metrics(real, fake, k).coverage
        ),
        "That is density: it counts every ball that a fake lies in. For precision one is enough: "
        "any, then the mean.": lambda real, fake, k: manifold_metrics(real, fake, k).density,
        "You asked only the ball of the nearest real point. A fake may lie in the large ball of a "
        "lonely point farther away: ask all balls.": _nearest_ball_only,
        "You gave all balls one radius, the mean. Each real point has its own: small in a crowd, "
        "large where it is lonely.": (
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radii(real, k + 1).mean()).any(0).double().mean()
            )
        ),
        "topk gave you the *farthest* points: largest=False.": (
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radii(real, k + 1, largest=True)[:, None])
                .any(0).double().mean()
            )
        ),
    },
    hint="torch.cdist(real, fake) is (reals, fakes); a radius for each row; any over the rows.",
)  # fmt: skip


def _nearest_distances() -> list[tuple]:
    random = generator_for(0, "exercise 03 copies")
    unseen = 1 + torch.randn(400, generator=random).abs()
    fake = 1 + torch.randn(300, generator=random).abs()
    fake[:60] = 0.1
    return [(fake, unseen, 0.01), (fake[40:], unseen[:200], 0.2)]


copied_share = Exercise(
    name="the share of copies",
    reference=lambda fake, unseen, share: (fake < unseen.quantile(share)).double().mean(),
    cases=_nearest_distances,
    mistakes={
        "That is the share of samples *above* the line. A copy is suspiciously near: below it.": (
            lambda fake, unseen, share: (fake > unseen.quantile(share)).double().mean()
        ),
        "You drew the line with the fakes' own distances: whatever they are, the asked share lies "
        "below it. The line must come from images that cannot be copies: the unseen ones.": (
            lambda fake, unseen, share: (fake < fake.quantile(share)).double().mean()
        ),
        "You drew the line where most unseen images lie *below* it: quantile(share), not "
        "quantile(1 − share).": (
            lambda fake, unseen, share: (fake < unseen.quantile(1 - share)).double().mean()
        ),
        "You counted; the share is asked for: the mean.": (
            lambda fake, unseen, share: (fake < unseen.quantile(share)).sum()
        ),
        "Your line is the mean distance of the unseen images: about half of them lie below it, and "
        "none is a copy. Take the quantile that `share` names.": (
            lambda fake, unseen, share: (fake < unseen.mean()).double().mean()
        ),
        "Your line is a part of the mean distance. How much distances vary is what the quantile "
        "knows and the mean does not.": (
            lambda fake, unseen, share: (fake < share * unseen.mean()).double().mean()
        ),
    },
    hint="One line from `unseen`, then how many of `fake` lie below it. Both are (N,) distances.",
)


def _shares() -> list[tuple]:
    shares = ([0.7, 0.2, 0.1], [0.1] * 10, [0.0, 0.5, 0.25, 0.25, 0.0])
    return [(torch.tensor(numbers).double(),) for numbers in shares]


entropy = Exercise(
    name="the entropy of a class histogram",
    reference=package_entropy,
    cases=_shares,
    mistakes={
        "That is in bits (log2). The course uses nats: the natural logarithm.": (
            lambda p: -torch.special.xlogy(p, p).sum() / math.log(2)
        ),
        "The minus is missing: logarithms of shares are negative, an entropy is not.": (
            lambda p: torch.special.xlogy(p, p).sum()
        ),
        "0 · log 0 became nan: a class that is never drawn adds 0. torch.special.xlogy(p, p) knows "
        "that.": lambda p: -(p * p.log()).sum(),
        "You took the mean over the classes; it is their sum.": (
            lambda p: -torch.special.xlogy(p, p).mean()
        ),
        "You divided by log(classes), which gives a share in 0…1 (some papers do). Here: nats.": (
            lambda p: package_entropy(p) / math.log(len(p))
        ),
        "That is exp(entropy), the number of classes that it is worth. A fine figure, but the "
        "entropy is its logarithm.": lambda p: math.exp(package_entropy(p)),
        "You added −log p without its weight: each class weighs as often as drawn, p·log p.": (
            lambda p: -p[p > 0].log().sum()
        ),
    },
    hint="−Σ p·log p over the classes, natural logarithm, and 0·log 0 is 0.",
)
