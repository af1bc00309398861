"""Lesson 04: its references against the same things written by other means."""

import pytest
import torch
from torch import nn

from gan_course.checks import lesson_04
from gan_course.losses import norm_loss, pair


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16)])
def test_the_conversion_gives_the_same_loss(shape):
    fake, real = torch.rand(4, *shape), torch.rand(4, *shape)
    weight = lesson_04.summed_weight.reference(7.0, shape)
    torch.testing.assert_close(norm_loss(fake, real, weight, 0.0), 7 * nn.L1Loss()(fake, real))


def test_no_image_costs_less_than_the_median():
    real = torch.randn(9, 1, 3, 3)
    best = lesson_04.best_constant.reference(real).requires_grad_()
    cost = norm_loss(best.expand_as(real), real, 1.0, 0.0)
    for _ in range(20):
        other = best + 0.1 * torch.randn_like(best)
        assert norm_loss(other.expand_as(real), real, 1.0, 0.0) >= cost


def test_the_pairs_are_those_of_the_package():
    fake, real = torch.randn(6, 1, 2, 2), torch.randn(4, 1, 2, 2)
    index = lesson_04.nearest_fake.reference(fake, real)
    left, right = pair(fake, real, "nearest_fake")
    assert torch.equal(left, fake[index]) and torch.equal(right, real)
