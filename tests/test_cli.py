"""The course from a shell: commands do what the lessons do, and each help shows an example."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import same_bits
from PIL import Image
from test_checkpoint import contents

from gan_course import checkpoint
from gan_course.__main__ import build_parser, main
from gan_course.config import recipe
from gan_course.data import load_images
from gan_course.recordings import load_recording, load_sweep
from gan_course.ruler import load_ruler
from gan_course.training import sample, train

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("train", "resume", "sample", "evaluate", "ruler", "sweep", "doctor")
SMALL = ["--preset", "quick", "--device", "cpu", "--set", "batch_size=16", "--set", "steps=6"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_COURSE_PRESET", "quick")
    monkeypatch.chdir(tmp_path)


def run(*typed: str) -> None:
    assert main(list(typed)) == 0


def test_every_command_is_tested_here():
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    subcommands = next(a for a in build_parser()._actions if a.choices)
    assert set(subcommands.choices) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    example = re.search(r"^example: python -m gan_course (.*)$", shown, re.MULTILINE).group(1)
    arguments = build_parser().parse_args(shlex.split(example))
    assert arguments.function.__name__ == f"run_{command}"


def test_train_gives_the_bits_of_the_library(capsys):
    run("train", "snovengan", *SMALL, "--seed", "3", "--run", "here")
    said = capsys.readouterr().out
    assert "Done: 6 steps" in said and "python -m gan_course sample here" in said
    from_shell = checkpoint.newest("here")
    config = recipe("snovengan", preset="quick", batch_size=16, steps=6, seed=3)
    assert from_shell.config == config
    in_python = train(config, images=load_images(), device="cpu", progress=False)
    assert same_bits(dict(from_shell.average.state_dict()), dict(in_python.average.state_dict()))


def test_the_run_folder_is_named_after_the_run(tmp_path):
    run("train", "gan", *SMALL, "--optimizer", "article")
    assert checkpoint.newest(tmp_path / "runs" / "gan-quick-seed0").config.lr_g == 2e-4


def test_train_resumes_where_it_is_asked_to(capsys):
    run("train", "gan", *SMALL, "--run", "here")
    before = contents(Path("here"))
    assert main(["train", "gan", *SMALL, "--run", "here"]) == 1
    assert "already holds a run" in capsys.readouterr().err
    run("train", "gan", *SMALL, "--run", "here", "--resume")
    assert contents(Path("here")) == before


def test_resume_goes_on_to_a_new_end(capsys):
    run("train", "progan", *SMALL, "--set", "cooldown=0", "--run", "here")
    run("resume", "here", "--steps", "9")
    assert "Done: 9 steps" in capsys.readouterr().out
    longer = checkpoint.newest("here")
    whole = train(longer.config, images=load_images(), device="cpu", progress=False)
    assert longer.step == 9
    assert same_bits(dict(longer.generator.state_dict()), dict(whole.generator.state_dict()))
    assert main(["resume", "here", "--steps", "3"]) == 1
    assert "9 are done" in capsys.readouterr().err


def test_a_recording_notes_the_command(tmp_path):
    run("train", "gan", *SMALL, "--run", "here", "--record", "kept/gan.pt")
    recording = load_recording(tmp_path / "kept" / "gan.pt")
    assert recording.origin["command"].startswith("python -m gan_course train gan --preset quick")
    assert recording.origin["steps"] == "6"


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_sample_draws_from_a_run_and_from_a_recording(ending, tmp_path):
    run("train", "gan", *SMALL, "--run", "here", "--record", "gan.pt")
    for source in ("here", "gan.pt"):
        output = tmp_path / f"pictures-{source[:3]}" / f"samples.{ending}"
        run("sample", source, "--count", "16", "--seed", "2", "--output", str(output))
        assert output.stat().st_size > 1000
        if ending == "png":
            with Image.open(output) as picture:
                assert min(picture.size) > 100


@pytest.fixture
def few_images(monkeypatch):
    """A ruler that compares with few real images, so that a reading takes a moment."""
    from gan_course import ruler

    def load(name="fashion-mnist", split="train", *, count=None, **others):
        return load_images(name, split, count=count or 300, **others)

    monkeypatch.setattr(ruler, "load_images", load)


def test_evaluate_says_what_the_library_says(few_images, capsys):
    run("train", "gan", *SMALL, "--run", "here")
    capsys.readouterr()
    run("evaluate", "here", "--count", "150", "--seed", "4", "--split", "test")
    said = capsys.readouterr().out
    ruler = load_ruler(split="test")
    images = sample(checkpoint.newest("here").average, 150, seed=4)
    reading = ruler.measure(images, source="averaged generator of here")
    assert said.startswith(str(reading) + "\n")
    for word in (
        f"fd_fmnist_cnn {reading.fd:.2f}",
        "averaged generator of here, N = 150, against fashion-mnist test (300), k = 5",
        f"classifier {ruler.made['weights'][:12]}",
    ):
        assert word in said
    bars = said.splitlines()[2:]
    assert [bar.split("%")[0].rsplit(None, 1)[0].strip() for bar in bars] == list(ruler.classes)
    shares = [float(bar.split("%")[0].rsplit(None, 1)[1]) for bar in bars]
    assert shares == pytest.approx([100 * share for share in reading.class_shares], abs=0.06)


def test_evaluate_measures_a_recording_against_validation_images(few_images, capsys):
    run("train", "gan", *SMALL, "--run", "here", "--record", "gan.pt")
    run("evaluate", "gan.pt", "--count", "100")
    said = capsys.readouterr().out
    assert "averaged generator of gan.pt, N = 100, against fashion-mnist validation (300)" in said
    assert main(["evaluate", "gan.pt", "--count", "64"]) == 1
    assert "more samples than the 64 features" in capsys.readouterr().err


def test_train_on_a_folder_of_pictures(tmp_path, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(20):
        colours = torch.randint(256, (3,), generator=torch.Generator().manual_seed(i)).tolist()
        Image.new("RGB", (30, 20), tuple(colours)).save(folder / f"{i}.png")
    run("train", "gan", *SMALL, "--data", str(folder), "--run", "here", "--set", "image_size=16")
    state = checkpoint.newest("here")
    assert state.config.image_shape == (3, 16, 16) and state.config.data == str(folder)
    run("resume", "here", "--steps", "8")
    assert checkpoint.newest("here").step == 8


def test_a_sweep_is_measured_and_goes_on_where_it_stopped(
    few_images, monkeypatch, capsys, tmp_path
):
    from gan_course import experiments

    arms = {
        f"λ2={value:g}": recipe("gan", preset="quick", steps=2, lambda2=value)
        for value in (0.0, 0.1)
    }
    monkeypatch.setitem(
        experiments.SWEEPS,
        "lambda",
        lambda **changes: {k: replace(v, seed=changes.get("seed", 0)) for k, v in arms.items()},
    )
    monkeypatch.setattr(experiments, "PICTURES", 4)
    monkeypatch.setattr(experiments, "SAMPLES", 100)
    taken = dict(arms)
    arms.pop("λ2=0.1")
    run("sweep", "lambda", "--output", "sweep.pt")
    arms.update(taken)
    capsys.readouterr()
    run("sweep", "lambda", "--output", "sweep.pt")
    said = capsys.readouterr().out
    assert "λ2=0:" not in said.replace("sweep, λ2=0.1:", "") and "sweep, λ2=0.1: 2 steps" in said
    sweep = load_sweep(tmp_path / "sweep.pt")
    assert [row["arm"] for row in sweep.rows] == list(taken)
    assert sweep.samples.shape == (2, 4, 1, 28, 28)
    assert sweep.origin["command"] == "python -m gan_course sweep lambda --output sweep.pt"
    for row in sweep.rows:
        assert (
            row["fd_fmnist_cnn"] > 0 and row["parameters"] > 0 and f"{row['variety']:.2f}" in said
        )
    assert main(["sweep", "lambda", "--output", "sweep.pt", "--set", "seed=1"]) == 1
    assert "seed: 0 → 1" in capsys.readouterr().err


def test_doctor_checks_this_machine(capsys):
    run("doctor", "--device", "cpu")
    said = capsys.readouterr().out
    for word in ("processor", "torch", "quick", "every hash right", "probe", "data is sound"):
        assert word in said


def test_module_in_a_real_shell(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gan_course", "train", "gan", *SMALL, "--run", "here"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Done: 6 steps" in done.stdout and checkpoint.newest("here").step == 6
