"""The first cell of a lesson: preset, seeds, device, and minutes scaled to this machine."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch

from gan_course import session
from gan_course.errors import ConfigError
from gan_course.session import default_preset, expected_minutes, lesson_stamps, start


@pytest.mark.parametrize("preset", session.PRESETS)
def test_choose_takes_the_value_of_the_preset(preset):
    here = start("02_vanilla_gan", preset=preset, device="cpu")
    assert (
        here.preset == preset and here.choose(quick="quick", laptop="laptop", gpu="gpu") == preset
    )


def test_choose_wants_a_value_for_every_preset():
    with pytest.raises(TypeError):
        start("02_vanilla_gan", device="cpu").choose(quick=1, laptop=2)


def test_the_preset_comes_from_the_environment_else_from_the_device(monkeypatch):
    cpu = torch.device("cpu")
    assert default_preset(cpu) == "laptop" and default_preset(torch.device("cuda")) == "gpu"
    for preset in session.PRESETS:
        monkeypatch.setenv("GAN_COURSE_PRESET", preset)
        assert default_preset(cpu) == default_preset(torch.device("cuda")) == preset
        assert start("02_vanilla_gan", device="cpu").preset == preset
    assert start("02_vanilla_gan", preset="laptop", device="cpu").preset == "laptop"
    monkeypatch.setenv("GAN_COURSE_PRESET", "")
    assert default_preset(cpu) == "laptop"


def test_an_unknown_preset_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("GAN_COURSE_PRESET", "Laptop")
    with pytest.raises(ConfigError, match="quick, laptop, gpu; got 'Laptop'"):
        start("02_vanilla_gan", device="cpu")


def draws() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_every_seed_is_set():
    start("02_vanilla_gan", seed=5, device="cpu")
    first = draws()
    start("02_vanilla_gan", seed=5, device="cpu")
    assert draws() == first
    start("02_vanilla_gan", seed=6, device="cpu")
    assert not set(draws()) & set(first)


def test_it_prints_the_machine_in_one_line(capsys):
    start("02_vanilla_gan", preset="quick", device="cpu", seed=3)
    said = capsys.readouterr().out.splitlines()[0]
    assert all(word in said for word in ("02_vanilla_gan", "quick", "cpu", "threads", "seed 3"))


def test_minutes_are_scaled_to_the_machine():
    stamp = {"seconds": 120.0, "probe_seconds": 1.0}
    assert expected_minutes(stamp) == 2
    assert expected_minutes(stamp, 3.0) == 6
    assert expected_minutes(stamp, 0.5) == 1
    assert expected_minutes({"seconds": 120.0}, 3.0) == 2  # rendered before there was a probe
    assert expected_minutes({}) is None and expected_minutes({}, 2.0) is None


def test_stamps_are_read_from_the_notebooks(tmp_path, monkeypatch, capsys):
    stamp = {
        "seconds": 90.0,
        "probe_seconds": 1.0,
        "preset": "laptop",
        "machine": "two cores",
        "date": "2026-01-31",
    }
    for name, metadata in (("02_a", {"gan_course": stamp}), ("03_b", {}), ("notes", {})):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"metadata": metadata}))
    monkeypatch.setattr(session, "NOTEBOOKS", tmp_path)
    assert lesson_stamps() == {"02_a": stamp, "03_b": {}}
    start("02_a", device="cpu")
    assert "1.5 minutes in preset laptop on two cores (2026-01-31)" in capsys.readouterr().out
    start("03_b", device="cpu")
    assert "minutes" not in capsys.readouterr().out


def test_the_probe_is_a_time_and_leaves_the_lessons_random_numbers_alone():
    state = torch.get_rng_state()
    assert 0 < session.probe_seconds(torch.device("cpu")) < 120
    assert torch.equal(state, torch.get_rng_state())
