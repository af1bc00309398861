"""Tiny GANs on a line or in the plane, all arms and seeds of a comparison at once.

On two cores a network this small spends its time on calling PyTorch, not on arithmetic. So the
weights of K networks lie in one tensor and one call moves them all.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from .acceleration import update_ema
from .data import generator_for
from .errors import ConfigError, check_choice
from .losses import ADVERSARIAL_LOSSES, norm_loss, pair, repulsion

Draw = Callable[[int, torch.Generator], Tensor]  # (count, generator) → (count, d) real points


@dataclass(frozen=True, kw_only=True)
class ToyArm:
    """What one arm's G minimises: ``adversarial · L_GAN + norm_loss``, norms as everywhere.

    ``adversarial=0`` leaves the norm loss alone; the other names are those of ``TrainConfig``.
    """

    adversarial: float = 1.0
    lambda1: float = 0.0
    lambda2: float = 0.0
    pairing: str = "independent"
    repulsion: bool = False

    def norm_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        """The arm's norm loss for (N, d) fakes and (N, d) real points, a scalar."""
        if not (self.lambda1 or self.lambda2):
            return fake.new_zeros(())
        left, right = pair(fake, real, self.pairing)
        total = norm_loss(left, right, self.lambda1, self.lambda2)
        if self.repulsion:
            total = total + repulsion(fake, self.lambda1, self.lambda2)
        return total


class ManyMLPs(nn.Module):
    """One MLP per seed, of one shape, side by side: (K, N, inputs) → (K, N, outputs).

    Args:
        sizes: (inputs, hidden, …, outputs).
        seeds: K of them; equal seeds begin with equal weights.
        purpose: "generator" or "discriminator", so that the two begin with different ones.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int], purpose: str):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        randoms = [generator_for(seed, f"toy {purpose}") for seed in seeds]
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            start = [torch.randn(inputs, outputs, generator=random) for random in randoms]
            self.weights.append(nn.Parameter(torch.stack(start) * inputs**-0.5))
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, outputs)))

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            x = x if i == last else leaky_relu(x, 0.2)
        return x


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tensors this small are slower on two threads than on one, and many times so on a busy CPU."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _adam(network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.5, 0.99), fused=True)


@_one_thread()
def train_toys(
    draw: Draw,
    arms: Mapping[str, ToyArm],
    *,
    loss: str = "minimax",
    seeds: int = 3,
    steps: int = 1000,
    batch_size: int = 128,
    discriminator_steps: int = 1,
    width: int = 32,
    latent_dim: int = 2,
    lr_g: float = 1e-3,
    lr_d: float = 2e-3,
    sample_count: int = 2000,
) -> dict[str, Tensor]:
    """Train one tiny GAN per arm and seed, on the CPU; arms of one seed share start, data and z.

    Args:
        draw: gives real points, e.g. ``lambda n, random: toy_points("ring", n, random)``.
        arms: name → what that arm's G minimises.
        loss: the game, a name in ``ADVERSARIAL_LOSSES``.
        seeds: how many, counted from 0.
        steps: updates of G; before each, D gets ``discriminator_steps``.
        width: units in each of the two hidden layers of G and of D.

    Returns:
        name → (seeds, sample_count, d) samples of the averaged generator.

    Raises:
        ConfigError: for an unknown loss, or no arm, seed or step.
    """
    check_choice("loss", loss, ADVERSARIAL_LOSSES)
    if not arms or min(seeds, steps) < 1:
        raise ConfigError("train_toys needs at least one arm, one seed and one step.")
    game = ADVERSARIAL_LOSSES[loss]
    models = [arm for arm in arms.values() for _ in range(seeds)]  # arm by arm, seed by seed
    owners = list(range(seeds)) * len(arms)  # the seed of each model
    dimension = draw(1, generator_for(0, "toy shape")).shape[1]
    generator = ManyMLPs((latent_dim, width, width, dimension), owners, "generator")
    discriminator = ManyMLPs((dimension, width, width, 1), owners, "discriminator")
    average = copy.deepcopy(generator).requires_grad_(False)
    optimizer_g, optimizer_d = _adam(generator, lr_g), _adam(discriminator, lr_d)
    random = generator_for(0, "toy training")
    playing = any(arm.adversarial for arm in models)

    def batch() -> tuple[Tensor, Tensor]:
        real = draw(seeds * batch_size, random).view(seeds, batch_size, dimension)
        z = torch.randn(seeds, batch_size, latent_dim, generator=random)
        return real.repeat(len(arms), 1, 1), z.repeat(len(arms), 1, 1)

    for step in range(steps):
        for _ in range(discriminator_steps if playing else 0):
            real, z = batch()
            fake = generator(z).detach()
            # The mean over all K·N logits is the mean of K losses; times K it is their sum, so
            # that each model has the gradient that it would have alone.
            loss_d = len(models) * game.discriminator(discriminator(real), discriminator(fake))
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()
        real, z = batch()
        fake = generator(z)
        loss_g = sum(arm.norm_loss(fake[k], real[k]) for k, arm in enumerate(models))
        if playing:
            logits = discriminator(fake)
            loss_g = loss_g + sum(
                arm.adversarial * game.generator(logits[k]) for k, arm in enumerate(models)
            )
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        update_ema(average, generator, min(0.995, (1 + step) / (10 + step)))
    z = torch.randn(seeds, sample_count, latent_dim, generator=generator_for(0, "toy samples"))
    samples = average(z.repeat(len(arms), 1, 1)).view(len(arms), seeds, sample_count, dimension)
    return dict(zip(arms, samples, strict=True))
