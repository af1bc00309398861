"""Networks at several sizes and channels: shapes, ranges, starts, and matched capacities."""

from __future__ import annotations

import pytest
import torch
from conftest import same_bits, small_config
from torch import nn

from gan_course.capacity import forward_flops, match_width, parameter_count
from gan_course.data import generator_for
from gan_course.errors import ConfigError
from gan_course.models import (
    DISCRIMINATOR_NORMS,
    DISCRIMINATORS,
    GENERATORS,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPGenerator,
    ResidualBlock,
    ResidualGenerator,
    initialise,
)
from gan_course.state import build_discriminator, build_generator

SIZES = (16, 17, 28, 30, 32, 64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", GENERATORS)
def test_generator_shapes_and_range(name, channels, size):
    config = small_config(generator=name, image_size=size, channels=channels, latent_dim=5)
    network = build_generator(config)
    assert network.latent_dim == 5
    images = network(3 * torch.randn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1 and images.isfinite().all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_gives_one_logit_an_image(name, channels, size):
    config = small_config(discriminator=name, image_size=size, channels=channels)
    logits = build_discriminator(config)(torch.rand(3, channels, size, size))
    assert logits.shape == (3,) and logits.isfinite().all()


@pytest.mark.parametrize("norm", DISCRIMINATOR_NORMS)
def test_discriminator_norms(norm):
    network = build_discriminator(small_config(discriminator_norm=norm))
    batch_norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert bool(batch_norms) == (norm == "batch")
    if norm == "spectral":
        network.train()
        for _ in range(30):  # power iterations
            network(torch.rand(2, 1, 16, 16))
        network.eval()
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                largest = torch.linalg.matrix_norm(module.weight.flatten(1), ord=2)
                assert largest.item() == pytest.approx(1, abs=0.05)


def test_discriminators_give_logits_not_probabilities():
    network = DCGANDiscriminator((1, 16, 16), 2)
    last = list(network.layers)[-1]
    assert isinstance(last, nn.Linear)
    assert not any(isinstance(module, nn.Sigmoid) for module in network.modules())


@pytest.mark.parametrize("blocks", [1, 3])
def test_without_shortcuts_only_the_projections_are_gone(blocks):
    settings = {"blocks_per_resolution": blocks}
    with_them = ResidualGenerator(5, (1, 28, 28), 4, **settings)
    without = ResidualGenerator(5, (1, 28, 28), 4, **settings, shortcuts=False)
    names, kept = dict(with_them.named_parameters()), dict(without.named_parameters())
    gone = set(names) - set(kept)
    assert gone and all(".project." in name for name in gone)
    assert not set(kept) - set(names)
    assert all(names[name].shape == kept[name].shape for name in kept)
    projected = sum(names[name].numel() for name in gone)
    assert parameter_count(with_them) - parameter_count(without) == projected


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 4), (4, 6), (6, 3)])
@pytest.mark.parametrize("upsample", [False, True])
def test_a_block_whose_last_convolution_is_zero_is_its_shortcut(inputs, outputs, upsample):
    block = ResidualBlock(inputs, outputs, upsample=upsample)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    x = torch.randn(2, inputs, 5, 5)
    expected = x
    if upsample:
        expected = expected.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    if inputs != outputs:
        weight, bias = block.project.weight[:, :, 0, 0], block.project.bias
        expected = torch.einsum("oi,nihw->nohw", weight, expected) + bias[None, :, None, None]
    else:
        assert isinstance(block.project, nn.Identity)
    torch.testing.assert_close(block(x), expected)


def test_a_block_without_shortcut_and_zero_convolution_is_silent():
    block = ResidualBlock(4, 4, upsample=False, shortcut=False)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    assert block(torch.randn(2, 4, 5, 5)).abs().sum() == 0


def test_blocks_per_resolution_is_depth():
    counts = [
        len(ResidualGenerator(5, (1, 28, 28), 2, blocks_per_resolution=n).blocks) for n in (1, 2, 4)
    ]
    assert counts == [2, 4, 8]


def test_initial_statistics():
    network = initialise(DCGANGenerator(64, (1, 28, 28), 16), generator_for(0, "test"))
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.ConvTranspose2d)) and module.weight.numel() > 5000:
            assert module.weight.mean().item() == pytest.approx(0, abs=0.001)
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.03)
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
            assert 0.005 < module.weight.std().item() < 0.04
        if getattr(module, "bias", None) is not None:
            assert not module.bias.any()


@pytest.mark.parametrize("name", GENERATORS)
def test_the_start_depends_on_the_seed_alone(name):
    config = small_config(generator=name)
    torch.manual_seed(1)
    first = build_generator(config).state_dict()
    torch.manual_seed(2)
    assert same_bits(dict(first), dict(build_generator(config).state_dict()))
    other = build_generator(small_config(generator=name, seed=1)).state_dict()
    assert not same_bits(dict(first), dict(other))


@pytest.mark.parametrize("norm", DISCRIMINATOR_NORMS)
def test_the_discriminators_start_depends_on_the_seed_alone(norm):
    config = small_config(discriminator_norm=norm)
    torch.manual_seed(1)
    first = build_discriminator(config).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same_bits(dict(first), dict(build_discriminator(config).state_dict()))
    if norm != "spectral":
        return
    assert torch.equal(state, torch.get_rng_state())


def test_batch_norm_has_its_usual_settings():
    """Its second positional argument is eps; a momentum given there has ruined published GANs."""
    for network in (
        DCGANGenerator(8, (1, 28, 28), 2),
        ResidualGenerator(8, (1, 28, 28), 2),
        DCGANDiscriminator((1, 28, 28), 2),
    ):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert (module.eps, module.momentum) == (1e-5, 0.1)


def residual(width: float, **settings) -> nn.Module:
    return ResidualGenerator(64, (1, 28, 28), width, **settings)


@pytest.mark.parametrize("blocks", [1, 2])
def test_match_width_meets_parameters(blocks):
    target = parameter_count(DCGANGenerator(64, (1, 28, 28), 16))

    def build(width):
        return residual(width, blocks_per_resolution=blocks)

    width = match_width(build, parameter_count, target)
    assert abs(parameter_count(build(width)) - target) <= 0.02 * target


def test_match_width_meets_operations():
    z = torch.zeros(1, 64)

    def operations(network):
        return forward_flops(network.eval(), z)

    def dcgan(width):
        return DCGANGenerator(64, (1, 28, 28), width)

    target = operations(residual(16))
    width = match_width(dcgan, operations, target)
    assert abs(operations(dcgan(width)) - target) <= 0.02 * target


def test_match_width_says_when_it_cannot():
    with pytest.raises(ConfigError, match="Choose a larger target or tolerance"):
        match_width(lambda width: residual(width, blocks_per_resolution=2), parameter_count, 700)


def test_counts_are_those_by_hand():
    network = MLPGenerator(3, (1, 16, 16), width=2)
    by_hand = (3 * 2 + 2) + (2 * 4 + 4) + (4 * 256 + 256)
    assert parameter_count(network) == by_hand
    multiplications = 3 * 2 + 2 * 4 + 4 * 256
    assert forward_flops(network, torch.zeros(5, 3)) == 5 * 2 * multiplications
