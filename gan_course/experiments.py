"""Many short runs under one rule: every arm gets the same data, seeds, latents and steps."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from .capacity import forward_flops, match_width, parameter_count
from .config import TrainConfig, recipe
from .data import load_images, to_images, to_uint8
from .errors import ConfigError, check_choice
from .metrics import variety
from .recordings import TRAINED_HERE, Sweep, load_sweep, save_sweep
from .ruler import load_ruler
from .shipped import DATA_FOLDER
from .state import GANState, build_generator
from .training import sample, train

SAMPLES = 5000  # measured of each run
PICTURES = 16  # kept of them
LAMBDA1 = (0.0, 0.003, 0.01, 0.1, 1.0)
LAMBDA2 = (0.0, 0.02, 0.1, 1.0)
DEPTHS = (1, 3, 8)  # blocks per size; a 28 × 28 generator has two sizes


def _lambda_arms(**changes) -> dict[str, TrainConfig]:
    return {
        f"λ1={lambda1:g} λ2={lambda2:g}": recipe("gan", lambda1=lambda1, lambda2=lambda2, **changes)
        for lambda1 in LAMBDA1
        for lambda2 in LAMBDA2
    }


def _flops(network: nn.Module) -> int:
    """Operations for one image."""
    return forward_flops(network.eval(), torch.zeros(1, network.latent_dim))


def _depth_arms(**changes) -> dict[str, TrainConfig]:
    """Lesson 05's comparison: residual against plain nets by depth, and against the DCGAN by size.

    A plain net is the residual one without its shortcuts, so it lacks the few 1×1 convolutions
    too: less than 1 % of the parameters at the laptop's width.
    """
    dcgan = recipe("gan", **changes)
    reference = build_generator(dcgan)

    def residual(**settings) -> TrainConfig:
        return recipe("residual_gan", **{**changes, **settings})

    def matched(measure: Callable[[nn.Module], int]) -> TrainConfig:
        def build(width: float) -> nn.Module:
            return build_generator(residual(generator_width=width))

        # Wide enough for the quick preset's tiny nets; each row says what was reached.
        width = match_width(build, measure, measure(reference), tolerance=0.15)
        return residual(generator_width=width)

    arms = {
        "dcgan": dcgan,
        "residual, dcgan's parameters": matched(parameter_count),
        "residual, dcgan's FLOPs": matched(_flops),
    }
    half = {"generator_width": dcgan.generator_width / 2}  # deep nets of full width take too long
    for blocks in DEPTHS:
        for name, shortcuts in (("residual", True), ("plain", False)):
            settings = {**half, "blocks_per_resolution": blocks, "shortcuts": shortcuts}
            arms[f"{name}, {blocks} per size"] = residual(**settings)
    return arms


SWEEPS: dict[str, Callable[..., dict[str, TrainConfig]]] = {
    "lambda": _lambda_arms,
    "depth": _depth_arms,
}


def summary(state: GANState) -> dict[str, float]:
    """The figures of a run that do not need a ruler: medians over the last half of its records."""

    def late(column: str) -> float:
        values = [v for v in state.history[column][len(state.history) // 2 :] if v == v]
        return statistics.median(values) if values else 0.0

    columns = ("norm_l1", "norm_l2", "grad_norm_d", "grad_norm_g", "ratio", "ratio_all_pairs")
    return {name: late(name) for name in (*columns, "d_real", "d_fake")}


def _check_same_run(row: dict, config: TrainConfig, path: str | Path) -> None:
    before, asked = row.get("config", {}), config.to_dict()
    changed = [f"{k}: {before.get(k)} → {asked[k]}" for k in asked if before.get(k) != asked[k]]
    if changed:
        raise ConfigError(
            f"{path} holds a sweep with other settings ({'; '.join(changed)}). Give the sweep "
            "another file, or the settings that it was started with."
        )


def run_sweep(
    name: str, path: str | Path, *, command: str = "", progress: bool = True, **changes
) -> Sweep:
    """Train every arm of a sweep, measure it against validation images, and write after each run.

    A row holds ``fd_fmnist_cnn`` and ``variety`` (``metrics.variety``) of the averaged generator.

    Called again with the same path it goes on with the first arm that is missing.

    Args:
        name: "lambda" or "depth".
        path: the file of the sweep.
        changes: settings for every arm alike, e.g. ``steps=1500`` or ``preset="quick"``.
    """
    check_choice("sweep", name, SWEEPS)
    arms = SWEEPS[name](**changes)
    rows, samples = [], []
    if Path(path).exists():
        before = load_sweep(path)
        rows, samples = list(before.rows), list(before.samples)
    done = {row["arm"]: row for row in rows}
    for arm in done.keys() & arms.keys():
        _check_same_run(done[arm], arms[arm], path)
    images = load_images()
    ruler = load_ruler(split="validation")
    real = to_images(load_images(split="validation").pixels)
    for arm, config in arms.items():
        if arm in done:
            continue
        print(f"{name} sweep, {arm}: {config.steps} steps")
        state = train(config, images=images, progress=progress)
        drawn = sample(state.average, SAMPLES)
        row = {
            "arm": arm,
            "lambda1": config.lambda1,
            "lambda2": config.lambda2,
            "blocks_per_resolution": config.blocks_per_resolution,
            "shortcuts": config.shortcuts,
            "width": config.generator_width,
            "generator": config.generator,
            "parameters": parameter_count(state.generator),
            "flops": _flops(build_generator(config)),
            "steps": state.step,
            "seed": config.seed,
            "seconds": round(state.seconds, 1),
            ruler.name: ruler.distance(drawn),
            "variety": variety(drawn, real),
            **summary(state),
            "config": config.to_dict(),
        }
        rows.append(row)
        samples.append(to_uint8(drawn[:PICTURES]).cpu())
        save_sweep(path, rows, samples, {"command": command})
    return load_sweep(path)


def load_or_run_sweep(recording: str, name: str, **changes) -> Sweep:
    """The shipped sweep ``recording``; where it is missing, the sweep ``name`` run on the spot.

    Args:
        recording: e.g. "lambda_sweep".
        name: "lambda" or "depth".
        changes: settings for every arm of the run that stands in, e.g. ``preset="quick"``.
    """
    if (DATA_FOLDER / "recordings" / f"{recording}.pt").exists():
        return load_sweep(recording)
    print(f"The recording {recording!r} is not here: running the sweep now.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.pt"
        return run_sweep(name, path, command=TRAINED_HERE, progress=False, **changes)
