"""A real JupyterLab in a real Chromium: open lesson 00, press Run All, and look at what appears.

Screenshots go to build/browser/. Run by .ci/run, not by make test: it needs Chromium.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"
TOKEN = "course"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a copy of the notebooks, so that saving one changes nothing here."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GAN_COURSE_PRESET": "quick", "PYTHONPATH": str(ROOT)}
    for folder in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        environment[folder] = str(tmp_path / folder.lower())
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", f"--ServerApp.root_dir={tmp_path}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=None"]
    command += ["--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(command, env=environment, cwd=tmp_path)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=2).read()
            break
        except OSError:
            assert server.poll() is None, "JupyterLab ended before it answered"
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(timeout=20)


@pytest.mark.browser
def test_run_all_on_lesson_00_shows_a_gan_that_learned(lab):
    assert CHROMIUM, "The browser test needs Chromium; .ci/run installs it."
    SHOTS.mkdir(parents=True, exist_ok=True)
    complaints = []
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{lab}/lab/tree/notebooks/00_start_here.ipynb?token={TOKEN}&reset")
        page.locator(".jp-NotebookPanel").wait_for(timeout=90_000)
        page.screenshot(path=SHOTS / "opened.png")

        # A restart that overtakes the kernel's own start is lost.
        idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        idle.first.wait_for(state="attached", timeout=60_000)
        page.wait_for_timeout(2000)
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("Restart Kernel and Run All")).click()
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        # The last code cell of the lesson draws the floors; its prompt shows a number when it ran.
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            model = page.evaluate(
                """() => {
                    const shell = window.jupyterapp && window.jupyterapp.shell;
                    const panel = shell && shell.currentWidget;
                    if (!panel || !panel.content || !panel.content.model) return null;
                    return panel.content.model.toJSON().cells
                        .filter(cell => cell.cell_type === 'code')
                        .map(cell => ({count: cell.execution_count,
                                       kinds: cell.outputs.map(o => o.output_type),
                                       text: JSON.stringify(cell.outputs).slice(0, 400)}));
                }"""
            )
            # The committed outputs say "preset laptop"; wait for those of this run.
            if model and "preset quick" in model[0]["text"] and model[-1]["count"]:
                break
            page.wait_for_timeout(1000)
        page.screenshot(path=SHOTS / "after_run_all.png")
        assert model, "the page does not show a notebook"
        assert [cell["count"] for cell in model] == list(range(1, len(model) + 1))
        assert "preset quick" in model[0]["text"], "these outputs are not of this run"
        assert not [cell for cell in model if "error" in cell["kinds"]]
        pictures = page.locator(".jp-RenderedImage img")
        page.evaluate(
            """async () => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const cells = notebook.model.toJSON().cells;
                await notebook.scrollToItem(cells.findIndex(cell => cell.id === 'live'), 'start');
            }"""
        )
        pictures.first.wait_for(timeout=20_000)
        page.screenshot(path=SHOTS / "gan_learned.png")
        assert pictures.first.evaluate("image => image.naturalWidth") > 300
        browser.close()
    # JupyterLab itself says this whenever a kernel is restarted.
    ours = [text for text in complaints if not text.startswith("Canceled future")]
    assert not ours, ours
