"""The table of mutations fits the code and the tests; `make mutations` runs it."""

from __future__ import annotations

import re
from pathlib import Path

import mutations
import pytest

TESTS = Path(__file__).resolve().parent


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_fits(mutation):
    changed = mutations.mutated(mutations.ROOT, mutation)
    compile(changed, mutation.file, "exec")
    for test in mutation.tests:
        file, name = re.fullmatch(r"(\w+\.py)::(\w+)(?:\[.*\])?", test).groups()
        assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8"), test
