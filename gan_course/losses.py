"""What G and D minimise: pure functions of logits or of images.

Every adversarial loss takes *logits*, D's raw outputs with no sigmoid, of shape (N,) or (N, 1).
Every norm is taken over all non-batch dimensions of an image and then averaged over the batch, so
λ1 and λ2 always weigh summed norms (against a log loss: in nats per unit of norm).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import relu, softplus

from .errors import ConfigError, check_choice


class AdversarialLoss(NamedTuple):
    """The two halves of a game, and how to read D's output as D(x).

    ``discriminator(real_logits, fake_logits)`` and ``generator(fake_logits)`` return scalars that
    their player *minimises*; ``score(logits)`` is what curves show as D(x).
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    score: Callable[[Tensor], Tensor]


def _cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``−E[log D(x)] − E[log(1 − D(G(z)))]`` with D = sigmoid(logits), without overflow."""
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _identity(logits: Tensor) -> Tensor:
    return logits


# The article's formula, arXiv 1406.2661 eq. 1: G minimises E[log(1 − D(G(z)))].
minimax = AdversarialLoss(
    discriminator=_cross_entropy_discriminator,
    generator=lambda fake_logits: -softplus(fake_logits).mean(),
    score=torch.sigmoid,
)

# arXiv 1406.2661 section 3: G minimises −E[log D(G(z))], whose slope does not vanish when D wins.
non_saturating = AdversarialLoss(
    discriminator=_cross_entropy_discriminator,
    generator=lambda fake_logits: softplus(-fake_logits).mean(),
    score=torch.sigmoid,
)

# The article's code: nn.MSELoss on D's raw outputs, real → 1, fake → 0, and for G fake → 1.
# This is least-squares GAN (arXiv 1611.04076 eq. 9) without that paper's factor ½.
least_squares = AdversarialLoss(
    discriminator=lambda real_logits, fake_logits: (
        (real_logits - 1).square().mean() + fake_logits.square().mean()
    ),
    generator=lambda fake_logits: (fake_logits - 1).square().mean(),
    score=_identity,
)

# arXiv 1705.02894; D stops caring once a sample is on its side by a margin of 1.
hinge = AdversarialLoss(
    discriminator=lambda real_logits, fake_logits: (
        relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()
    ),
    generator=lambda fake_logits: -fake_logits.mean(),
    score=_identity,
)

ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "hinge": hinge,
}


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """``½·mean_i ‖∇D(x_i)‖²``: D must be flat at real images (arXiv 1801.04406, eq. 9, γ = 1).

    Args:
        real_logits: (N,) D's outputs for ``real``, with their graph.
        real: (N, ...) leaf tensor with ``requires_grad``.
    """
    (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return 0.5 * slope.square().flatten(1).sum(1).mean()


PAIRINGS = ("independent", "nearest_real", "nearest_fake", "assignment")


def norm_terms(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """The article's two distances between images that stand at the same place in two batches.

    Args:
        fake: (N, ...) floats, usually (N, C, H, W) in [-1, 1].
        real: the same shape; ``real[i]`` is the image that ``fake[i]`` is compared with.

    Returns:
        Two scalars, ``mean_i ‖fake_i − real_i‖₁`` and ``mean_i ‖fake_i − real_i‖₂`` (not squared).
        The gradient at ``fake == real`` is 0, not NaN.

    Raises:
        ConfigError: if the shapes differ, or the tensors are not floating point.
    """
    if fake.shape != real.shape or fake.dim() < 2:
        raise ConfigError(
            f"fake and real must have one shape (N, ...); got {tuple(fake.shape)} and "
            f"{tuple(real.shape)}. Compare batches of equal size, image with image."
        )
    if not (fake.is_floating_point() and real.is_floating_point()):
        raise ConfigError(
            f"fake and real must be floats in [-1, 1]; got {fake.dtype} and {real.dtype}. "
            "Use data.to_images(...) on uint8 pixels."
        )
    difference = (fake - real).flatten(1)
    l1 = torch.linalg.vector_norm(difference, ord=1, dim=1).mean()
    l2 = torch.linalg.vector_norm(difference, ord=2, dim=1).mean()
    return l1, l2


def norm_loss(
    fake: Tensor, real: Tensor, lambda1: float | Tensor, lambda2: float | Tensor
) -> Tensor:
    """``λ1·mean_i ‖fake_i − real_i‖₁ + λ2·mean_i ‖fake_i − real_i‖₂``, the article's norm loss.

    Args:
        fake: (N, ...) floats, G's images.
        real: (N, ...) floats, their partners (see ``pair``).
        lambda1: weight ≥ 0 of the summed absolute difference (for 28×28 images in [-1, 1] this
            term alone is about 435 for two independent real images, so 1 is a huge weight).
        lambda2: weight ≥ 0 of the Euclidean distance (about 23 for two independent real images).

    Returns:
        A scalar.

    Raises:
        ConfigError: if the images do not fit together, or a weight is negative or not finite.
    """
    for name, weight in (("lambda1", lambda1), ("lambda2", lambda2)):
        # A tensor is not looked at: that would wait for the device at every step.
        if not isinstance(weight, Tensor) and not 0 <= weight < math.inf:
            raise ConfigError(
                f"{name} must be a finite number, 0 or greater; got {weight!r}. "
                "0 switches its term off."
            )
    l1, l2 = norm_terms(fake, real)
    return lambda1 * l1 + lambda2 * l2


@torch.no_grad()
def _distances(fake: Tensor, real: Tensor) -> Tensor:
    """Euclidean distances, (N, M), of every fake to every real image."""
    return torch.cdist(fake.flatten(1), real.flatten(1))


def pair(fake: Tensor, real: Tensor, pairing: str) -> tuple[Tensor, Tensor]:
    """Decide which real image each generated one is compared with; the article leaves this open.

    Args:
        fake: (N, ...) G's images; the result keeps their graph.
        real: (N, ...) real images.
        pairing: ``independent``: i-th with i-th, i.e. z and x are unrelated;
            ``nearest_real``: each fake with its nearest real (lets G collapse);
            ``nearest_fake``: each *real* with its nearest fake, as in IMLE (arXiv 1809.09087);
            ``assignment``: the one-to-one matching of least total distance in the batch.

    Returns:
        Two tensors to be compared row by row.
    """
    check_choice("pairing", pairing, PAIRINGS)
    if pairing == "nearest_real":
        return fake, real[_distances(fake, real).argmin(dim=1)]
    if pairing == "nearest_fake":
        return fake[_distances(fake, real).argmin(dim=0)], real
    if pairing == "assignment":
        _, columns = linear_sum_assignment(_distances(fake, real).cpu().numpy())
        return fake, real[torch.as_tensor(columns, device=real.device)]
    return fake, real


def repulsion(fake: Tensor, lambda1: float | Tensor, lambda2: float | Tensor) -> Tensor:
    """``−½`` times the norm loss of G's images among themselves (z against an unrelated z′).

    Added to ``norm_loss`` with independent pairs it completes half an *energy distance* (up to a
    constant): with λ2 alone that is least exactly where G's distribution is the data's
    (Székely and Rizzo 2013); with λ1 alone it only matches each pixel on its own.

    Args:
        fake: (N, ...) with N ≥ 2; row i is compared with row i − 1.
    """
    if len(fake) < 2:
        raise ConfigError(f"repulsion needs at least 2 images; got {len(fake)}. Raise the batch.")
    return -0.5 * norm_loss(fake, fake.roll(1, dims=0), lambda1, lambda2)


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """``2·E‖a − b‖₂ − E‖a − a′‖₂ − E‖b − b′‖₂`` of two samples, unbiased over all pairs.

    Args:
        a: (N, ...) floats with N ≥ 2.
        b: (M, ...) floats with M ≥ 2.

    Returns:
        A scalar; 0 in expectation iff both samples come from one distribution. Being unbiased it
        can come out slightly negative.
    """
    if min(len(a), len(b)) < 2:
        raise ConfigError(
            f"an energy distance needs at least 2 rows on each side; got {len(a)} and {len(b)}. "
            "Draw more samples."
        )
    a, b = a.flatten(1), b.flatten(1)

    def mean_within(points: Tensor) -> Tensor:
        count = len(points)
        return torch.pdist(points).sum() * 2 / (count * (count - 1))

    return 2 * torch.cdist(a, b).mean() - mean_within(a) - mean_within(b)
