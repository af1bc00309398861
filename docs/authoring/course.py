"""What `make lab` and `make test` do, for systems with and without make. Standard library only.

python docs/authoring/course.py lab             # build .venv, open JupyterLab on lesson 00
python docs/authoring/course.py test            # build .venv, lint, unit tests, every notebook
python docs/authoring/course.py run SCRIPT ...  # build .venv, run a script with it
python docs/authoring/course.py test --here     # in the active environment (conda), no .venv
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

from setup_environment import ROOT, SetupError, ensure

FIRST_LESSON = "notebooks/00_start_here.ipynb"


def has_browser() -> bool:
    """Return whether a person's browser can be opened from here."""
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        return False
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not screen:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def lab_command(python: Path, port: int, ip: str, browser: bool) -> list[str]:
    """Return the command that serves JupyterLab with the first lesson as its front page."""
    page = f"/lab/tree/{FIRST_LESSON}" if (ROOT / FIRST_LESSON).exists() else "/lab"
    command = [
        str(python),
        "-m",
        "jupyterlab",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ip={ip}",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url={page}",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def lab(python: Path, port: int, ip: str) -> int:
    """Serve JupyterLab until it is stopped, and print its address once it answers."""
    if not is_free(port):
        raise SetupError(f"Port {port} is in use: choose another, as in make lab PORT={port + 1}.")
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    environment = {**os.environ, "JUPYTER_TOKEN": token, "JUPYTER_PREFER_ENV_PATH": "1"}
    # A container is stopped by SIGTERM: end JupyterLab with it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    browser = has_browser()
    server = subprocess.Popen(lab_command(python, port, ip, browser), cwd=ROOT, env=environment)
    try:
        while server.poll() is None and is_free(port):
            time.sleep(0.2)
        if server.poll() is None:
            page = f"lab/tree/{FIRST_LESSON}" if (ROOT / FIRST_LESSON).exists() else "lab"
            said = "JupyterLab is open in your browser" if browser else "Open this in a browser"
            address = f"http://localhost:{port}/{page}?token={token}"
            print(f"\n{said}: {address}\nStop it with Ctrl-C.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return 0


def test(python: Path) -> int:
    """Run lint, the unit tests and every notebook; return 0 when all are well."""
    started = time.monotonic()
    environment = {**os.environ, "GAN_COURSE_PRESET": "quick", "JUPYTER_PREFER_ENV_PATH": "1"}
    # Notebook kernels choose their own backend (inline); the tests never need a window.
    unit_environment = {**environment, "MPLBACKEND": "Agg"}
    environment.pop("MPLBACKEND", None)
    pytest = [str(python), "-m", "pytest"]
    steps = [
        ("lint", [str(python), "-m", "ruff", "check", "."], environment),
        ("unit tests", [*pytest, "-q", "tests", "--ignore=tests/browser"], unit_environment),
    ]
    if list((ROOT / "notebooks").glob("*.ipynb")):
        nbval = [
            "--nbval-lax",
            "--nbval-current-env",
            "--nbval-sanitize-with",
            "tests/nbval_sanitize.cfg",
            "--nbval-cell-timeout=120",
            "--durations=5",
            "notebooks",
        ]
        steps.append(("notebooks", [*pytest, "-q", *nbval], environment))
    else:
        print("There are no notebooks yet: only lint and the unit tests run.", flush=True)
    results = []
    for name, command, variables in steps:
        print(f"\n== {name}: {' '.join(command[1:])}", flush=True)
        begun = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=variables).returncode
        results.append((name, status, time.monotonic() - begun))
    words = ", ".join(f"{n} {'FAILED' if bad else 'well'} ({s:.0f} s)" for n, bad, s in results)
    print(f"\nmake test: {words}; {time.monotonic() - started:.0f} seconds in all.", flush=True)
    return int(any(bad for _, bad, _ in results))


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    for name, sentence in [
        ("setup", "build or repair .venv"),
        ("lab", "open JupyterLab on the first lesson"),
        ("test", "run lint, the unit tests and every notebook"),
        ("run", "run a script with .venv"),
    ]:
        job = jobs.add_parser(name, help=sentence, description=sentence)
        job.add_argument("--torch", choices=["", "cpu"], default="", help="cpu: without CUDA")
        job.add_argument("--here", action="store_true", help="use the active environment")
        if name == "lab":
            job.add_argument("--port", type=int, default=8888, help="port of JupyterLab (8888)")
            job.add_argument("--ip", default="localhost", help="address to serve on (localhost)")
        if name == "run":
            job.add_argument("command", nargs=argparse.REMAINDER, help="script and arguments")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Build .venv where asked and do the job; return the exit status."""
    options = read_arguments(arguments)
    try:
        python = Path(sys.executable) if options.here else ensure(ROOT, options.torch or None)
        if options.job == "lab":
            return lab(python, options.port, options.ip)
        if options.job == "test":
            return test(python)
        if options.job == "run":
            return subprocess.run([python, *options.command], cwd=ROOT).returncode
        print(f"{python} is ready.")
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
