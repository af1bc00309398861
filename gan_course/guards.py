"""What ends a run early without losing it: Ctrl-C between two steps, and numbers gone bad."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from .state import GANState


@contextmanager
def interrupt_between_steps() -> Iterator[threading.Event]:
    """Turn Ctrl-C (and Jupyter's ■) into a flag that is read between two steps.

    A step that is cut in half could not be resumed bit for bit. A second Ctrl-C stops at once.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    previous = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def handle(number, frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)


def first_bad_loss(recent: list[Tensor], step: int) -> int:
    """The first step whose loss is not finite, where ``recent`` ends at ``step``; -1 if none."""
    if not recent:
        return -1
    bad = (~torch.stack(recent).isfinite()).nonzero()
    return step - len(recent) + 1 + int(bad[0]) if len(bad) else -1


def first_bad(state: GANState, recent: list[Tensor]) -> int:
    """The first step with a loss or, now, a weight that is not finite; -1 if all is well.

    A step may end in broken weights after healthy losses; such weights must not become the newest
    checkpoint.
    """
    first = first_bad_loss(recent, state.step)
    weights = [*state.generator.parameters(), *state.discriminator.parameters()]
    finite = torch.stack([weight.isfinite().all() for weight in weights]).all()
    return first if first >= 0 or finite else state.step


def raise_if_bad(bad_step: int, run_folder: str | Path | None) -> None:
    """Stop a run whose losses or weights are no longer numbers."""
    if bad_step < 0:
        return
    kept = f" The last good checkpoint is in {run_folder}." if run_folder is not None else ""
    raise FloatingPointError(
        f"a loss or a weight was not a finite number at step {bad_step}. Try a smaller learning "
        f"rate or smaller λ1 and λ2.{kept}"
    )
