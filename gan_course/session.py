"""The first cell of every lesson: device, preset, seed, and how long the lesson takes."""

import json
import os
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from .acceleration import choose_device, describe_machine
from .errors import ConfigError, check_choice

PRESETS = ("quick", "laptop", "gpu")
NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
Number = TypeVar("Number")


@dataclass(frozen=True)
class Session:
    """Where a lesson runs and how large; made by ``start``."""

    lesson: str
    preset: str
    device: torch.device
    seed: int

    def choose(self, *, quick: Number, laptop: Number, gpu: Number) -> Number:
        """The value that belongs to this preset, e.g. a number of steps."""
        return {"quick": quick, "laptop": laptop, "gpu": gpu}[self.preset]


def default_preset(device: torch.device) -> str:
    """GAN_COURSE_PRESET where it is set, else "gpu" on an accelerator and "laptop" without one."""
    preset = os.environ.get("GAN_COURSE_PRESET") or ("laptop" if device.type == "cpu" else "gpu")
    if preset not in PRESETS:
        raise ConfigError(
            f"GAN_COURSE_PRESET must be one of {', '.join(PRESETS)}; got {preset!r}. "
            "Unset it to let the course choose."
        )
    return preset


def lesson_stamps() -> dict[str, dict]:
    """For each lesson of this checkout the record of its last rendering; empty without one.

    Keys are names such as "02_vanilla_gan"; a stamp has "seconds", "date", "probe_seconds", ….
    """
    stamps = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        stamps[path.stem] = metadata.get("gan_course", {})
    return stamps


def probe_seconds(device: torch.device | None = None) -> float:
    """How long a fixed piece of training work takes here, in seconds (about 1 on two cores).

    Convolutions forwards and backwards, 11 times; the median, times 11. A lesson's stamp keeps the
    figure of the machine that rendered it, so minutes can be scaled to the reader's.
    """
    device = device or choose_device()
    with torch.random.fork_rng(devices=[]):  # a lesson draws the same numbers with and without it
        net = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1),
            nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64 * 49, 1),
        )  # fmt: skip
    net.to(device)
    images = torch.zeros(256, 1, 28, 28, device=device)
    times = []
    for _ in range(11):
        started = time.perf_counter()
        for _ in range(4):
            net(images).mean().backward()
        float(net[-1].bias.grad)  # waits for an accelerator
        times.append(time.perf_counter() - started)
    return 11 * statistics.median(times)


def expected_minutes(stamp: dict, probe_here: float | None = None) -> float | None:
    """Minutes of a lesson's Run All, scaled to this machine where its probe is given.

    Returns:
        None if the lesson was never timed.
    """
    if "seconds" not in stamp:
        return None
    scale = probe_here / stamp["probe_seconds"] if probe_here and "probe_seconds" in stamp else 1
    return stamp["seconds"] * scale / 60


def start(
    lesson: str, *, seed: int = 0, preset: str | None = None, device: str | None = None
) -> Session:
    """Begin a lesson: choose device and preset, set every seed, and say what to expect.

    Args:
        lesson: the notebook's name without its ending, e.g. "02_vanilla_gan".
        seed: ≥ 0, for torch, numpy and random.
        preset: "quick", "laptop" or "gpu"; None takes GAN_COURSE_PRESET, else what fits the device.
        device: None takes the fastest.

    Raises:
        ConfigError: for an unknown preset, a device that is not there, or a negative seed.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be a whole number in 0…2⁶³−1; got {seed!r}.")
    chosen = choose_device(device)
    if preset is None:
        preset = default_preset(chosen)
    check_choice("preset", preset, PRESETS)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    machine = describe_machine(chosen)
    print(
        f"{lesson} · preset {preset} · on {machine['accelerator']} "
        f"({machine['processor']}, {machine['threads']} threads) · seed {seed}"
    )
    stamp = lesson_stamps().get(lesson, {})
    minutes = expected_minutes(stamp)
    if minutes is not None:
        print(
            f"Run All took {minutes:.1f} minutes in preset {stamp['preset']} on "
            f"{stamp['machine']} ({stamp['date']}); lesson 00 scales that to your machine."
        )
    return Session(lesson, preset, chosen, seed)
