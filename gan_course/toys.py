"""2-D distributions small enough to see: what a GAN learns on a plane."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .errors import ConfigError, check_choice


def _ring(count: int, random: torch.Generator) -> Tensor:
    angle = 2 * math.pi * torch.rand(count, generator=random)
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _gaussians(count: int, random: torch.Generator) -> Tensor:
    angle = torch.randint(8, (count,), generator=random) * (2 * math.pi / 8)
    centres = torch.stack([angle.cos(), angle.sin()], dim=1)
    return centres + 0.05 * torch.randn(count, 2, generator=random)


def _two_moons(count: int, random: torch.Generator) -> Tensor:
    angle = math.pi * torch.rand(count, generator=random)
    lower = torch.rand(count, generator=random) < 0.5
    x = torch.where(lower, 1 - angle.cos(), angle.cos()) - 0.5
    y = torch.where(lower, 0.5 - angle.sin(), angle.sin()) - 0.25
    return torch.stack([x, y], dim=1) + 0.05 * torch.randn(count, 2, generator=random)


def _line(count: int, random: torch.Generator) -> Tensor:
    x = 2 * torch.rand(count, generator=random) - 1
    return torch.stack([x, 0.5 * x], dim=1) + 0.02 * torch.randn(count, 2, generator=random)


def _regions(count: int, random: torch.Generator) -> Tensor:
    side = torch.randint(2, (count,), generator=random) * 2.0 - 1
    points = torch.rand(count, 2, generator=random) - 0.5
    return points + torch.stack([side, torch.zeros(count)], dim=1)


TOYS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "ring": _ring,
    "gaussians": _gaussians,
    "two_moons": _two_moons,
    "line": _line,
    "regions": _regions,
}


def toy_points(name: str, count: int, generator: torch.Generator) -> Tensor:
    """(count, 2) float points: "ring" of radius 1, 8 "gaussians", "two_moons", "line", "regions".

    All lie within about [-2, 2]². ``generator`` is a CPU generator, such as
    ``data.generator_for(0, "toy")``.
    """
    check_choice("toy", name, TOYS)
    if count < 1:
        raise ConfigError(f"count must be 1 or greater; got {count}.")
    return TOYS[name](count, generator)
