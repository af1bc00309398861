"""Exercises of lesson 04: the norm loss, its minimiser, its units, and its partners."""

import math

import torch
from torch import Tensor

from ..data import generator_for
from ..losses import norm_loss as package_norm_loss
from .exercise import Exercise


def _batches() -> list[tuple]:
    random = generator_for(0, "exercise 04 norm loss")
    fake = torch.randn(3, 1, 4, 4, generator=random)
    real = torch.randn(3, 1, 4, 4, generator=random)
    return [(fake, real, 0.5, 2.0), (fake[:2], real[:2], 1.0, 0.0), (fake, real, 0.0, 1.0)]


def _flat(fake: Tensor, real: Tensor) -> Tensor:
    return (fake - real).flatten(1)


norm_loss = Exercise(
    name="the norm loss",
    reference=package_norm_loss,
    cases=_batches,
    mistakes={
        "You squared the 2-norm: ‖·‖₂ has a root. Its pull has length 1 however far x is; the "
        "square's pull grows with the distance.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).abs().sum(1).mean()
                + b * _flat(fake, real).square().sum(1).mean()
            )
        ),
        "You took the mean over the pixels, as nn.L1Loss and nn.MSELoss do. A norm is a sum over "
        "the pixels: λ here is in summed norms.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).abs().mean()
                + b * _flat(fake, real).square().mean(1).sqrt().mean()
            )
        ),
        "That is λ1·nn.L1Loss + λ2·nn.MSELoss: both take the mean over the pixels, and the second "
        "has no root. The norm loss sums over pixels, and its ‖·‖₂ has a root.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).abs().mean() + b * _flat(fake, real).square().mean()
            )
        ),
        "You summed over the batch. E means the mean over the batch; only pixels are summed.": (
            lambda fake, real, a, b: len(fake) * package_norm_loss(fake, real, a, b)
        ),
        "You took one 2-norm of the whole batch. Each image has its own; average them after the "
        "root.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).abs().sum(1).mean() + b * (fake - real).norm() / len(fake)
            )
        ),
        "You swapped the weights: λ1 is for the absolute values, λ2 for the Euclidean norm.": (
            lambda fake, real, a, b: package_norm_loss(fake, real, b, a)
        ),
        "You took the largest absolute difference, which is ‖·‖∞. ‖·‖₁ is their sum.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).abs().amax(1).mean()
                + b * _flat(fake, real).norm(dim=1).mean()
            )
        ),
        "You forgot the absolute value: differences of both signs cancel.": (
            lambda fake, real, a, b: (
                a * _flat(fake, real).sum(1).mean() + b * _flat(fake, real).norm(dim=1).mean()
            )
        ),
    },
    hint="(fake - real).flatten(1) is (N, pixels). Norms over dimension 1, then the batch's mean.",
)


def _stacks() -> list[tuple]:
    random = generator_for(0, "exercise 04 minimiser")
    return [
        (torch.randn(7, 1, 3, 3, generator=random).exp(),),
        (torch.rand(5, 1, 2, 2, generator=random),),
    ]


best_constant = Exercise(
    name="the best constant image",
    reference=lambda real: real.median(dim=0).values,
    cases=_stacks,
    mistakes={
        "That is the mean image: it is best for the *squared* distance. For Σ|y − x| each half of "
        "the images pulls equally hard, so y goes where half lie above.": (
            lambda real: real.mean(dim=0)
        ),
        "That is one number for all pixels. Each pixel has its own median: take it over the batch, "
        "dimension 0.": lambda real: real.median(),
        "You took the median over pixels, one number an image. The sum over pixels falls apart "
        "into one problem a pixel: take it over the batch, dimension 0.": (
            lambda real: real.flatten(1).median(dim=1).values
        ),
        "That is the middle between darkest and brightest, which is best for the *largest* "
        "distance, ‖·‖∞.": lambda real: (real.amax(dim=0) + real.amin(dim=0)) / 2,
        "median(dim=0) returns values and indices; these are the indices.": (
            lambda real: real.median(dim=0).indices
        ),
    },
    hint="λ1 alone: each pixel can be chosen on its own. Where is Σ|y − x| flat?",
)

summed_weight = Exercise(
    name="a weight in summed norms",
    reference=lambda weight, image_shape: weight / math.prod(image_shape),
    cases=lambda: [(1.0, (1, 28, 28)), (100.0, (3, 256, 256)), (10.0, (3, 32, 32))],
    mistakes={
        "The other way round: the mean is the smaller number, so the same pull needs a *smaller* "
        "weight on the sum. Divide.": (lambda weight, image_shape: weight * math.prod(image_shape)),
        "You forgot the colour channels: the mean runs over C·H·W numbers.": (
            lambda weight, image_shape: weight / math.prod(image_shape[1:])
        ),
        "You divided by the square root, which is the conversion of a Euclidean norm to a root "
        "mean square. A mean of absolute values is the sum over C·H·W.": (
            lambda weight, image_shape: weight / math.sqrt(math.prod(image_shape))
        ),
        "You returned the weight unchanged; nn.L1Loss divides by the number of pixels.": (
            lambda weight, image_shape: weight
        ),
    },
    hint="weight · nn.L1Loss = λ1 · ‖·‖₁ for every image, and nn.L1Loss = ‖·‖₁ / (C·H·W).",
)


def _clouds() -> list[tuple]:
    random = generator_for(0, "exercise 04 pairs")
    return [
        (torch.randn(5, 1, 2, 2, generator=random), torch.randn(count, 1, 2, 2, generator=random))
        for count in (8, 3)
    ]


def _table(fake: Tensor, real: Tensor) -> Tensor:
    return torch.cdist(fake.flatten(1), real.flatten(1))


nearest_fake = Exercise(
    name="the nearest fake of each real image",
    reference=lambda fake, real: _table(fake, real).argmin(dim=0),
    cases=_clouds,
    mistakes={
        "That is the nearest *real* of each fake: every fake is content beside one real image, so "
        "nothing asks for the others. Look down the columns, dim=0.": (
            lambda fake, real: _table(fake, real).argmin(dim=1)
        ),
        "Those are the *farthest* ones: argmin, not argmax.": (
            lambda fake, real: _table(fake, real).argmax(dim=0)
        ),
        "Those are the distances; the indices are asked for: argmin, or .indices.": (
            lambda fake, real: _table(fake, real).amin(dim=0)
        ),
    },
    hint="torch.cdist(fake.flatten(1), real.flatten(1)) is (fakes, reals); one index a real image.",
)
