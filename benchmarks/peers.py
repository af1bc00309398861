"""The recipes that people would use instead, written anew as configurations.

Nets, initialisation, hyper-parameters, order of the random draws and loops are those that each
project publishes, on Fashion-MNIST. benchmarks/peer_scripts.py runs a project's own script,
unedited, and checks that the first losses are the same.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import mse_loss

Losses = tuple[float, float]  # of D and of G, as the project prints them


@dataclass(frozen=True)
class Peer:
    """One published recipe.

    ``play(batches)`` trains for ever: it yields G once, before the first batch is asked for, and
    then the losses of every line that the project would print.
    """

    name: str
    source: str  # repository, file and commit
    image_size: int
    latent_shape: tuple[int, ...]
    evaluation_mode: bool  # whether its authors sample in evaluation mode
    play: Callable[[Iterator[Tensor]], Iterator]


def normal_start(module: nn.Module) -> None:
    """DCGAN's start as both example collections type it; linear layers keep PyTorch's."""
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm2d" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def adam(network: nn.Module, learning_rate: float = 2e-4) -> torch.optim.Adam:
    """The optimizer of every one of them."""
    return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.5, 0.999))


def numpy_normal(*shape: int) -> Tensor:
    """z as PyTorch-GAN draws it."""
    return torch.tensor(np.random.normal(0, 1, shape), dtype=torch.float32)


# pytorch/examples dcgan/main.py -------------------------------------------------------------------


def play_examples_dcgan(batches: Iterator[Tensor]) -> Iterator:
    width, latent = 64, 100
    layers: list[nn.Module] = [nn.ConvTranspose2d(latent, width * 8, 4, 1, 0, bias=False)]
    for factor in (8, 4, 2, 1):
        layers += [nn.BatchNorm2d(width * factor), nn.ReLU(True)]
        outputs = width * factor // 2 if factor > 1 else 1
        layers.append(nn.ConvTranspose2d(width * factor, outputs, 4, 2, 1, bias=False))
    generator = nn.Sequential(*layers, nn.Tanh())
    generator.apply(normal_start)
    layers = [nn.Conv2d(1, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for factor in (1, 2, 4):
        layers += [
            nn.Conv2d(width * factor, width * factor * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * factor * 2),
            nn.LeakyReLU(0.2, True),
        ]
    layers += [nn.Conv2d(width * 8, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0)]
    discriminator = nn.Sequential(*layers)
    discriminator.apply(normal_start)
    torch.randn(64, latent, 1, 1)  # its fixed noise
    criterion = nn.BCELoss()
    optimizer_d, optimizer_g = adam(discriminator), adam(generator)
    yield generator
    for real in batches:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        loss_real = criterion(discriminator(real), ones)
        loss_real.backward()
        fake = generator(torch.randn(len(real), latent, 1, 1))
        loss_fake = criterion(discriminator(fake.detach()), zeros)
        loss_fake.backward()
        optimizer_d.step()
        generator.zero_grad()
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        optimizer_g.step()
        yield (loss_real + loss_fake).item(), loss_g.item()


# PyTorch-GAN gan.py, dcgan.py, wgan_gp.py ---------------------------------------------------------


def mlp_generator() -> nn.Module:
    """PyTorch-GAN's MLP; the 0.8 lands on BatchNorm's eps."""
    layers: list[nn.Module] = [nn.Linear(100, 128), nn.LeakyReLU(0.2, inplace=True)]
    for inputs in (128, 256, 512):
        layers += [
            nn.Linear(inputs, 2 * inputs),
            nn.BatchNorm1d(2 * inputs, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Linear(1024, 28 * 28), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))


def mlp_discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(28 * 28, 512), nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(512, 256), nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(256, 1),
    )  # fmt: skip


def play_generator_first(
    generator: nn.Module, discriminator: nn.Module, batches: Iterator[Tensor]
) -> Iterator:
    """The loop that gan.py and dcgan.py share: G's turn, then D's on the same fakes."""
    criterion = nn.BCELoss()
    optimizer_g, optimizer_d = adam(generator), adam(discriminator)
    yield generator
    for real in batches:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        optimizer_g.zero_grad()
        fake = generator(numpy_normal(len(real), 100))
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        optimizer_g.step()
        optimizer_d.zero_grad()
        loss_real = criterion(discriminator(real), ones)
        loss_d = (loss_real + criterion(discriminator(fake.detach()), zeros)) / 2
        loss_d.backward()
        optimizer_d.step()
        yield loss_d.item(), loss_g.item()


def play_mlp_gan(batches: Iterator[Tensor]) -> Iterator:
    generator, discriminator = mlp_generator(), mlp_discriminator().append(nn.Sigmoid())
    yield from play_generator_first(generator, discriminator, batches)


def play_pytorch_gan_dcgan(batches: Iterator[Tensor]) -> Iterator:
    generator = nn.Sequential(
        nn.Linear(100, 128 * 8 * 8), nn.Unflatten(1, (128, 8, 8)),
        nn.BatchNorm2d(128), nn.Upsample(scale_factor=2), nn.Conv2d(128, 128, 3, 1, 1),
        nn.BatchNorm2d(128, 0.8), nn.LeakyReLU(0.2, inplace=True), nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 3, 1, 1), nn.BatchNorm2d(64, 0.8), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 1, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise((1, 16, 32, 64, 128)):
        layers += [
            nn.Conv2d(inputs, outputs, 3, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(0.25),
        ]
        if inputs > 1:
            layers.append(nn.BatchNorm2d(outputs, 0.8))
    discriminator = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 2 * 2, 1), nn.Sigmoid())
    generator.apply(normal_start)
    discriminator.apply(normal_start)
    yield from play_generator_first(generator, discriminator, batches)


def play_wgan_gp(batches: Iterator[Tensor]) -> Iterator:
    generator, critic = mlp_generator(), mlp_discriminator()
    optimizer_g, optimizer_d = adam(generator), adam(critic)
    yield generator
    for number, real in enumerate(batches):
        optimizer_d.zero_grad()
        z = numpy_normal(len(real), 100)
        fake = generator(z)
        value_real, value_fake = critic(real), critic(fake)
        mix = torch.tensor(np.random.random((len(real), 1, 1, 1)), dtype=torch.float32)
        between = (mix * real + (1 - mix) * fake.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss_d = -value_real.mean() + value_fake.mean() + 10 * penalty
        loss_d.backward()
        optimizer_d.step()
        optimizer_g.zero_grad()
        # Its count starts anew with every epoch of 938 batches.
        if number % 938 % 5 == 0:
            loss_g = -critic(generator(z)).mean()
            loss_g.backward()
            optimizer_g.step()
            yield loss_d.item(), loss_g.item()


# torchgan, Tutorial 1 -----------------------------------------------------------------------------


def play_torchgan_dcgan(batches: Iterator[Tensor]) -> Iterator:
    width, latent = 32, 100
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
    layers.append(nn.ConvTranspose2d(latent, 4 * width, 4, 1, 0, bias=False))
    for factor in (4, 2):
        layers += [nn.BatchNorm2d(factor * width), nn.LeakyReLU(0.2)]
        inputs, outputs = factor * width, factor * width // 2
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False))
    layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2), nn.ConvTranspose2d(width, 1, 4, 2, 1)]
    generator = nn.Sequential(*layers, nn.Tanh())
    for module in generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    layers = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for factor in (1, 2):
        convolution = nn.Conv2d(factor * width, factor * 2 * width, 4, 2, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(factor * 2 * width), nn.LeakyReLU(0.2)]
    last = nn.Conv2d(4 * width, 1, 4, 1, 0, bias=False)
    for module in (last, *layers):  # it builds and starts the last layer before the others
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    discriminator = nn.Sequential(*layers, last, nn.LeakyReLU(0.2), nn.Flatten(0))
    torch.randn(64, latent)  # its fixed noise
    optimizer_g, optimizer_d = adam(generator, 1e-4), adam(discriminator, 3e-4)
    yield generator
    for real in batches:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        optimizer_g.zero_grad()
        # Its trainer draws a full batch for G even where the last batch of an epoch is smaller.
        loss_g = 0.5 * mse_loss(discriminator(generator(torch.randn(64, latent))), torch.ones(64))
        loss_g.backward()
        optimizer_g.step()
        optimizer_d.zero_grad()
        z = torch.randn(len(real), latent)
        value_real = discriminator(real)
        value_fake = discriminator(generator(z).detach())
        loss_d = 0.5 * (mse_loss(value_real, ones) + mse_loss(value_fake, zeros))
        loss_d.backward()
        optimizer_d.step()
        yield loss_d.item(), loss_g.item()


_EXAMPLES = "pytorch/examples {} at 77f55b912142e11fcfdf5b530231fb9c52f181e8"
_PYTORCH_GAN = (
    "eriklindernoren/PyTorch-GAN implementations/{0}/{0}.py at "
    "36d3c77e5ff20ebe0aeefd322326a134a279b93e"
)
_TORCHGAN = (
    "torchgan/torchgan tutorials/Tutorial 1. Introduction to TorchGAN.ipynb (least squares) at "
    "fe86d7cf6cac9b6676aa43b56eabc6b4d583bbcf"
)
PEERS = {
    peer.name: peer
    for peer in (
        Peer("pytorch/examples dcgan", _EXAMPLES.format("dcgan/main.py"), 64, (100, 1, 1), False,
             play_examples_dcgan),
        Peer("PyTorch-GAN gan", _PYTORCH_GAN.format("gan"), 28, (100,), False, play_mlp_gan),
        Peer("PyTorch-GAN dcgan", _PYTORCH_GAN.format("dcgan"), 32, (100,), False,
             play_pytorch_gan_dcgan),
        Peer("PyTorch-GAN wgan_gp", _PYTORCH_GAN.format("wgan_gp"), 28, (100,), False,
             play_wgan_gp),
        Peer("torchgan dcgan", _TORCHGAN, 32, (100,), True, play_torchgan_dcgan),
    )
}  # fmt: skip


def resized(pixels: Tensor, size: int) -> Tensor:
    """uint8 (N, 1, S, S) → (N, 1, size, size), by Pillow as the projects' transforms do it."""
    if pixels.shape[-1] == size:
        return pixels
    pictures = [
        Image.fromarray(p).resize((size, size), Image.BILINEAR) for p in pixels[:, 0].numpy()
    ]
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))[:, None]


def shuffled_batches(pixels: Tensor, batch_size: int = 64) -> Iterator[Tensor]:
    """Batches in [-1, 1] for ever, in the order in which their DataLoader would give them."""
    order = torch.utils.data.DataLoader(
        range(len(pixels)), batch_size=batch_size, shuffle=True, collate_fn=torch.as_tensor
    )
    while True:
        for index in order:
            yield pixels[index].float().div(255).sub(0.5).div(0.5)
