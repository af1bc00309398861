"""Inception FID: everything but the weights, which no test downloads."""

import pytest
import torch
from torch import nn
from torchmetrics.image import fid

from gan_course.data import to_uint8
from gan_course.errors import ConfigError
from gan_course.inception import inception_fid
from gan_course.metrics import frechet_distance


class ThreeNumbers(nn.Module):
    """Stands in for Inception: the mean of each third of an image's rows, over all colours."""

    num_features = 3

    def forward(self, pixels):
        assert pixels.dtype == torch.uint8 and pixels.shape[1] == 3
        return pixels.double().mean(dim=(1, 3)).unflatten(1, (3, -1)).mean(2)


@pytest.fixture
def stand_in(monkeypatch):
    asked = []

    def build(features, **options):
        asked.append((features, options))
        return original(ThreeNumbers())

    original = fid.FrechetInceptionDistance
    monkeypatch.setattr(fid, "FrechetInceptionDistance", build)
    return asked


def pictures(seed, scale, count=2100):
    random = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(count, 1, 18, 18, generator=random)).clamp(-1, 1)


def test_it_is_the_frechet_distance_of_2048_features_of_grey_repeated_thrice(stand_in):
    fake, real = pictures(0, 0.5), pictures(1, 0.3)
    expected = frechet_distance(*(
        ThreeNumbers()(to_uint8(images).expand(-1, 3, -1, -1)) for images in (fake, real)
    ))  # fmt: skip
    assert inception_fid(fake, real, weights="a.pth") == pytest.approx(expected, rel=1e-6)
    assert inception_fid(to_uint8(fake), real) == pytest.approx(expected, rel=1e-6)
    assert stand_in[0] == (2048, {"feature_extractor_weights_path": "a.pth"})
    assert stand_in[1] == (2048, {"feature_extractor_weights_path": None})


def test_too_few_images_and_missing_weights_are_sentences():
    few = torch.zeros(2048, 1, 28, 28)
    with pytest.raises(ConfigError, match="more than 2,048 images"):
        inception_fid(few, few)
    many = torch.zeros(2049, 1, 28, 28)
    with pytest.raises(OSError, match="pip install -e '.\\[inception\\]'"):
        inception_fid(many, many, weights="no such file.pth")
