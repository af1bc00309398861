"""Lesson 05: its references against the same things written by other means."""

import pytest
import torch

from gan_course.capacity import parameter_count
from gan_course.checks import lesson_05
from gan_course.models import ResidualBlock


def test_a_sum_that_does_not_fit_is_named_in_either_order(capsys):
    lesson_05.residual_forward.check(lambda x, branch, project: project(x) + branch(x))
    assert "forgot to upsample" in capsys.readouterr().out


def test_an_unknown_error_gives_the_hint(capsys):
    lesson_05.residual_forward.check(lambda x, branch, project: x.nothing)
    said = capsys.readouterr().out
    assert "AttributeError" in said and lesson_05.residual_forward.hint in said


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (16, 16), (1, 7)])
def test_the_count_is_that_of_the_package(inputs, outputs):
    block = ResidualBlock(inputs, outputs, upsample=True)
    assert lesson_05.block_parameters.reference(inputs, outputs) == parameter_count(block)


@pytest.mark.parametrize("inputs", [4, 6])
def test_the_forward_is_that_of_the_package(inputs):
    block = ResidualBlock(inputs, 4, upsample=True)
    x = torch.randn(2, inputs, 5, 5)

    def branch(x):
        h = block.conv1(block.resize(torch.relu(block.norm1(x))))
        return block.conv2(torch.relu(block.norm2(h)))

    answer = lesson_05.residual_forward.reference(x, branch, block.project)
    torch.testing.assert_close(answer, block(x))


def test_the_gradient_is_that_of_autograd():
    weights, x = [0.3, -0.7, 1.2], torch.tensor(2.0, requires_grad=True)
    y = x
    for w in weights:
        y = y + w * y
    (slope,) = torch.autograd.grad(y, x)
    assert lesson_05.chain_gradient.reference(weights) == pytest.approx(float(slope))
