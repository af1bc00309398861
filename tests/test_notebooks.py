"""Every lesson holds what a lesson must hold, and its outputs are those of a real run."""

from __future__ import annotations

import pytest

import anatomy
import badges
import stamps

PATHS = stamps.notebook_paths()
SLUG = stamps.repository_slug()


@pytest.mark.parametrize("check", anatomy.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_lesson(path, check):
    assert check(stamps.read_notebook(path), path.stem, SLUG) == []


def test_badges_and_clones_agree_with_pyproject_and_point_at_files():
    assert badges.problems(stamps.ROOT) == []


def test_lesson_numbers_are_used_once():
    numbers = [path.stem[:2] for path in PATHS]
    assert len(numbers) == len(set(numbers))
    assert all(number.isdigit() for number in numbers)
