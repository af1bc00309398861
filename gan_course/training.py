"""The game: one step as pure maths, and the loop around it.

``train_step`` is the whole method on one screen. Everything else here serves it: where batches
come from, what is written down, and how a run is stopped without losing it.
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from . import checkpoint
from .acceleration import choose_device, update_ema
from .config import TrainConfig
from .data import Images, batch_indices, generator_for, load_images, to_images
from .errors import ConfigError
from .guards import first_bad, first_bad_loss, interrupt_between_steps, raise_if_bad
from .losses import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    norm_loss,
    pair,
    r1_penalty,
    repulsion,
)
from .measuring import gradient_norm, measured_row
from .sampling import is_moment, sample, save_moment
from .state import GANState

__all__ = ["batch", "discriminator_step", "gradient_norm", "sample", "train", "train_step"]


def discriminator_step(
    state: GANState, real: Tensor, fake: Tensor, *, loss: AdversarialLoss, r1_weight: float = 0.0
) -> tuple[Tensor, Tensor]:
    """One update of D alone, on real and generated images that carry no graph.

    Returns:
        The adversarial loss and D's logits on ``real``, detached.
    """
    real = real.detach().requires_grad_(r1_weight > 0)
    real_logits = state.discriminator(real)
    loss_d = loss.discriminator(real_logits, state.discriminator(fake))
    total = loss_d if r1_weight == 0 else loss_d + r1_weight * r1_penalty(real_logits, real)
    state.optimizer_d.zero_grad()
    total.backward()
    state.optimizer_d.step()
    return loss_d.detach(), real_logits.detach()


def train_step(
    state: GANState,
    real: Tensor,
    z: Tensor,
    *,
    loss: AdversarialLoss,
    pairing: str = "independent",
    repel: bool = False,
    r1_weight: float = 0.0,
    apart: bool = True,
) -> dict[str, Tensor]:
    """One update of D, then one of G, on one batch.

    Args:
        state: the two networks, their optimizers, λ1 and λ2 (in summed norms); changed in place.
        real: (N, C, H, W) floats in [-1, 1].
        z: (N, latent_dim) standard normal.
        loss: the game, e.g. ``losses.non_saturating``.
        pairing: which real image each fake is compared with; see ``losses.pair``.
        repel: add ``losses.repulsion``.
        r1_weight: weight of ``losses.r1_penalty`` in D's loss.
        apart: keep the two gradients apart. False saves one pass and gives the same bits.

    Returns:
        Detached: losses, D's outputs, G's images and, if kept apart, the two gradients at G's
        output, ``pull_adversarial`` and ``pull_norm``, each (N, C, H, W).
    """
    fake = state.generator(z)

    # D's turn. detach() cuts the graph: D's loss must not reach G's parameters.
    loss_d, real_logits = discriminator_step(
        state, real, fake.detach(), loss=loss, r1_weight=r1_weight
    )

    # G's turn, against the D just updated. Each term is an arrow per image; G learns from the sum.
    images = fake.detach().requires_grad_()
    fake_logits = state.discriminator(images)
    loss_g = loss.generator(fake_logits)
    left, right = pair(images, real, pairing)
    norm = norm_loss(left, right, state.lambda1, state.lambda2)
    if repel:
        norm = norm + repulsion(images, state.lambda1, state.lambda2)
    state.optimizer_g.zero_grad()
    pulls = {}
    if apart or repel:  # with repulsion, another order of adding would give other bits
        (pull_adversarial,) = torch.autograd.grad(loss_g, images)
        (pull_norm,) = torch.autograd.grad(norm, images)
        pulls = {"pull_adversarial": pull_adversarial, "pull_norm": pull_norm}
        fake.backward(pull_adversarial + pull_norm)
    else:
        fake.backward(*torch.autograd.grad(loss_g + norm, images))
    state.optimizer_g.step()

    return pulls | {
        "loss_d": loss_d,
        "loss_g": loss_g.detach(),
        "real_logits": real_logits,
        "fake_logits": fake_logits.detach(),
        "fake": images.detach(),
    }


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


def batch(config: TrainConfig, pixels: Tensor, step: int, turn: int = 0) -> tuple[Tensor, Tensor]:
    """What step ``step`` sees: real (N, C, H, W) in [-1, 1] and z (N, latent_dim).

    Both depend on ``config.seed`` and these numbers only, so every arm of a comparison sees the
    same. ``turn`` counts the updates of D within a step; G plays with the last.
    """
    number = step * config.discriminator_steps + turn
    index = batch_indices(len(pixels), config.batch_size, config.seed, number)
    random = generator_for(config.seed, "z", number)
    z = torch.randn(config.batch_size, config.latent_dim, generator=random)
    return to_images(pixels[index.to(pixels.device)]), z.to(pixels.device)


def play_step(
    state: GANState, pixels: Tensor, loss: AdversarialLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    """One step as ``state.config`` says: D's turns, then G's, then the average.

    Returns:
        The last turn's real images and the report of ``train_step``.
    """
    config = state.config
    state.set_learning_rates()
    last = config.discriminator_steps - 1
    for turn in range(last):
        real, z = batch(config, pixels, state.step, turn)
        with torch.no_grad():
            fake = state.generator(z)
        discriminator_step(state, real, fake, loss=loss)
    real, z = batch(config, pixels, state.step, last)
    report = train_step(
        state,
        real,
        z,
        loss=loss,
        pairing=config.pairing,
        repel=config.repulsion,
        r1_weight=config.r1_weight_at(state.step),
        apart=config.is_record(state.step + 1),
    )
    update_ema(state.average, state.generator, state.ema_decay())
    state.step += 1
    return real, report


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
    with bar, interrupt_between_steps() as asked:
        while state.step < config.steps and not (asked.is_set() or state.stop_requested):
            real, report = play_step(state, pixels, loss)
            bar.update()

            recent.append(report["loss_d"] + report["loss_g"])
            if config.is_record(state.step):
                raise_if_bad(first_bad_loss(recent, state.step), run_folder)
                recent.clear()
                state.history.append(measured_row(state, real, report, loss))
                for callback in callbacks:
                    callback(state)
            if is_moment(state.step) or state.step == config.steps:
                save_moment(state)
            state.seconds = time.perf_counter() - started
            if run_folder is not None and state.step % config.checkpoint_every == 0:
                raise_if_bad(first_bad(state, recent), run_folder)
                checkpoint.save(state, run_folder)
    raise_if_bad(first_bad(state, recent), run_folder)
    state.interrupted = state.step < config.steps
    unsaved = state.step > first_step and state.step % config.checkpoint_every != 0
    if run_folder is not None and unsaved:
        checkpoint.save(state, run_folder)
    return state
