"""The classifier behind the ruler: what its features are, and that training it teaches it."""

from __future__ import annotations

import pytest
import torch
from conftest import same_bits, small_images

from gan_course import classifier as module
from gan_course.classifier import (
    FEATURES,
    Classifier,
    accuracy,
    features_and_logits,
    train_classifier,
)
from gan_course.data import Images, to_images
from gan_course.errors import ConfigError


def two_classes(count: int = 200, seed: int = 0, channels: int = 1) -> Images:
    """Stripes that stand upright against stripes that lie."""
    upright = small_images(count, seed=seed, channels=channels).pixels
    labels = torch.arange(count) % 2
    pixels = torch.where(labels.view(-1, 1, 1, 1) == 1, upright.transpose(2, 3), upright)
    return Images(pixels.contiguous(), labels, ("upright", "lying"), "stripes")


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return train_classifier(two_classes(), epochs=6, batch_size=25, progress=False)


def test_training_teaches_it(trained):
    unseen = two_classes(100, seed=1)
    assert accuracy(trained, unseen) > 0.95
    flipped = Images(unseen.pixels, 1 - unseen.labels, unseen.classes, unseen.name)
    assert accuracy(trained, flipped) == pytest.approx(1 - accuracy(trained, unseen))


def test_it_comes_back_ready_to_measure(trained):
    assert not trained.training
    assert not any(parameter.requires_grad for parameter in trained.parameters())


def test_the_same_seed_gives_the_same_bits_and_leaves_the_dice_alone(trained):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    again = train_classifier(two_classes(), epochs=6, batch_size=25, progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert same_bits(dict(again.state_dict()), dict(trained.state_dict()))
    other = train_classifier(two_classes(), epochs=1, batch_size=25, seed=1, progress=False)
    assert not same_bits(dict(other.state_dict()), dict(trained.state_dict()))


def test_progress_is_one_line_an_epoch(capsys):
    train_classifier(two_classes(60), epochs=2, batch_size=25, progress=True)
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
    ]


def test_features_are_what_the_head_reads(trained):
    """The last hidden layer before its ReLU: signed, and without it the logits follow by hand."""
    images = to_images(two_classes(40, seed=2).pixels)
    features, logits = features_and_logits(trained, images)
    assert features.shape == (40, FEATURES) and logits.shape == (40, 2)
    assert float(features.min()) < 0 < float(features.max())
    last = trained.head[-1]
    torch.testing.assert_close(features.relu() @ last.weight.T + last.bias, logits)
    torch.testing.assert_close(trained(images), logits)


def test_bytes_and_floats_are_one_image(trained):
    pixels = two_classes(30, seed=3).pixels
    assert same_bits(
        features_and_logits(trained, pixels), features_and_logits(trained, to_images(pixels))
    )


def test_the_other_images_of_a_pass_do_not_matter(trained, monkeypatch):
    """Dropout and batch statistics are off, whatever mode the classifier was left in."""
    pixels = two_classes(30, seed=4).pixels
    whole = features_and_logits(trained.train(), pixels)
    assert not trained.training
    monkeypatch.setattr(module, "CHUNK", 7)
    for pieces, together in zip(features_and_logits(trained, pixels), whole, strict=True):
        torch.testing.assert_close(pieces, together, rtol=1e-4, atol=1e-5)
    first = features_and_logits(trained, pixels[:1])
    torch.testing.assert_close(first[0], whole[0][:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 28, 33])
def test_any_size_and_colour(size, channels):
    network = Classifier((channels, size, size), 7, width=4)
    features, logits = features_and_logits(network, torch.zeros(2, channels, size, size))
    assert features.shape == (2, FEATURES) and logits.shape == (2, 7)


@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (4, 3, 16, 16), (4, 16, 16), (0, 1, 16, 16)])
def test_images_of_another_shape_are_refused_with_a_remedy(trained, shape):
    with pytest.raises(ConfigError, match=r"measures images of \(1, 16, 16\).*ruler --help"):
        features_and_logits(trained, torch.zeros(shape))


def test_one_class_is_nothing_to_tell_apart():
    with pytest.raises(ConfigError, match="2 classes or more"):
        train_classifier(small_images(), progress=False)


def test_too_few_images_are_refused():
    with pytest.raises(ConfigError, match="Lower batch_size or load more"):
        train_classifier(two_classes(20), batch_size=25, progress=False)
