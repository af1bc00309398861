"""The peers' recipes are what their projects publish, and play as their own scripts did."""

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from benchmarks import peers
from gan_course.data import load_images

RECORDED = json.loads(
    (Path(__file__).resolve().parents[1] / "results" / "peer_losses.json").read_text("utf-8")
)
# Read off the projects' own classes: parameters of G and of D, the eps of every BatchNorm of G
# and then of D, the learning rates of G and of D.
PUBLISHED = {
    "pytorch/examples dcgan": (3_574_656, 2_763_520, [1e-5] * 7, 2e-4, 2e-4),
    "PyTorch-GAN gan": (1_510_032, 533_505, [0.8] * 3, 2e-4, 2e-4),
    "PyTorch-GAN dcgan": (1_049_985, 98_113, [1e-5, *[0.8] * 5], 2e-4, 2e-4),
    "PyTorch-GAN wgan_gp": (1_510_032, 533_505, [0.8] * 3, 2e-4, 2e-4),
    "torchgan dcgan": (369_601, 166_816, [1e-5] * 5, 1e-4, 3e-4),
}
CHEAP = ("PyTorch-GAN gan", "PyTorch-GAN wgan_gp", "torchgan dcgan")
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def test_every_peer_is_published_and_recorded():
    assert set(peers.PEERS) == set(PUBLISHED) == set(RECORDED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_nets_and_optimizers_are_as_published(name, monkeypatch):
    """One iteration on two images: sizes, parameters, eps, Adam, and that both players move."""
    made = []

    def noted(network: nn.Module, *rest: float) -> torch.optim.Adam:
        made.append((network, adam(network, *rest)))
        return made[-1][1]

    adam = peers.adam
    monkeypatch.setattr(peers, "adam", noted)
    peer = peers.PEERS[name]
    torch.manual_seed(0)
    np.random.seed(0)
    real = torch.rand(2, 1, peer.image_size, peer.image_size) * 2 - 1
    game = peer.play(itertools.repeat(real))
    generator = next(game)
    (discriminator, optimizer_d), (_, optimizer_g) = sorted(made, key=lambda m: m[0] is generator)
    in_g, in_d, every_eps, lr_g, lr_d = PUBLISHED[name]
    for network, count in ((generator, in_g), (discriminator, in_d)):
        assert sum(parameter.numel() for parameter in network.parameters()) == count
    modules = itertools.chain(generator.modules(), discriminator.modules())
    assert [module.eps for module in modules if isinstance(module, BATCH_NORMS)] == every_eps
    for optimizer, learning_rate in ((optimizer_g, lr_g), (optimizer_d, lr_d)):
        assert optimizer.defaults["lr"] == learning_rate
        assert optimizer.defaults["betas"] == (0.5, 0.999)
    before = [next(network.parameters()).clone() for network in (generator, discriminator)]
    assert all(math.isfinite(loss) for loss in next(game))
    for network, parameter in zip((generator, discriminator), before, strict=True):
        assert not torch.equal(next(network.parameters()), parameter)
    images = generator(torch.randn(2, *peer.latent_shape))
    assert images.shape == (2, 1, peer.image_size, peer.image_size)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_recorded_losses_agree_to_the_last_printed_digit(name):
    recorded = RECORDED[name]
    assert recorded["source"] == peers.PEERS[name].source
    assert re.search(r"\b[0-9a-f]{40}$", recorded["source"]), "no commit"
    own, ours = np.array(recorded["own_script"]), np.array(recorded["ours"])
    assert own.shape == ours.shape == (20, 2)
    digits = 4 if name.startswith("pytorch/examples") else 6  # what the script prints
    assert np.array_equal(own, own.round(digits))
    assert np.abs(own - ours).max() <= 0.51 * 10**-digits + 1e-6
    assert recorded["largest_difference"] <= 0.51 * 10**-digits


class ResizedWhenAsked:
    """Pixels at another size: only those that a batch wants are resized."""

    def __init__(self, pixels: torch.Tensor, size: int):
        self.pixels, self.size = pixels, size

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return peers.resized(self.pixels[index], self.size)


@pytest.mark.parametrize("name", CHEAP)
def test_first_losses_come_out_as_recorded(name):
    """From the same seed, on the 60,000 images of the official training part."""
    pixels = torch.cat([load_images(split=part).pixels for part in ("train", "validation")])
    pixels = ResizedWhenAsked(pixels, peers.PEERS[name].image_size)
    np.random.seed(RECORDED[name]["seed"])
    torch.manual_seed(RECORDED[name]["seed"])
    game = peers.PEERS[name].play(peers.shuffled_batches(pixels))
    next(game)
    found = list(itertools.islice(game, 3))
    # Another processor rounds in another order; a wrong draw or a wrong label differs by far more.
    assert np.allclose(found, RECORDED[name]["own_script"][:3], rtol=1e-3, atol=1e-3)


def test_batches_are_those_of_the_projects():
    """Shuffled, an epoch's last batch kept, in [-1, 1], and resized by Pillow on 8-bit pixels."""
    pixels = load_images(count=70).pixels
    batches = peers.shuffled_batches(pixels)
    first, last, again = next(batches), next(batches), next(batches)
    assert [len(part) for part in (first, last, again)] == [64, 6, 64]
    seen = torch.cat([first, last]).flatten(1).sum(1).sort().values
    assert torch.allclose(seen, (pixels.float() / 127.5 - 1).flatten(1).sum(1).sort().values)
    assert not torch.equal(first, again)
    assert first.min() == -1 and first.max() == 1
    theirs = transforms.Resize(64)(Image.fromarray(pixels[0, 0].numpy()))
    assert np.array_equal(peers.resized(pixels[:1], 64)[0, 0].numpy(), np.asarray(theirs))


def test_the_critic_plays_five_times_for_each_turn_of_the_generator():
    """wgan_gp: G moves on batches 0, 5, 10, …, and the count starts anew after 938 batches."""
    drawn = 0

    def batches():
        nonlocal drawn
        while True:
            drawn += 1
            yield torch.zeros(2, 1, 28, 28)

    game = peers.PEERS["PyTorch-GAN wgan_gp"].play(batches())
    next(game)
    turns = [(next(game), drawn)[1] for _ in range(4)]
    assert turns == [1, 6, 11, 16]
