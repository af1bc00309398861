"""Build or repair .venv, and do nothing when it is already right. Standard library only.

The state of .venv is a small file inside it, written last: a build that was interrupted has none
and is finished on the next call. `ensure` is what `make lab` and `make test` call first.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 10)
STAMP = "gan_course_setup.json"
# PyTorch's documented index of builds without CUDA; used only with TORCH=cpu.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED_GB = {"cuda": 7.0, "cpu": 2.0, "update": 0.3}
# Checked on every call, since it costs a tenth of a second: one package of each layer.
PROBE = (
    "import importlib.metadata as m; "
    "[m.version(n) for n in "
    "('gan-course', 'torch', 'torchvision', 'jupyterlab', 'ipykernel', 'nbval', 'ruff', 'pip')]"
)
NETWORK_SIGNS = re.compile(
    r"NewConnectionError|name resolution|Max retries|ConnectTimeout|Network is unreachable|"
    r"getaddrinfo|ReadTimeout|ProxyError|Connection refused|NameResolutionError",
    re.IGNORECASE,
)


class SetupError(Exception):
    """What is missing and what to do about it, in a sentence."""


def venv_python(venv: Path) -> Path:
    """Return the interpreter of a virtual environment on this operating system."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_state(root: Path, torch: str | None, old: dict) -> dict:
    """Return the state that .venv should be in.

    Args:
        root: the repository; its pyproject.toml is hashed.
        torch: "cpu", or None to keep the build of torch that is there.
        old: the state of the last finished build, {} for none.
    """
    return {
        "pyproject": hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest(),
        "torch": torch or old.get("torch", "default"),
        "venv": str((root / ".venv").resolve()),
        "python": list(sys.version_info[:2]) if not old else old.get("python"),
    }


def read_state(venv: Path) -> dict:
    """Return the state of the last finished build; {} when there is none or it cannot be read."""
    try:
        return json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def works(python: Path, code: str) -> bool:
    """Return whether an interpreter exists and runs a line of code."""
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def check_disk(folder: Path, gigabytes: float) -> None:
    """Raise SetupError when the disk that holds a folder has too little room."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        smaller = "" if gigabytes <= NEEDED_GB["cpu"] else ", or use TORCH=cpu (about 2 GB)"
        raise SetupError(
            f"The installation needs about {gigabytes:g} GB and {folder} has {free:.1f} GB free: "
            f"make room{smaller}."
        )


def explain_pip(output: str) -> str:
    """Return a sentence for the end of what pip said on its error stream."""
    if "No space left on device" in output:
        return (
            "The disk filled up while packages were installed: make room (or point TMPDIR at a "
            "folder with room), then run the same command again; it goes on from here."
        )
    if NETWORK_SIGNS.search(output):
        return (
            "The package index could not be reached: connect to the network and run the same "
            "command again, or install from a folder of wheels with "
            "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse (see docs/teaching.md)."
        )
    return (
        "pip could not install the packages: its last lines above say why; "
        "the same command goes on from here once that is mended."
    )


def pip_install(python: Path, arguments: list[str], root: Path) -> None:
    """Run pip, show what it says, and raise SetupError with a sentence when it fails."""
    # Where nobody watches, progress bars are hundreds of lines of noise.
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    options = [*quiet, "--disable-pip-version-check", *arguments]
    command = [str(python), "-m", "pip", "install", *options]
    process = subprocess.Popen(
        command, cwd=root, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        sys.stderr.write(line)
        said.append(line)
    if process.wait():
        raise SetupError(explain_pip("".join(said)))


def create(venv: Path) -> None:
    """Create an empty virtual environment in place of whatever is there."""
    try:
        import ensurepip  # noqa: F401
        import venv as venv_module  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            "This Python has no venv module: install it (on Debian and Ubuntu: "
            f"apt install python{version}-venv) or name another Python, as in "
            "make lab PYTHON=python3.12."
        ) from None
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", venv], capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SetupError(f"{venv} could not be created: {' '.join(last)}")


def torch_requirements(root: Path) -> list[str]:
    """Return the requirements of torch and torchvision as pyproject.toml states them."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"(torch(?:vision)?>=[^"]+)"', text)


def ensure(root: Path = ROOT, torch: str | None = None) -> Path:
    """Make .venv what pyproject.toml asks for and return its interpreter.

    Args:
        root: the repository.
        torch: "cpu" for the build without CUDA, None for the usual one or what is there.

    Raises:
        SetupError: something is missing; the message says what, and what to do.
    """
    if sys.version_info[:2] < OLDEST:
        raise SetupError(
            "The course needs Python 3.10 or newer: install it and name it, see README.md."
        )
    if torch not in (None, "cpu"):
        raise SetupError(f"TORCH must be cpu or left out; got {torch!r}.")
    venv = root / ".venv"
    python = venv_python(venv)
    old = read_state(venv)
    wanted = wanted_state(root, torch, old)
    if old == wanted and works(python, PROBE):
        return python
    has_torch = works(python, "import importlib.metadata as m; m.version('torch')")
    kind = "cpu" if torch == "cpu" or sys.platform != "linux" else "cuda"
    check_disk(root, NEEDED_GB["update" if has_torch else kind])
    # A moved or copied .venv still points at its old place, so it is built again.
    moved = bool(old) and old.get("venv") != wanted["venv"]
    (venv / STAMP).unlink(missing_ok=True)
    if moved or not works(python, "import pip"):
        print("Creating .venv ...", flush=True)
        create(venv)
        wanted["python"] = list(sys.version_info[:2])
    if torch == "cpu" and old.get("torch") != "cpu":
        print("Installing PyTorch without CUDA (about 200 MB) ...", flush=True)
        force = ["--force-reinstall"] if has_torch and not moved else []
        pip_install(python, [*force, *torch_requirements(root), "--index-url", CPU_INDEX], root)
    size = "minutes; PyTorch is large" if not has_torch else "seconds"
    print(f"Installing the course and what it needs (some {size}) ...", flush=True)
    pip_install(python, [*(["--quiet"] if has_torch else []), "-e", ".[dev]"], root)
    if not works(python, PROBE):
        raise SetupError("The installation is not complete: remove .venv and try again.")
    (venv / STAMP).write_text(json.dumps(wanted), encoding="utf-8")
    return python
