"""Exercises of lesson 00: the range of pixels, and what a logit says."""

import torch

from ..data import generator_for
from .exercise import Exercise


def _pixels() -> list[tuple]:
    random = generator_for(0, "exercise 00")
    return [(torch.randint(0, 256, (2, 1, 4, 4), generator=random, dtype=torch.uint8),)]


to_range = Exercise(
    name="pixels to [-1, 1]",
    reference=lambda pixels: pixels.float() / 127.5 - 1,
    cases=_pixels,
    mistakes={
        "Your result lies in [0, 1]: stretch it to twice that width, then shift it down by 1.": (
            lambda pixels: pixels.float() / 255
        ),
        "Your result lies in [0, 2]: the width is right, now shift it down by 1.": (
            lambda pixels: pixels.float() / 127.5
        ),
        "You subtracted before the conversion to float: a uint8 cannot go below 0 and wraps.": (
            lambda pixels: (pixels - 128).float() / 128
        ),
        "128 is not the middle: 0…255 has its middle at 127.5, so that 255 becomes exactly 1.": (
            lambda pixels: pixels.float() / 128 - 1
        ),
    },
    hint="Pixel 0 must become −1 and pixel 255 must become +1. Convert to float first.",
)

probability = Exercise(
    name="what a logit says",
    reference=torch.sigmoid,
    cases=lambda: [(torch.tensor([-4.0, 0.0, 2.0]),)],
    mistakes={
        "The sign is flipped: a large logit must mean 'real', so D(x) must go to 1.": (
            lambda logits: torch.sigmoid(-logits)
        ),
        "That is tanh, which runs from −1 to 1; a probability runs from 0 to 1.": torch.tanh,
        "That is e^logit, the odds of 'real'; divide the odds by 1 + odds.": torch.exp,
        "That is a softmax over the batch: each image gets its own probability, alone.": (
            lambda logits: torch.softmax(logits, dim=0)
        ),
    },
    hint="D(x) = 1 / (1 + e^(−logit)).",
)
