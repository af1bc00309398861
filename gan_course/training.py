"""The game: one step as pure maths, and the loop around it.

``train_step`` is the whole method on one screen. Everything else here serves it: where batches
come from, what is written down, and how a run is stopped without losing it.
"""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from . import checkpoint
from .acceleration import choose_device, update_ema
from .config import TrainConfig
from .data import Images, batch_indices, generator_for, load_images, to_images, to_uint8
from .errors import ConfigError
from .losses import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    norm_loss,
    norm_terms,
    pair,
    repulsion,
)
from .state import GANState

MOMENT_COUNT = 64  # pictures a moment
ALL_PAIRS_EVERY = 10  # records between two measurements of ratio_all_pairs, which costs a few ms


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
        Detached tensors: the losses, D's outputs, the norm terms and the two gradients at G's
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


def gradient_norm(network: nn.Module) -> Tensor:
    """The 2-norm of a network's last gradient, over all its parameters; 0 before the first step."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


def all_pairs_pull(fake: Tensor, real: Tensor, lambda1: float, lambda2: float) -> Tensor:
    """∇ of the norm loss at each fake, with the mean over *every* real of the batch as partner.

    Args:
        fake, real: (N, C, H, W) and (M, C, H, W).

    Returns:
        (N, C, H, W), scaled like ``pull_norm``: the gradient of a mean over the batch.
    """
    points = fake.detach().flatten(1).requires_grad_()
    others = real.flatten(1)
    total = lambda1 * torch.cdist(points, others, p=1).mean()
    total = total + lambda2 * torch.cdist(points, others).mean()
    (pull,) = torch.autograd.grad(total, points)
    return pull.view_as(fake)


def _row(state: GANState, real: Tensor, report: dict[str, Tensor], loss: AdversarialLoss) -> dict:
    """One record of the history; one transfer from the device."""
    l1, l2 = norm_terms(report["fake"], real)
    adversarial = report["pull_adversarial"].norm()
    values = {
        "loss_d": report["loss_d"],
        "loss_g": report["loss_g"],
        "d_real": loss.score(report["real_logits"]).mean(),
        "d_fake": loss.score(report["fake_logits"]).mean(),
        "norm_l1": l1,
        "norm_l2": l2,
        "grad_norm_d": gradient_norm(state.discriminator),
        "grad_norm_g": gradient_norm(state.generator),
        "ratio": report["pull_norm"].norm() / adversarial,
    }
    lambda1, lambda2 = state.control("lambda1"), state.control("lambda2")
    has_norm_loss = lambda1 > 0 or lambda2 > 0
    if has_norm_loss and len(state.history) % ALL_PAIRS_EVERY == 0:
        pull = all_pairs_pull(report["fake"], real, lambda1, lambda2)
        values["ratio_all_pairs"] = pull.norm() / adversarial
    numbers = torch.stack([value.detach().float().cpu() for value in values.values()]).tolist()
    not_measured = math.nan if has_norm_loss else 0.0
    row = {"step": state.step, "ratio_all_pairs": not_measured}
    return row | dict(zip(values, numbers, strict=True))


def sample(generator: nn.Module, latents: Tensor | int, *, seed: int = 0) -> Tensor:
    """Images for latents, in evaluation mode; the generator is left in the mode it was in.

    Args:
        generator: e.g. ``state.average``, the averaged one.
        latents: (N, latent_dim), or how many images to draw with ``seed``.

    Returns:
        (N, C, H, W) floats in [-1, 1], on the generator's device.
    """
    if isinstance(latents, int):
        if latents < 1:
            raise ConfigError(f"the number of images must be 1 or greater; got {latents}.")
        random = generator_for(seed, "evaluation")
        latents = torch.randn(latents, generator.latent_dim, generator=random)
    device = next(generator.parameters()).device
    was_training = generator.training
    generator.eval()
    with torch.no_grad():
        images = torch.cat([generator(z.to(device)) for z in latents.split(500)])
    generator.train(was_training)
    return images


def is_moment(step: int) -> bool:
    """Whether pictures are saved at this step: 0, 25, 50, 100, 200, 400, 800, then every 1,000."""
    return step in (0, 25, 50, 100, 200, 400, 800) or (step > 0 and step % 1000 == 0)


def _save_moment(state: GANState) -> None:
    images = sample(state.average, MOMENT_COUNT)
    state.history.moments.append((state.step, to_uint8(images).cpu()))


@contextmanager
def _interrupt_between_steps() -> Iterator[threading.Event]:
    """Turn Ctrl-C (and Jupyter's ■) into a flag that is read between two steps.

    A step that is cut in half could not be resumed bit for bit. A second Ctrl-C stops at once.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    previous = signal.getsignal(signal.SIGINT)

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
        FloatingPointError: if a loss is no longer a number; the last good checkpoint stays.
    """
    chosen = choose_device(device)
    pixels = _training_pixels(config, images, chosen)
    batch_indices(len(pixels), config.batch_size, config.seed, 0)  # refuse too few images now
    state = checkpoint.open_run(run_folder, config, chosen, resume=resume)
    state.stop_requested = state.interrupted = False
    loss = ADVERSARIAL_LOSSES[config.loss]
    callbacks = tuple(callbacks)
    first_bad = torch.full((), -1, device=chosen)  # on the device: looked at when a row is due
    started = time.perf_counter() - state.seconds
    if state.step == 0:
        _save_moment(state)

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

            bad = ~torch.isfinite(report["loss_d"] + report["loss_g"])
            first_bad = torch.where(bad & (first_bad < 0), state.step, first_bad)
            last = state.step == config.steps
            if state.step % config.record_every == 0 or last:
                _raise_if_bad(int(first_bad), run_folder)
                state.history.append(_row(state, real, report, loss))
                for callback in callbacks:
                    callback(state)
            if is_moment(state.step) or last:
                _save_moment(state)
            state.seconds = time.perf_counter() - started
            if run_folder is not None and state.step % config.checkpoint_every == 0:
                _raise_if_bad(int(first_bad), run_folder)
                checkpoint.save(state, run_folder)
    _raise_if_bad(int(first_bad), run_folder)
    state.interrupted = state.step < config.steps
    if run_folder is not None and state.step % config.checkpoint_every:
        checkpoint.save(state, run_folder)
    return state


def _raise_if_bad(first_bad: int, run_folder: str | Path | None) -> None:
    """Stop a run whose losses are no longer numbers."""
    if first_bad < 0:
        return
    kept = f" The last good checkpoint is in {run_folder}." if run_folder is not None else ""
    raise FloatingPointError(
        f"a loss was not a finite number at step {first_bad}. Try a smaller learning rate or "
        f"smaller λ1 and λ2.{kept}"
    )
