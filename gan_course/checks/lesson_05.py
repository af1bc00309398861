"""Exercises of lesson 05: the sum in a residual block, its size, and its gradient in a chain."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from ..data import generator_for
from .exercise import Exercise

Layers = Callable[[Tensor], Tensor]


def _blocks() -> list[tuple[Tensor, Layers, Layers]]:
    """x, a branch that doubles the size, and a shortcut that fits its channels."""
    random = generator_for(0, "exercise 05")
    cases = []
    for inputs, outputs in ((3, 5), (4, 4)):
        x = torch.randn(2, inputs, 4, 4, generator=random)
        kernel = torch.randn(outputs, inputs, 3, 3, generator=random)
        mix = torch.randn(outputs, inputs, 1, 1, generator=random)

        def branch(x: Tensor, kernel: Tensor = kernel) -> Tensor:
            return conv2d(interpolate(torch.relu(x), scale_factor=2.0), kernel, padding=1)

        def project(x: Tensor, mix: Tensor = mix) -> Tensor:
            return conv2d(x, mix) if mix.shape[0] != mix.shape[1] else x

        cases.append((x, branch, project))
    return cases


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0)


residual_forward = Exercise(
    name="a residual block's forward",
    reference=lambda x, branch, project: branch(x) + _doubled(project(x)),
    cases=_blocks,
    mistakes={
        "You forgot the shortcut: that is the branch alone, the plain net.": (
            lambda x, branch, project: branch(x)
        ),
        "You forgot the branch: that is the shortcut alone, which learns almost nothing.": (
            lambda x, branch, project: _doubled(project(x))
        ),
        "You forgot to upsample the shortcut: the branch is twice as large as x, so the sum "
        "does not fit.": lambda x, branch, project: branch(x) + project(x),
        "You forgot to project the shortcut: the branch changes the number of channels, so the "
        "sum does not fit where inputs and outputs differ.": (
            lambda x, branch, project: branch(x) + _doubled(x)
        ),
        "You put a ReLU after the sum. Then nothing negative can pass from block to block, and the "
        "way through is no longer the identity; SNGAN's blocks put it inside the branch.": (
            lambda x, branch, project: torch.relu(branch(x) + _doubled(project(x)))
        ),
        "You subtracted the shortcut; it is a sum, so that the Jacobian is I + J.": (
            lambda x, branch, project: branch(x) - _doubled(project(x))
        ),
        "You multiplied the two: then the gradient of each is scaled by the other, and a branch "
        "near 0 closes the shortcut.": (
            lambda x, branch, project: branch(x) * _doubled(project(x))
        ),
    },
    hint="y = branch(x) + upsample(project(x)), with nothing after the sum.",
)


def _count(
    inputs: int,
    outputs: int,
    *,
    norm1: bool = True,
    norm2: bool = True,
    bias1: bool = False,
    bias2: bool = True,
    project: bool | None = None,
    norm1_size: int | None = None,
    taps: int = 9,
) -> int:
    total = taps * inputs * outputs + taps * outputs * outputs
    total += 2 * (norm1_size or inputs) * norm1 + 2 * outputs * norm2
    total += outputs * bias1 + outputs * bias2
    if project if project is not None else inputs != outputs:
        total += inputs * outputs + outputs
    return total


block_parameters = Exercise(
    name="the parameters of a block",
    reference=_count,
    cases=lambda: [(8, 4), (16, 16), (64, 32)],
    mistakes={
        "You counted a 1×1 convolution in every block; where inputs equal outputs the shortcut is "
        "the identity and costs nothing.": (
            lambda inputs, outputs: _count(inputs, outputs, project=True)
        ),
        "You left out the 1×1 convolution of the shortcut (with its bias) where the number of "
        "channels changes.": lambda inputs, outputs: _count(inputs, outputs, project=False),
        "You left out the bias of the 1×1 convolution.": lambda inputs, outputs: (
            _count(inputs, outputs) - (outputs if inputs != outputs else 0)
        ),
        "You counted a bias in conv1; it has none, because norm2 would subtract it again.": (
            lambda inputs, outputs: _count(inputs, outputs, bias1=True)
        ),
        "You left out the bias of conv2; no BatchNorm follows it inside the block.": (
            lambda inputs, outputs: _count(inputs, outputs, bias2=False)
        ),
        "You left out both BatchNorms: each has a scale and a shift per channel.": (
            lambda inputs, outputs: _count(inputs, outputs, norm1=False, norm2=False)
        ),
        "norm1 stands before conv1, so it has 2·inputs parameters, not 2·outputs.": (
            lambda inputs, outputs: _count(inputs, outputs, norm1_size=outputs)
        ),
        "A 3×3 kernel has 9 taps for each pair of an input and an output channel, not 3.": (
            lambda inputs, outputs: _count(inputs, outputs, taps=3)
        ),
    },
    hint="Add up norm1, conv1, norm2, conv2 and, where inputs ≠ outputs, the 1×1 convolution.",
)

chain_gradient = Exercise(
    name="the gradient of a chain with shortcuts",
    reference=lambda weights: math.prod(1 + w for w in weights),
    cases=lambda: [([0.5, -0.25, 2.0],), ([0.1] * 8,), ([],)],
    mistakes={
        "That is the plain chain, ∏ w: it has no shortcuts.": lambda weights: math.prod(weights),
        "That is one shortcut around the whole chain, 1 + ∏ w; here every link has its own.": (
            lambda weights: 1 + math.prod(weights)
        ),
        "That is the first order only, 1 + Σ w; the product has all 2^L paths.": (
            lambda weights: 1 + sum(weights)
        ),
        "You added the links, Σ (1 + w); the chain rule multiplies them.": (
            lambda weights: sum(1 + w for w in weights)
        ),
        "Your sign is wrong: y = x + w·x has the slope 1 + w.": (
            lambda weights: math.prod(1 - w for w in weights)
        ),
    },
    hint="One link is y = x + w·x, so dy/dx = 1 + w. A chain multiplies the slopes of its links.",
)
