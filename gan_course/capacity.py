"""How big a network is, and how to make two of them equally big."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .errors import ConfigError


def parameter_count(network: nn.Module) -> int:
    """How many numbers of a network are trained."""
    return sum(parameter.numel() for parameter in network.parameters())


def forward_flops(network: nn.Module, *inputs: Tensor) -> int:
    """Floating-point operations of one forward pass (a multiply-add counts as two)."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops()


def match_width(
    build: Callable[[float], nn.Module],
    measure: Callable[[nn.Module], int],
    target: int,
    *,
    tolerance: float = 0.02,
) -> float:
    """The width at which ``measure(build(width))`` is closest to ``target``.

    Args:
        build: width → network; bigger widths must measure more.
        measure: network → count, e.g. ``parameter_count``.
        target: the count to meet, > 0.
        tolerance: how far from it, as a share of it, is still called matched. Channels are whole
            numbers, so a small net may have no width within 2 %.

    Returns:
        A multiple of 1/8, found by bisection in [1/8, 512].

    Raises:
        ConfigError: if the closest width misses the target by more than ``tolerance``.
    """
    low, high = 1, 512 * 8
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if measure(build(middle / 8)) <= target else (low, middle)
    best = min((low, high), key=lambda eighths: abs(measure(build(eighths / 8)) - target))
    reached = measure(build(best / 8))
    if abs(reached - target) > tolerance * target:
        raise ConfigError(
            f"no width comes within {tolerance:.0%} of {target}: the closest, {best / 8}, gives "
            f"{reached}. Choose a larger target or tolerance, or another depth."
        )
    return best / 8
