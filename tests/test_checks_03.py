"""Lesson 03: its references against the same things written by other means."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from prdc import compute_prdc

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
