"""Runs to look at without training them: one small file each, with the command that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from . import checkpoint
from .config import TrainConfig
from .data import Images
from .errors import CheckpointError, ConfigError
from .history import History
from .shipped import DATA_FOLDER, verify_shipped
from .state import GANState, build_generator
from .training import train

TRAINED_HERE = "trained in this notebook"


@dataclass(frozen=True)
class Recording:
    """A finished run: its configuration, averaged generator, history and origin.

    ``caption`` is what a figure made from it must say: "recorded, seed 0" or "trained here, …".
    """

    config: TrainConfig
    average: nn.Module
    history: History
    origin: dict[str, str]
    caption: str


def save_recording(state: GANState, path: str | Path, command: str) -> Path:
    """Write the averaged generator (float16), the history and the command that made them."""
    average = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in state.average.state_dict().items()
    }
    origin = {
        "command": command,
        "seconds": f"{state.seconds:.1f}",
        "torch": str(torch.__version__),  # a subclass of str, which weights_only refuses
        "steps": str(state.step),
    }
    content = {
        "config": state.config.to_dict(),
        "average": average,
        "history": state.history.state_dict(),
        "origin": origin,
    }
    checkpoint.write(Path(path), content)
    return Path(path)


def _shipped_or_file(path: str | Path) -> Path:
    """A file's path, or that of a recording that ships with the course, by its name."""
    path = Path(path)
    if path.suffix != ".pt":
        return verify_shipped(f"recordings/{path}.pt")
    if not path.is_file():
        raise FileNotFoundError(f"there is no recording {path}. Check the path.")
    return path


def load_recording(path: str | Path) -> Recording:
    """Read a recording.

    Args:
        path: a file, or the name of one that ships with the course, e.g. "gan".

    Raises:
        FileNotFoundError: if it is missing.
        CheckpointError: if it is damaged or is another kind of file.
    """
    path = _shipped_or_file(path)
    content = checkpoint.read(path)
    if "average" not in content:
        raise CheckpointError(
            f"{path} is not a recording. A checkpoint is read by load(...), a sweep by "
            "load_sweep(...)."
        )
    try:
        config = TrainConfig.from_dict(content["config"])
        average = build_generator(config)
        average.load_state_dict(content["average"])
    except (ConfigError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} does not fit this version of the networks ({error}). "
            "Load it with the version of gan_course that wrote it, or train again."
        ) from error
    return Recording(
        config=config,
        average=average.eval().requires_grad_(False),
        history=History.from_state_dict(content["history"]),
        origin=dict(content["origin"]),
        caption=f"recorded, seed {config.seed}",
    )


def load_or_train(
    name: str, config: TrainConfig, *, images: Images | None = None, device: str | None = None
) -> Recording:
    """The shipped recording ``name``; where it is missing, a run of ``config`` made on the spot."""
    if (DATA_FOLDER / "recordings" / f"{name}.pt").exists():
        return load_recording(name)
    print(f"The recording {name!r} is not here: training it now, {config.steps} steps.")
    state = train(config, images=images, device=device)
    return Recording(
        config=config,
        average=state.average.cpu().eval(),
        history=state.history,
        origin={"command": TRAINED_HERE, "steps": str(state.step)},
        caption=f"trained here, seed {config.seed}",
    )


@dataclass(frozen=True)
class Sweep:
    """Many short runs side by side.

    rows: one dict a run: its settings that vary and its measurements.
    samples: (runs, pictures, C, H, W) uint8, the same latents in every run.
    """

    rows: list[dict[str, float | str]]
    samples: Tensor
    origin: dict[str, str]

    @property
    def caption(self) -> str:
        """What a figure made from it must say: "recorded, seed 0" or "trained here, seed 0"."""
        here = self.origin.get("command") == TRAINED_HERE
        return f"{'trained here' if here else 'recorded'}, seed {self.rows[0]['seed']}"


def save_sweep(
    path: str | Path, rows: Sequence[dict], samples: Sequence[Tensor], origin: dict[str, str]
) -> Path:
    """Write a sweep: ``rows[i]`` belongs to ``samples[i]``, (pictures, C, H, W) uint8."""
    stacked = torch.stack(list(samples))
    checkpoint.write(Path(path), {"rows": list(rows), "samples": stacked, "origin": dict(origin)})
    return Path(path)


def load_sweep(path: str | Path) -> Sweep:
    """Read a sweep: a file, or the name of one that ships with the course, e.g. "lambda_sweep"."""
    path = _shipped_or_file(path)
    content = checkpoint.read(path)
    if "rows" not in content:
        raise CheckpointError(f"{path} is not a sweep. A recording is read by load_recording(...).")
    return Sweep(content["rows"], content["samples"], content["origin"])
