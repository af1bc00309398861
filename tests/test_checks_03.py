"""Lesson 03: its references against the same things written by other means, and its charts."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.linalg
import torch
from prdc import compute_prdc

from gan_course import panels
from gan_course.checks import lesson_03


@pytest.mark.parametrize("case", lesson_03.frechet.cases())
def test_the_distance_is_that_of_scipy(case):
    mean_a, cov_a, mean_b, cov_b = (moment.numpy() for moment in case)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert float(lesson_03.frechet.reference(*case)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", lesson_03.frechet.cases())
def test_the_cases_do_not_commute(case):
    _, cov_a, _, cov_b = case
    assert not torch.allclose(cov_a @ cov_b, cov_b @ cov_a, rtol=0.1)


@pytest.mark.parametrize("case", lesson_03.precision.cases())
def test_precision_is_that_of_prdc(case):
    real, fake, k = case
    theirs = compute_prdc(real.double().numpy(), fake.double().numpy(), k)
    assert lesson_03.precision.reference(*case) == theirs["precision"]


def test_copies_are_counted():
    unseen = torch.linspace(1, 2, 101)
    fake = torch.tensor([0.0, 0.0, 1.0, 1.5, 3.0])
    assert lesson_03.copied_share.reference(fake, unseen, 0.1) == pytest.approx(3 / 5)
    assert lesson_03.copied_share.reference(fake, unseen, 0.0) == pytest.approx(2 / 5)


def test_entropy_of_equal_shares_is_the_logarithm_of_their_number():
    assert lesson_03.entropy.reference(torch.full((5,), 0.2).double()) == pytest.approx(math.log(5))


def test_the_ball_chart_marks_who_lies_in_a_ball():
    centres, radii = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([1.0, 0.5])
    points = torch.tensor([[0.5, 0.0], [2.0, 0.4], [1.2, 0.0]])  # the last one in no ball
    figure = panels.ball_panels({"by hand": ("real", centres, radii, points)}, title="balls")
    drawn = {each.get_label(): len(each.get_offsets()) for each in figure.axes[0].collections}
    assert drawn == {"real, with balls": 2, "fake, in a ball": 2, "fake, in none": 1}
    plt.close(figure)


def test_the_reaction_table_writes_values_and_colours_only_what_moved():
    values, reactions = np.array([[0.5, 1e-9, 12.0]]), np.array([[2.9, -10.0, 500.0]])
    figure = panels.reaction_table(values, reactions, rows=["a"], columns=["x", "y", "z"], title="")
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts] == ["0.5", "0", "12"]
    still, better, worse = axis.images[0].get_array()[0]
    assert still == 0 and -1 < better < 0 and worse == 1
    plt.close(figure)


def test_the_bar_chart_has_a_bar_for_each_label():
    figure = panels.bar_panels(
        {"one": [0.2, 0.8], "two": [0.5, 0.5]}, labels=["a", "b"], line=0.5, title="", y="share"
    )
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.2, 0.8]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["a", "b"]
    plt.close(figure)
