"""Run stale lessons for real (preset laptop, two cores) and stamp them: `make render`.

python docs/authoring/render.py                    # those that are stale
python docs/authoring/render.py 02_vanilla_gan     # those that are named, stale or not
python docs/authoring/render.py --all              # every lesson
python docs/authoring/render.py --check            # list; exit 1 when one is stale
python docs/authoring/render.py --tables           # only the generated tables, no run
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

import stamps
import tables

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "ipykernel", "ipywidgets")
MEMORY_CODE = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT = 600  # seconds; a lesson that needs them fails its limit, but says by how much
BAR = re.compile(r"\d%\|")  # tqdm
SLOW_CELL = 10  # seconds after which a cell is worth a word while one waits


def clean_outputs(outputs: list[dict], root: Path) -> list[dict]:
    """Return outputs without progress bars, live widgets and this machine's paths."""
    kept = []
    for output in _without_progress(outputs):
        output = dict(output)
        if output.get("name") == "stderr" and re.search(r"\r|\d%\|", output["text"]):
            continue
        if WIDGET in output.get("data", {}):
            data = {mime: part for mime, part in output["data"].items() if mime != WIDGET}
            if set(data) <= {"text/plain"}:
                continue
            output["data"] = data
        for key in ("text", "traceback", "evalue"):
            if key in output:
                output[key] = _without_paths(output[key], root)
        kept.append(output)
    return kept


def _without_progress(outputs: list[dict]) -> list[dict]:
    """Return outputs in which only the last state of a cell's last progress bar is left."""
    kept: list[dict] = []
    last_bar, place = "", 0
    for output in outputs:
        if output.get("name") == "stdout" and BAR.search(output["text"]):
            pieces = re.split(r"\r|(?<=\n)", output["text"])
            last_bar, place = [p.strip() for p in pieces if BAR.search(p)][-1], len(kept)
            text = "".join(piece for piece in pieces if not BAR.search(piece)).strip("\n")
            output = {**output, "text": f"{text}\n" if text else ""}
        if output.get("text") != "":
            kept.append(output)
    if last_bar:
        kept.insert(place, {"output_type": "stream", "name": "stdout", "text": f"{last_bar}\n"})
    return kept


def _without_paths(value: str | list[str], root: Path) -> str | list[str]:
    """Return text in which files of this checkout, of .venv and of the kernel lose their folder."""
    if isinstance(value, list):
        return [_without_paths(line, root) for line in value]
    value = re.sub(r"[^\s'\"(]*/site-packages/", "site-packages/", value)
    value = re.sub(r"[^\s'\"(]*/ipykernel_\d+/\d+\.py", "<this cell>", value)
    return value.replace(f"{root}/", "")


def describe_machine() -> str:
    """Return processor, cores in use and memory of this machine in a phrase."""
    model = platform.processor() or platform.machine()
    memory = ""
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = found.group(1) if found else model
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        memory = f", {total / 2**30:.0f} GiB"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores{memory}"


def use_two_cores() -> None:
    """Hold this process and the kernels that it starts to two CPU cores and no GPU."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ |= {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    os.environ |= {"GAN_COURSE_PRESET": stamps.PRESET, "JUPYTER_PREFER_ENV_PATH": "1"}
    os.environ.pop("MPLBACKEND", None)


def execute(notebook: dict, folder: Path) -> tuple[dict, dict]:
    """Run every cell in a fresh kernel.

    Args:
        notebook: the notebook as a dict.
        folder: where the kernel works.

    Returns:
        The executed notebook and the measured part of its stamp.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed that is not tagged raises-exception.
    """
    import nbformat
    from nbclient import NotebookClient

    node = nbformat.from_dict({**notebook, "metadata": {}})
    client = NotebookClient(
        node, kernel_name="python3", timeout=CELL_TIMEOUT, record_timing=False,
        store_widget_state=False, coalesce_streams=True, resources={"metadata": {"path": folder}},
    )  # fmt: skip
    started, slowest, count = time.monotonic(), 0.0, 0
    with client.setup_kernel():
        for index, cell in enumerate(node.cells):
            begun = time.monotonic()
            if cell.cell_type == "code":
                count += bool(cell.source.strip())
                client.execute_cell(cell, index, execution_count=count)
            taken = time.monotonic() - begun
            slowest = max(slowest, taken)
            if taken > SLOW_CELL:
                print(f"cell {index} {taken:.0f} s,", end=" ", flush=True)
        seconds = time.monotonic() - started
        node.cells.append(nbformat.v4.new_code_cell(MEMORY_CODE))
        asked = client.execute_cell(node.cells[-1], len(node.cells) - 1)
        node.cells.pop()
    peak = int(asked.outputs[0].text) / (2**20 if sys.platform == "darwin" else 2**10)
    measured = {
        "seconds": round(seconds, 1),
        "longest_cell_seconds": round(slowest, 1),
        "peak_memory_mb": round(peak),
    }
    return {**node, "metadata": notebook["metadata"]}, measured


def render(path: Path, root: Path, slug: str, probe: float) -> dict:
    """Run one lesson, write its outputs and its stamp, and return the stamp."""
    notebook, package = stamps.read_notebook(path), stamps.package_hash(root)
    executed, measured = execute(notebook, path.parent)
    for cell in executed["cells"]:
        cell["metadata"].pop("execution", None)
        if cell["cell_type"] == "code":
            cell["outputs"] = clean_outputs(cell["outputs"], root)
    stamp = {
        "date": datetime.date.today().isoformat(),
        "preset": stamps.PRESET,
        "machine": describe_machine(),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in PACKAGES}},
        "probe_seconds": round(probe, 3),
        "cells_sha256": stamps.cells_hash(executed, slug),
        "package_sha256": package,
        "outputs_sha256": stamps.outputs_hash(executed),
        **measured,
    }
    executed["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        stamps.LESSON_KEY: notebook["metadata"].get(stamps.LESSON_KEY, {}),
        stamps.STAMP_KEY: stamp,
    }
    stamps.write_notebook(path, executed)
    return stamp


def check(root: Path, slug: str) -> int:
    """List the stale and the possibly stale lessons; return 1 when one is stale."""
    package, stale = stamps.package_hash(root), False
    for path in stamps.notebook_paths(root):
        notebook = stamps.read_notebook(path)
        if reason := stamps.stale_reason(notebook, slug):
            stale = True
            print(f"stale           {path.stem}: {reason}")
        elif stamps.possibly_stale(notebook, package):
            print(f"possibly stale  {path.stem}: gan_course changed after it was rendered")
        else:
            print(f"fresh           {path.stem}")
    return int(stale)


def main(arguments: list[str] | None = None, root: Path = stamps.ROOT) -> int:
    """Render or check from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="lessons to render even when they are fresh")
    parser.add_argument("--all", action="store_true", help="render every lesson")
    parser.add_argument("--check", action="store_true", help="only list what is stale")
    parser.add_argument("--tables", action="store_true", help="only write the generated tables")
    options = parser.parse_args(arguments)
    slug, paths = stamps.repository_slug(root), stamps.notebook_paths(root)
    if options.check:
        return check(root, slug)
    names = {Path(name).stem for name in options.names}
    if unknown := sorted(names - {path.stem for path in paths}):
        parser.error(f"there is no lesson {', '.join(unknown)} in notebooks/")
    chosen = [path for path in paths if path.stem in names or options.all]
    if not names and not options.all:
        chosen = [p for p in paths if stamps.stale_reason(stamps.read_notebook(p), slug)]
    failed = []
    if chosen and not options.tables:
        use_two_cores()
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

        from gan_course.session import probe_seconds

        for path in chosen:
            print(f"{path.stem} ...", end=" ", flush=True)
            try:
                stamp = render(path, root, slug, probe_seconds())
                print(f"{stamp['seconds']:.0f} s, {stamp['peak_memory_mb']} MB", flush=True)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                failed.append(path.stem)
                print(f"failed and left as it was:\n{error}", flush=True)
    tables.write_tables(root, slug)
    print(f"Rendered {len(chosen) - len(failed)}, failed {len(failed)}, of {len(paths)} lessons.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
