"""How far two sets of features are apart, and what the norm loss costs at best.

Pure functions. Which features are compared is the business of ``ruler``: the shipped classifier's
from lesson 03 on; principal components of pixels in lesson 02, and where 03 compares the two.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .data import generator_for, to_images
from .errors import ConfigError
from .losses import norm_terms


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The Fréchet distance of Gaussians fitted to two sets of features (arXiv 1706.08500, eq. 6).

    ``‖μ₁ − μ₂‖² + tr(S₁ + S₂ − 2·(S₁^½ S₂ S₁^½)^½)``, in float64 on the CPU. It is biased upwards
    for few samples: compare only figures with the same N.

    Args:
        a, b: (N, d) and (M, d) finite features, N and M > d.

    Returns:
        A number ≥ 0, in squared feature units.

    Raises:
        ConfigError: if shapes do not fit, there are too few rows, or a value is not finite.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        raise ConfigError(
            f"features must be (N, d) and (M, d); got {tuple(a.shape)} and {tuple(b.shape)}. "
            "Flatten images and use one feature function for both."
        )
    if min(len(a), len(b)) <= a.shape[1]:
        raise ConfigError(
            f"more samples than the {a.shape[1]} features are needed for a covariance; got "
            f"{len(a)} and {len(b)}."
        )
    a, b = a.detach().double().cpu(), b.detach().double().cpu()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ConfigError("features must be finite; there is a NaN or an infinity among them.")
    covariance_a, covariance_b = torch.atleast_2d(torch.cov(a.T)), torch.atleast_2d(torch.cov(b.T))
    values, vectors = torch.linalg.eigh(covariance_a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp(min=0).sqrt().sum()
    spread = covariance_a.trace() + covariance_b.trace() - 2 * overlap
    return max(0.0, float((a.mean(0) - b.mean(0)).square().sum() + spread))


def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int = 50, size: int = 1000, seed: int = 0
) -> float:
    """The squared maximum mean discrepancy under the kernel (a·b/d + 1)³ (arXiv 1801.01401).

    The mean over random subsets of torchmetrics' unbiased estimate: in contrast to the Fréchet
    distance its expectation does not depend on N, and it can come out slightly below 0.

    Args:
        a, b: (N, d) and (M, d) finite features.
        subsets: how many draws are averaged.
        size: features a draw; at most N and M are used.

    Raises:
        ConfigError: if shapes do not fit, or there are fewer than 2 rows.
    """
    from torchmetrics.image.kid import poly_mmd  # a second to load; few need it

    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b), size) < 2:
        raise ConfigError(
            f"features must be (N, d) and (M, d) with 2 rows or more; got {tuple(a.shape)} and "
            f"{tuple(b.shape)}, {size} a draw. Use one feature function for both."
        )
    a, b = a.detach().double().cpu(), b.detach().double().cpu()
    random = generator_for(seed, "kernel distance")
    size = min(size, len(a), len(b))
    draws = []
    for _ in range(subsets):
        left = a[torch.randperm(len(a), generator=random)[:size]]
        right = b[torch.randperm(len(b), generator=random)[:size]]
        draws.append(poly_mmd(left, right))
    return float(torch.stack(draws).mean())


def class_shares(logits: Tensor) -> Tensor:
    """The share of images that a classifier calls each class: (N, classes) → (classes,), sum 1."""
    counts = torch.bincount(logits.argmax(1).cpu(), minlength=logits.shape[1])
    return counts.double() / counts.sum()


def entropy(shares: Tensor) -> float:
    """``−Σ p·log p`` in nats: log(classes) where all are drawn alike, 0 where one is drawn."""
    return abs(float(torch.special.xlogy(shares, shares).sum()))  # no −0.0 for a single class


def variety(images: Tensor, real: Tensor, *, count: int = 1000) -> float:
    """The mean distance between two samples as a share of that between two real images.

    1 for real images, 0 for a generator that makes one picture. Both (N, C, H, W) in [-1, 1].
    """

    def spread(pictures: Tensor) -> float:
        half = min(len(pictures), count) // 2
        left, right = pictures[:half].flatten(1).cpu(), pictures[half : 2 * half].flatten(1).cpu()
        return float(torch.cdist(left, right).mean()) if half else 0.0

    return spread(images) / spread(real)


def _flat(images: Tensor) -> Tensor:
    if not images.is_floating_point() or images.dim() != 4:
        raise ConfigError(
            "images must be (N, C, H, W) floats in [-1, 1]; "
            f"got {images.dtype} {tuple(images.shape)}. Use data.to_images(...) on uint8 pixels."
        )
    return images.detach().flatten(1).double().cpu()


@dataclass(frozen=True)
class PrincipalComponents:
    """The directions along which real images differ most: a ruler anyone can refit in a second.

    mean: (pixels,). directions: (pixels, d), orthonormal.
    """

    mean: Tensor
    directions: Tensor

    @classmethod
    def fit(cls, images: Tensor, count: int = 32) -> "PrincipalComponents":
        """Fit ``count`` directions to (N, C, H, W) floats in [-1, 1]."""
        flat = _flat(images)
        if not 1 <= count <= flat.shape[1] or len(flat) < 2:
            raise ConfigError(
                f"{count} components need at least 2 images of {count} pixels or more; got "
                f"{len(flat)} of {flat.shape[1]}. Lower count."
            )
        mean = flat.mean(0)
        _, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
        return cls(mean, vectors[:, -count:].flip(1))

    def features(self, images: Tensor) -> Tensor:
        """(N, C, H, W) floats in [-1, 1] → (N, d) coordinates in float64."""
        return (_flat(images) - self.mean) @ self.directions


@dataclass(frozen=True)
class NormFloors:
    """What a generator pays, per image and in summed norms, for one term of the norm loss.

    perfect_l1, perfect_l2: two independent real images, so what a *perfect* generator pays.
    blur_l1, blur_l2: the one constant image that pays least: the least that any G can pay.
    median, geometric_median: these two images, (C, H, W) in [-1, 1].
    """

    perfect_l1: float
    perfect_l2: float
    blur_l1: float
    blur_l2: float
    median: Tensor
    geometric_median: Tensor


def geometric_median(points: Tensor, *, iterations: int = 100) -> Tensor:
    """The point of least mean Euclidean distance to (N, d) points, by Weiszfeld's iteration."""
    centre = points.mean(0)
    for _ in range(iterations):
        weights = 1 / torch.linalg.vector_norm(points - centre, dim=1).clamp(min=1e-12)
        centre = (weights[:, None] * points).sum(0) / weights.sum()
    return centre


def norm_floors(pixels: Tensor, *, count: int = 10_000, seed: int = 0) -> NormFloors:
    """Measure both floors of the norm loss on real images.

    Args:
        pixels: (N, C, H, W) uint8 real images, N ≥ 2.
        count: how many of them to use at most.
        seed: decides which, and which pairs.
    """
    if min(len(pixels), count) < 2:
        raise ConfigError(f"floors need at least 2 images; got {min(len(pixels), count)}.")
    random = generator_for(seed, "norm floors")
    chosen = torch.randperm(len(pixels), generator=random)[:count]
    images = to_images(pixels[chosen.to(pixels.device)]).cpu()
    perfect_l1, perfect_l2 = norm_terms(images, images.roll(1, dims=0))
    median = images.median(dim=0).values
    centre = geometric_median(images.flatten(1)).view_as(median)
    blur_l1, _ = norm_terms(median.expand_as(images), images)
    _, blur_l2 = norm_terms(centre.expand_as(images), images)
    return NormFloors(
        float(perfect_l1), float(perfect_l2), float(blur_l1), float(blur_l2), median, centre
    )
