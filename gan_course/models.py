"""Generators (z → image) and discriminators (image → one logit) for square images.

Sizes come from two rules. A generator starts at about size / 2ⁿ pixels and doubles n times, then
crops; a discriminator halves until at most 4 pixels are left. ``width`` scales every number of
channels and need not be whole, so that two nets can be matched in parameters or FLOPs.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .errors import ConfigError, check_choice

ImageShape = tuple[int, int, int]  # (channels, height, width)


def check_image_shape(image_shape: ImageShape) -> ImageShape:
    """Return ``image_shape`` if it is (1 or 3, S, S) with S ≥ 16, else raise ``ConfigError``."""
    shape = tuple(image_shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2] or shape[1] < 16:
        raise ConfigError(
            "an image shape must be (channels, size, size) with 1 or 3 channels and a size of at "
            f"least 16 pixels; got {shape}."
        )
    return shape


def _doublings(size: int) -> int:
    """How often a generator doubles: 28 → 2 (from 7), 32 → 3 (from 4), 64 → 4 (from 4)."""
    return int(math.log2(size / 4))


def _channels(width: float, factor: int) -> int:
    return max(1, round(width * factor))


class MLPGenerator(nn.Module):
    """The first GAN's kind of generator: two hidden layers that know nothing of images.

    ``forward(z)``: (N, latent_dim) → (N, C, S, S) in [-1, 1].
    """

    def __init__(self, latent_dim: int, image_shape: ImageShape, width: float = 128):
        super().__init__()
        self.latent_dim = latent_dim
        self.image_shape = check_image_shape(image_shape)
        hidden = _channels(width, 1)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(),
            nn.Linear(hidden, 2 * hidden), nn.ReLU(),
            nn.Linear(2 * hidden, math.prod(image_shape)), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.image_shape)


class DCGANGenerator(nn.Module):
    """Transposed convolutions with BatchNorm and ReLU, as in DCGAN (arXiv 1511.06434).

    ``forward(z)``: (N, latent_dim) → (N, C, S, S) in [-1, 1]. Channels halve as the size doubles,
    down to ``2·width`` before the last layer.
    """

    def __init__(self, latent_dim: int, image_shape: ImageShape, width: float = 16):
        super().__init__()
        self.latent_dim = latent_dim
        colours, self.size, _ = check_image_shape(image_shape)
        doublings = _doublings(self.size)
        start = math.ceil(self.size / 2**doublings)
        channels = [_channels(width, 2**k) for k in range(doublings, 0, -1)]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, channels[0] * start * start, bias=False),
            nn.Unflatten(1, (channels[0], start, start)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for inputs, outputs in zip(channels, channels[1:], strict=False):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(channels[-1], colours, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return _crop(self.layers(z), self.size)


class ResidualBlock(nn.Module):
    """BN-ReLU-(upsample)-conv, BN-ReLU-conv, plus the block's own input: SNGAN's (1802.05957).

    ``forward(x)``: (N, inputs, S, S) → (N, outputs, S′, S′) with S′ = 2S if ``upsample`` else S.
    The shortcut is the identity where shapes allow, a 1×1 convolution where the number of channels
    changes. With ``shortcut=False`` the same layers stand without it: the plain net to compare.
    """

    def __init__(self, inputs: int, outputs: int, *, upsample: bool, shortcut: bool = True):
        super().__init__()
        self.resize = nn.Upsample(scale_factor=2) if upsample else nn.Identity()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = shortcut
        changes = shortcut and inputs != outputs
        self.project = nn.Conv2d(inputs, outputs, 1) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(self.resize(torch.relu(self.norm1(x))))
        h = self.conv2(torch.relu(self.norm2(h)))
        if not self.shortcut:
            return h
        # 1×1 convolution and nearest-neighbour upsampling commute; project at the smaller size.
        return h + self.resize(self.project(x))


class ResidualGenerator(nn.Module):
    """A generator of residual blocks: Linear → blocks → BN-ReLU-conv-tanh (arXiv 1802.05957).

    ``forward(z)``: (N, latent_dim) → (N, C, S, S) in [-1, 1].

    Args:
        blocks_per_resolution: ≥ 1; the first block at a resolution doubles the size, the others
            keep it, so this is the depth knob of lesson 05.
        shortcuts: False takes every shortcut away and changes nothing else.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: ImageShape,
        width: float = 8,
        *,
        blocks_per_resolution: int = 1,
        shortcuts: bool = True,
    ):
        super().__init__()
        self.latent_dim = latent_dim
        colours, self.size, _ = check_image_shape(image_shape)
        doublings = _doublings(self.size)
        start = math.ceil(self.size / 2**doublings)
        channels = [_channels(width, 2**k) for k in range(doublings, -1, -1)]
        self.stem = nn.Sequential(
            nn.Linear(latent_dim, channels[0] * start * start),
            nn.Unflatten(1, (channels[0], start, start)),
        )
        blocks = []
        for inputs, outputs in zip(channels, channels[1:], strict=False):
            blocks.append(ResidualBlock(inputs, outputs, upsample=True, shortcut=shortcuts))
            for _ in range(blocks_per_resolution - 1):
                blocks.append(ResidualBlock(outputs, outputs, upsample=False, shortcut=shortcuts))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.BatchNorm2d(channels[-1]), nn.ReLU(),
            nn.Conv2d(channels[-1], colours, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return _crop(self.head(self.blocks(self.stem(z))), self.size)


class MLPDiscriminator(nn.Module):
    """Two hidden layers on the flattened image. ``forward(x)``: (N, C, S, S) → logits (N,)."""

    def __init__(self, image_shape: ImageShape, width: float = 128):
        super().__init__()
        hidden = _channels(width, 1)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(check_image_shape(image_shape)), 2 * hidden), nn.LeakyReLU(0.2),
            nn.Linear(2 * hidden, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


class DCGANDiscriminator(nn.Module):
    """Strided convolutions with LeakyReLU (arXiv 1511.06434); the last layer gives one *logit*.

    ``forward(x)``: (N, C, S, S) in [-1, 1] → logits (N,). There is no sigmoid: losses want logits.

    Args:
        norm: "batch" (never on the first layer), "spectral" (arXiv 1802.05957) or "none".
    """

    def __init__(self, image_shape: ImageShape, width: float = 16, *, norm: str = "batch"):
        super().__init__()
        check_choice("discriminator_norm", norm, DISCRIMINATOR_NORMS)
        channels, size, _ = check_image_shape(image_shape)
        constrain = spectral_norm if norm == "spectral" else (lambda layer: layer)
        layers: list[nn.Module] = []
        factor = 1
        while size > 4:
            outputs = _channels(width, factor)
            batch_norm = norm == "batch" and factor > 1
            convolution = nn.Conv2d(channels, outputs, 4, stride=2, padding=1, bias=not batch_norm)
            layers.append(constrain(convolution))
            if batch_norm:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            channels, size, factor = outputs, size // 2, factor * 2
        layers += [nn.Flatten(), constrain(nn.Linear(channels * size * size, 1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


GENERATORS = ("mlp", "dcgan", "residual")
DISCRIMINATORS = ("mlp", "dcgan")
DISCRIMINATOR_NORMS = ("batch", "spectral", "none")
INITIALISATIONS = ("dcgan", "orthogonal")


def _crop(images: Tensor, size: int) -> Tensor:
    """Cut (N, C, S′, S′) to its central (N, C, size, size)."""
    margin = (images.shape[-1] - size) // 2
    return images[..., margin : margin + size, margin : margin + size]


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator, scheme: str = "dcgan") -> nn.Module:
    """The start of every net: weights by ``scheme``, BatchNorm scales N(1, 0.02), biases 0.

    Args:
        network: changed in place and returned.
        generator: a CPU generator; its draws alone decide the weights.
        scheme: "dcgan", N(0, 0.02) for every weight; or "orthogonal" (arXiv 1312.6120, as BigGAN).
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.normal_(1.0, 0.02, generator=generator)
        elif isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            parametrised = hasattr(module, "parametrizations")
            weight = module.parametrizations.weight.original if parametrised else module.weight
            if scheme == "dcgan":
                weight.normal_(0.0, 0.02, generator=generator)
            else:
                nn.init.orthogonal_(weight, generator=generator)
        else:
            continue
        if module.bias is not None:
            module.bias.zero_()
    return network
