"""The game: one step as pure maths, and the loop around it.

``train_step`` is the whole method on one screen. Everything else here serves it: where batches
come from, what is written down, and how a run is stopped without losing it.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from . import checkpoint
from .acceleration import choose_device, update_ema
from .config import TrainConfig
from .data import Images, batch_indices, generator_for, load_images, to_images
from .errors import ConfigError
from .losses import ADVERSARIAL_LOSSES, AdversarialLoss, norm_loss, pair, repulsion
from .measuring import gradient_norm, measured_row
from .sampling import is_moment, sample, save_moment
from .state import GANState

__all__ = ["batch", "gradient_norm", "sample", "train", "train_step"]


def train_step(
    state: GANState,
    real: Tensor,
    z: Tensor,
    *,
    loss: AdversarialLoss,
    pairing: str = "independent",
    repel: bool = False,
) -> dict[str, Tensor]:
    """One update of D, then one of G, on one batch.

    Args:
        state: the two networks, their optimizers, λ1 and λ2 (in summed norms); changed in place.
        real: (N, C, H, W) floats in [-1, 1].
        z: (N, latent_dim) standard normal.
        loss: the game, e.g. ``losses.non_saturating``.
        pairing: which real image each fake is compared with; see ``losses.pair``.
        repel: add ``losses.repulsion``.

    Returns:
        Detached tensors: the losses, D's outputs, G's images and the two gradients at G's
        output, ``pull_adversarial`` and ``pull_norm``, each (N, C, H, W).
    """
    fake = state.generator(z)

    # D's turn. detach() cuts the graph: D's loss must not reach G's parameters.
    real_logits = state.discriminator(real)
    loss_d = loss.discriminator(real_logits, state.discriminator(fake.detach()))
    state.optimizer_d.zero_grad()
    loss_d.backward()
    state.optimizer_d.step()

    # G's turn, against the D just updated. Both terms act on G through its images alone, so each
    # is one arrow per image, and G learns from their sum: the same as loss_g.backward().
    images = fake.detach().requires_grad_()
    fake_logits = state.discriminator(images)
    loss_g = loss.generator(fake_logits)
    left, right = pair(images, real, pairing)
    norm = norm_loss(left, right, state.lambda1, state.lambda2)
    if repel:
        norm = norm + repulsion(images, state.lambda1, state.lambda2)
    (pull_adversarial,) = torch.autograd.grad(loss_g, images)
    (pull_norm,) = torch.autograd.grad(norm, images)
    state.optimizer_g.zero_grad()
    fake.backward(pull_adversarial + pull_norm)
    state.optimizer_g.step()

    return {
        "loss_d": loss_d.detach(),
        "loss_g": loss_g.detach(),
        "real_logits": real_logits.detach(),
        "fake_logits": fake_logits.detach(),
        "fake": images.detach(),
        "pull_adversarial": pull_adversarial,
        "pull_norm": pull_norm,
    }


@contextmanager
def _interrupt_between_steps() -> Iterator[threading.Event]:
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


def _training_pixels(config: TrainConfig, images: Images | None, device: torch.device) -> Tensor:
    """The uint8 pixels of a run, on the device, checked against the configuration."""
    if images is None:
        images = load_images(config.data, size=config.image_size, device=device)
    if tuple(images.pixels.shape[1:]) != config.image_shape:
        raise ConfigError(
            f"the images are {tuple(images.pixels.shape[1:])}, the configuration says "
            f"{config.image_shape}. Set image_size and channels to those of the images."
        )
    return images.pixels.to(device)


def batch(config: TrainConfig, pixels: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """What step ``step`` sees: real (N, C, H, W) in [-1, 1] and z (N, latent_dim).

    Both depend on ``config.seed`` and ``step`` only, so every arm of a comparison sees the same.
    """
    index = batch_indices(len(pixels), config.batch_size, config.seed, step)
    random = generator_for(config.seed, "z", step)
    z = torch.randn(config.batch_size, config.latent_dim, generator=random)
    return to_images(pixels[index.to(pixels.device)]), z.to(pixels.device)


def train(
    config: TrainConfig,
    *,
    images: Images | None = None,
    device: str | None = None,
    run_folder: str | Path | None = None,
    resume: bool = False,
    callbacks: Iterable[Callable[[GANState], None]] = (),
    progress: bool = True,
) -> GANState:
    """Train one GAN as ``config`` says.

    Interrupting it (Ctrl-C, or ■ in JupyterLab) ends it between two steps and returns what was
    trained so far, with ``state.interrupted`` set.

    Args:
        images: training images; None loads ``config.data``.
        device: None takes the fastest of this machine.
        run_folder: where checkpoints are kept; None keeps none.
        resume: go on from the newest good checkpoint in ``run_folder``.
        callbacks: each is called with the state after every record, and may set
            ``state.stop_requested`` or call ``state.set_control``.
        progress: print a progress bar with the time left.

    Returns:
        The trained ``GANState``; ``sample(state.average, 64)`` draws from it.

    Raises:
        ConfigError: if images and configuration do not fit together.
        CheckpointError: if the folder holds another run.
        FloatingPointError: if a loss or weight is no longer finite; the last good checkpoint stays.
    """
    chosen = choose_device(device)
    pixels = _training_pixels(config, images, chosen)
    batch_indices(len(pixels), config.batch_size, config.seed, 0)  # refuse too few images now
    state = checkpoint.open_run(run_folder, config, chosen, resume=resume)
    state.stop_requested = state.interrupted = False
    first_step = state.step
    loss = ADVERSARIAL_LOSSES[config.loss]
    callbacks = tuple(callbacks)
    recent: list[Tensor] = []  # losses that nobody has looked at: they wait on the device
    started = time.perf_counter() - state.seconds
    if state.step == 0:
        save_moment(state)

    bar = tqdm(
        total=config.steps,
        initial=state.step,
        disable=not progress,
        unit="step",
        mininterval=0.5,
        file=sys.stdout,
    )
    with bar, _interrupt_between_steps() as asked:
        while state.step < config.steps and not (asked.is_set() or state.stop_requested):
            real, z = batch(config, pixels, state.step)
            report = train_step(
                state, real, z, loss=loss, pairing=config.pairing, repel=config.repulsion
            )
            update_ema(state.average, state.generator, state.ema_decay())
            state.step += 1
            bar.update()

            recent.append(report["loss_d"] + report["loss_g"])
            last = state.step == config.steps
            if state.step % config.record_every == 0 or last:
                _raise_if_bad(_first_bad_loss(recent, state.step), run_folder)
                recent.clear()
                state.history.append(measured_row(state, real, report, loss))
                for callback in callbacks:
                    callback(state)
            if is_moment(state.step) or last:
                save_moment(state)
            state.seconds = time.perf_counter() - started
            if run_folder is not None and state.step % config.checkpoint_every == 0:
                _raise_if_bad(_first_bad(state, recent), run_folder)
                checkpoint.save(state, run_folder)
    _raise_if_bad(_first_bad(state, recent), run_folder)
    state.interrupted = state.step < config.steps
    unsaved = state.step > first_step and state.step % config.checkpoint_every != 0
    if run_folder is not None and unsaved:
        checkpoint.save(state, run_folder)
    return state


def _first_bad_loss(recent: list[Tensor], step: int) -> int:
    """The first step whose loss is not finite, where ``recent`` ends at ``step``; -1 if none."""
    if not recent:
        return -1
    bad = (~torch.stack(recent).isfinite()).nonzero()
    return step - len(recent) + 1 + int(bad[0]) if len(bad) else -1


def _first_bad(state: GANState, recent: list[Tensor]) -> int:
    """The first step with a loss or, now, a weight that is not finite; -1 if all is well.

    A step may end in broken weights after healthy losses; such weights must not become the newest
    checkpoint.
    """
    first = _first_bad_loss(recent, state.step)
    weights = [*state.generator.parameters(), *state.discriminator.parameters()]
    finite = torch.stack([weight.isfinite().all() for weight in weights]).all()
    return first if first >= 0 or finite else state.step


def _raise_if_bad(first_bad: int, run_folder: str | Path | None) -> None:
    """Stop a run whose losses or weights are no longer numbers."""
    if first_bad < 0:
        return
    kept = f" The last good checkpoint is in {run_folder}." if run_folder is not None else ""
    raise FloatingPointError(
        f"a loss or a weight was not a finite number at step {first_bad}. Try a smaller learning "
        f"rate or smaller λ1 and λ2.{kept}"
    )
