"""environment.yml must agree with pyproject.toml, the one list of dependencies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
# What conda calls differently.
CONDA_NAMES = {"pytorch": "torch"}
NAME_AND_BOUND = re.compile(r"^\s*([A-Za-z0-9_.-]+)(\[[^\]]*\])?\s*(.*?)\s*$")


def section(toml: str, key: str) -> list[str]:
    """Return the strings of one list of pyproject.toml (Python 3.10 has no TOML reader)."""
    found = re.search(rf"^{re.escape(key)} = \[(.*?)^\]", toml, re.DOTALL | re.MULTILINE)
    assert found, f"pyproject.toml has no list {key}"
    return re.findall(r'"([^"]+)"', found.group(1))


def bounds(requirements: list[str]) -> dict[str, str]:
    """Return {package: bound without spaces} of a list of requirements."""
    pairs = (NAME_AND_BOUND.match(line) for line in requirements)
    return {
        CONDA_NAMES.get(m.group(1).lower(), m.group(1).lower()): m.group(3).replace(" ", "")
        for m in pairs
        if m
    }


def disagreements(toml: str, environment: str) -> list[str]:
    """Return one sentence for each way in which environment.yml contradicts pyproject.toml."""
    listed = yaml.safe_load(environment)["dependencies"]
    conda = bounds([entry for entry in listed if isinstance(entry, str)])
    pip = [line for entry in listed if isinstance(entry, dict) for line in entry["pip"]]
    project = bounds(section(toml, "dependencies") + section(toml, "lab") + section(toml, "dev"))
    said = []
    python = re.search(r'^requires-python = "([^"]+)"', toml, re.MULTILINE)
    if not python or conda.pop("python", None) != python.group(1):
        said.append("the Python bound differs from requires-python")
    if "pip" not in conda:
        said.append("pip is not listed, so conda cannot install the project")
    conda.pop("pip", None)
    if "-e .[dev]" not in pip:
        said.append("the pip section does not install -e .[dev]")
    twice = conda | bounds([line for line in pip if line != "-e .[dev]"])
    for name, bound in twice.items():
        if name not in project:
            said.append(f"{name} is not in pyproject.toml")
        elif bound != project[name]:
            said.append(f"{name}{bound} differs from {name}{project[name]} in pyproject.toml")
    return said


TOML = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")


def test_environment_agrees_with_pyproject():
    assert disagreements(TOML, ENVIRONMENT) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("python>=3.10", "python>=3.9", "Python bound"),
        ("  - pip\n", "", "pip is not listed"),
        ("-e .[dev]", "-e .", "-e .[dev]"),
        ("  - pip\n", "  - pip\n  - pytorch>=2.0\n", "torch>=2.0 differs"),
        ("  - pip\n", "  - pip\n  - tensorflow\n", "tensorflow is not in pyproject.toml"),
    ],
)
def test_a_perturbed_environment_is_reported(old: str, new: str, complaint: str):
    perturbed = ENVIRONMENT.replace(old, new, 1)
    assert perturbed != ENVIRONMENT
    assert complaint in "\n".join(disagreements(TOML, perturbed))


def test_dependencies_have_lower_bounds_only():
    for requirement in section(TOML, "dependencies"):
        assert re.fullmatch(r"[a-z]+>=[0-9.]+", requirement), requirement


def test_the_base_dependencies_leave_colabs_kernel_alone():
    assert not {"ipykernel", "jupyterlab"} & set(bounds(section(TOML, "dependencies")))
