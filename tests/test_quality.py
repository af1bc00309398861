"""Training really learns: three seeds, real images, and a ruler that a broken game fails."""

from __future__ import annotations

import pytest
import torch
from conftest import PLAIN

from gan_course.config import TrainConfig, recipe
from gan_course.data import load_images, to_images
from gan_course.losses import ADVERSARIAL_LOSSES
from gan_course.metrics import PrincipalComponents, frechet_distance
from gan_course.state import GANState
from gan_course.training import sample, train

SEEDS = (0, 1, 2)
# Of the distance of an untrained generator: healthy runs leave a fifth, one blurred image 58 %.
ENOUGH = 0.4


def gate_config(seed: int, name: str = "gan", **changes) -> TrainConfig:
    """A second of training on one core; its own numbers, whatever the recipes become."""
    settings = PLAIN | {
        "image_size": 16,
        "latent_dim": 32,
        "generator_width": 4,
        "discriminator_width": 4,
        "batch_size": 32,
        "steps": 200,
        "record_every": 50,
        "ema_decay": 0.98,
        "lr_g": 1e-3,
        "lr_d": 1e-3,
        "beta2": 0.99,
        "seed": seed,
    }
    if name in ("progan", "snovengan"):
        settings |= {"lambda1": 0.002, "lambda2": 0.02}
    return recipe(name, **settings | changes)


@pytest.fixture(scope="module")
def world():
    """3,000 real images of 16 × 16 pixels, and how far 1,000 samples are from them."""
    images = load_images(count=3000, size=16)
    ruler = PrincipalComponents.fit(to_images(images.pixels))
    real = ruler.features(to_images(images.pixels))

    def distance(pictures: torch.Tensor) -> float:
        return frechet_distance(ruler.features(pictures), real)

    return images, distance


def share_left(config: TrainConfig, world) -> float:
    """The distance after training, as a share of that before."""
    images, distance = world
    before = distance(sample(GANState.create(config).average, 1000))
    state = train(config, images=images, progress=False)
    return distance(sample(state.average, 1000)) / before


@pytest.mark.parametrize(
    ("name", "seed"),
    [*(("gan", seed) for seed in SEEDS), *(("snovengan", seed) for seed in SEEDS), ("progan", 0)],
)
def test_a_gan_learns(name, seed, world):
    assert share_left(gate_config(seed, name), world) < ENOUGH


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_flipped_sign_fails_the_gate(player, seed, world, monkeypatch):
    healthy = ADVERSARIAL_LOSSES["non_saturating"]
    right = getattr(healthy, player)
    flipped = healthy._replace(**{player: lambda *logits: -right(*logits)})
    monkeypatch.setitem(ADVERSARIAL_LOSSES, "non_saturating", flipped)
    assert share_left(gate_config(seed, steps=100), world) > ENOUGH


@pytest.mark.parametrize("loss", ["minimax", "least_squares", "hinge"])
def test_the_other_games_learn_too(loss, world):
    assert share_left(gate_config(0, loss=loss), world) < ENOUGH


def test_the_gate_is_below_what_one_blurred_image_reaches(world):
    images, distance = world
    real = to_images(images.pixels)
    blur = real.median(dim=0).values.expand(1000, -1, -1, -1)
    untrained = distance(sample(GANState.create(gate_config(0)).average, 1000))
    assert distance(blur) / untrained > ENOUGH + 0.1
    assert distance(real[:1000]) / untrained < 0.02
