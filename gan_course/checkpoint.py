"""Files that cannot lie: written whole or not at all, checked by hash, loaded as data only.

A checkpoint is an ordinary ``torch.save`` file followed by its own sha256. A *run folder* holds
the newest two of a run.
"""

import dataclasses
import hashlib
import io
import os
import secrets
import sys
import tempfile
from pathlib import Path

import torch

from .config import TrainConfig, differences
from .errors import CheckpointError, ConfigError
from .state import GANState

FORMAT = 1
KEPT = 2
_MARK = b"\nsha256:"
_TRAILER = len(_MARK) + 64


def write_atomically(path: str | Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; whatever happens, the old or the new file is there, whole.

    Raises:
        OSError: if the disk is full or not writable; the old file is untouched.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        try:
            with open(name, "xb") as file:  # readable by others as any new file, unlike mkstemp's
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # a temporary file is private; a checkpoint may be shared
            os.replace(name, path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"could not save {path} ({error.strerror or error}). What was there before is "
            "untouched. Free some disk space or choose another folder, then resume the run",
        ) from error


def write(path: Path, content: dict) -> None:
    """Save tensors and plain values as one file that ends in its own sha256."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).hexdigest().encode()
    write_atomically(path, payload + _MARK + digest)


def read(path: Path) -> dict:
    """The content of a file made by ``write``; ``CheckpointError`` unless every byte is right."""
    raw = path.read_bytes()
    payload, trailer = raw[:-_TRAILER], raw[-_TRAILER:]
    if not trailer.startswith(_MARK):
        raise CheckpointError(
            f"{path} is cut short or was not written by gan_course. Use an older checkpoint of "
            "the run, or train again."
        )
    if hashlib.sha256(payload).hexdigest().encode() != trailer[len(_MARK) :]:
        raise CheckpointError(
            f"{path} is damaged: its content does not match its own sha256. Use an older "
            "checkpoint of the run, or copy the file again."
        )
    try:
        content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # torch promises no type for a file that is not one of its own
        raise CheckpointError(
            f"{path} holds something else than tensors and plain values, and was not loaded. "
            "Use a file that gan_course wrote."
        ) from error
    if not isinstance(content, dict) or "format" not in content:
        raise CheckpointError(f"{path} was not written by gan_course. Use one of its own files.")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {content['format']!r}; this version reads {FORMAT}. "
            "Update gan_course."
        )
    return content


def run_files(folder: str | Path) -> list[Path]:
    """The checkpoints of a run folder, newest first."""
    return sorted(Path(folder).glob("step_*.pt"), reverse=True)


def save(state: GANState, folder: str | Path) -> Path:
    """Write ``folder/step_NNNNNNNN.pt`` and keep the newest two.

    Raises:
        OSError: if the file cannot be written; older ones are untouched.
    """
    path = Path(folder) / f"step_{state.step:08d}.pt"
    write(path, {"config": state.config.to_dict(), "state": state.state_dict()})
    for old in run_files(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load(path: str | Path, device: torch.device | str = "cpu") -> GANState:
    """The state in one checkpoint file.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is damaged, or is not a checkpoint of this package.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}. Check the path, or train first.")
    content = read(path)
    if "state" not in content:
        raise CheckpointError(
            f"{path} is not a checkpoint. A recording is read by load_recording(...), a sweep by "
            "load_sweep(...)."
        )
    return _restore(content, device, path)


def _restore(content: dict, device: torch.device | str, path: Path) -> GANState:
    try:
        state = GANState.create(TrainConfig.from_dict(content["config"]), device)
        state.load_state_dict(content["state"])
    except (ConfigError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} does not fit this version of the networks ({error}). "
            "Load it with the version of gan_course that wrote it."
        ) from error
    return state


def newest(folder: str | Path, device: torch.device | str = "cpu") -> GANState:
    """The newest undamaged state of a run folder; damaged files are named on stderr.

    Raises:
        FileNotFoundError: if the folder holds no checkpoint.
        CheckpointError: if every checkpoint in it is damaged.
    """
    paths = run_files(folder)
    if not paths:
        raise FileNotFoundError(
            f"there is no run in {folder}. Start one with: python -m gan_course train gan"
        )
    for path in paths:
        try:
            return load(path, device)
        except CheckpointError as error:
            print(f"{error} Trying the one before.", file=sys.stderr)
    raise CheckpointError(f"none of the {len(paths)} checkpoints in {folder} can be read.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            error.errno,
            f"a run cannot be kept in {folder} ({error.strerror}). Choose another folder",
        ) from error


def open_run(
    folder: str | Path | None, config: TrainConfig, device: torch.device | str, *, resume: bool
) -> GANState:
    """The state from which a run starts: a new one, or the newest in ``folder``.

    Only ``steps`` may be changed on resume: nothing done so far depends on it, unless the learning
    rates have begun to fall towards the old end, or would have towards the new one.

    Raises:
        CheckpointError: if ``folder`` holds a run and ``resume`` is False, or if that run has
            another configuration; the message lists the differences.
        OSError: if nothing can be written there. Better now than after an hour of training.
    """
    if folder is not None:
        _make_folder(Path(folder))
    if folder is None or not run_files(folder):
        if resume and folder is not None:
            print(f"No run in {folder} yet: starting at step 0.", file=sys.stderr)
        return GANState.create(config, device)
    if not resume:
        raise CheckpointError(
            f"{folder} already holds a run. Pass resume=True (in a shell: --resume) to go on "
            "with it, or choose another folder; nothing was changed."
        )
    state = newest(folder, device)
    changed = differences(dataclasses.replace(state.config, steps=config.steps), config)
    if config.steps < state.step:
        changed.append(f"steps: {state.step} are done → {config.steps} asked for")
    elif config.steps != state.config.steps:
        for end in (state.config, config):
            if end.learning_rate_factor(state.step - 1) < 1:
                changed.append(
                    f"steps: {state.config.steps} → {config.steps}, but in a run that ends at "
                    f"{end.steps} the cooldown has begun by step {state.step}"
                )
    if changed:
        raise CheckpointError(
            f"the run in {folder} has another configuration: {'; '.join(changed)}. "
            "Use its own, or another folder."
        )
    state.config = config
    return state
