"""Pictures from a generator, and those that a run keeps of itself."""

import torch
from torch import Tensor, nn

from .data import generator_for, to_uint8
from .errors import ConfigError
from .state import GANState

MOMENT_COUNT = 64  # pictures a moment


def sample(generator: nn.Module, latents: Tensor | int, *, seed: int = 0) -> Tensor:
    """Images for latents, in evaluation mode; the generator is left in the mode it was in.

    Args:
        generator: e.g. ``state.average``, the averaged one.
        latents: (N, latent_dim), or how many images to draw with ``seed``.

    Returns:
        (N, C, H, W) floats in [-1, 1], on the generator's device.

    Raises:
        ConfigError: if latents do not fit the generator, or fewer than one image is asked for.
    """
    if isinstance(latents, int):
        if latents < 1:
            raise ConfigError(f"the number of images must be 1 or greater; got {latents}.")
        random = generator_for(seed, "evaluation")
        latents = torch.randn(latents, generator.latent_dim, generator=random)
    if latents.dim() != 2 or latents.shape[1] != generator.latent_dim or not len(latents):
        raise ConfigError(
            f"latents must be (N, {generator.latent_dim}) with N ≥ 1 for this generator; got "
            f"{tuple(latents.shape)}. Give a whole number to have them drawn."
        )
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


def save_moment(state: GANState) -> None:
    """Write pictures of the same latents into the history."""
    images = sample(state.average, MOMENT_COUNT)
    state.history.moments.append((state.step, to_uint8(images).cpu()))
