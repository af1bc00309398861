"""Images: exact conversions, checked files, fair batches, and folders of any pictures."""

from __future__ import annotations

import gzip
import itertools
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_course import data, shipped
from gan_course.data import (
    VALIDATION_COUNT,
    batch_indices,
    generator_for,
    load_folder,
    load_images,
    to_images,
    to_uint8,
)
from gan_course.errors import ConfigError
from gan_course.shipped import verify_shipped
from gan_course.toys import TOYS, toy_points

ROOT = Path(__file__).resolve().parents[1]


def test_every_byte_survives_the_way_to_floats_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    images = to_images(pixels)
    assert images.dtype == torch.float32
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    assert torch.equal(to_uint8(images), pixels)
    np.testing.assert_allclose(images.flatten(), np.arange(256) / 127.5 - 1, atol=1e-6)


def test_to_uint8_rounds_and_clamps():
    images = torch.tensor([-9.0, -1.0, -0.001, 0.001, 1.0, 9.0]).view(1, 1, 1, 6)
    assert to_uint8(images).flatten().tolist() == [0, 0, 127, 128, 255, 255]


def test_converting_leaves_the_input_alone():
    pixels = torch.full((1, 1, 16, 16), 9, dtype=torch.uint8)
    images = to_images(pixels)
    to_images(pixels).add_(1)
    to_uint8(images)
    assert (pixels == 9).all() and torch.equal(images, to_images(pixels))


@pytest.mark.parametrize(
    ("split", "count"), [("train", 55_000), ("validation", VALIDATION_COUNT), ("test", 10_000)]
)
def test_fashion_mnist_splits(split, count):
    images = load_images("fashion-mnist", split)
    assert images.pixels.shape == (count, 1, 28, 28) and images.pixels.dtype == torch.uint8
    assert images.labels.shape == (count,) and images.labels.dtype == torch.int64
    assert len(images) == count and len(images.classes) == 10
    assert set(images.labels.tolist()) == set(range(10))


def test_the_files_are_read_as_their_format_says():
    """The same bytes, unpacked by hand."""
    raw = ROOT / "data/FashionMNIST/raw"
    with gzip.open(raw / "t10k-images-idx3-ubyte.gz") as file:
        magic, count, height, width = struct.unpack(">4i", file.read(16))
        pixels = np.frombuffer(file.read(), dtype=np.uint8).reshape(count, 1, height, width)
    with gzip.open(raw / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], dtype=np.uint8)
    images = load_images(split="test")
    assert magic == 2051 and np.array_equal(images.pixels.numpy(), pixels)
    assert np.array_equal(images.labels.numpy(), labels)


def test_train_and_validation_are_the_two_ends_of_one_file():
    train, validation = load_images(), load_images(split="validation")
    everything, labels, _ = data._pixels_and_labels("fashion-mnist", True)
    assert torch.equal(torch.cat([train.pixels, validation.pixels]), everything)
    assert torch.equal(torch.cat([train.labels, validation.labels]), labels)


def test_count_and_size():
    images = load_images(split="test", count=7, size=32)
    assert images.pixels.shape == (7, 1, 32, 32) and len(images.labels) == 7
    same = load_images(split="test", count=7, size=28)
    assert torch.equal(same.pixels, load_images(split="test").pixels[:7])
    assert (images.pixels.float().mean() - same.pixels.float().mean()).abs() < 3


@pytest.fixture
def copied_data(tmp_path, monkeypatch):
    """A private copy of the shipped data, read instead of the course's."""
    folder = Path(shutil.copytree(ROOT / "data", tmp_path / "data"))
    monkeypatch.setattr(shipped, "DATA_FOLDER", folder)
    monkeypatch.setattr(data, "DATA_FOLDER", folder)
    shipped.manifest.cache_clear()
    kept = data._pixels_and_labels
    monkeypatch.setattr(data, "_pixels_and_labels", kept.__wrapped__)  # nothing from its cache
    yield folder
    shipped.manifest.cache_clear()


NAME = "FashionMNIST/raw/t10k-images-idx3-ubyte.gz"


def test_a_flipped_byte_is_named_with_its_remedy(copied_data):
    path = copied_data / NAME
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for read in (lambda: verify_shipped(NAME), lambda: load_images(split="test")):
        with pytest.raises(ConfigError) as caught:
            read()
        assert "is damaged" in str(caught.value)
        assert f"git checkout -- data/{NAME}" in str(caught.value)


def test_a_missing_file_is_named_with_its_remedy(copied_data):
    (copied_data / NAME).unlink()
    for read in (lambda: verify_shipped(NAME), lambda: load_images(split="test")):
        with pytest.raises(FileNotFoundError, match="git checkout -- data/"):
            read()


def test_a_damaged_manifest_is_named_with_its_remedy(copied_data):
    (copied_data / "manifest.json").write_text("{")
    with pytest.raises(ConfigError, match="git checkout -- data/manifest.json"):
        verify_shipped(NAME)


def test_a_name_that_does_not_ship_is_refused_with_those_that_do(copied_data):
    with pytest.raises(FileNotFoundError, match="t10k-labels"):
        verify_shipped("recordings/nothing.pt")


def test_without_files_and_network_the_message_says_what_to_do(monkeypatch):
    def no_network(name, train):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried ...")

    monkeypatch.setattr(data, "_torchvision_part", no_network)
    with pytest.raises(OSError, match="use 'fashion-mnist', which ships") as caught:
        data._pixels_and_labels.__wrapped__("kmnist", True)
    assert "\n" not in str(caught.value)


def test_loading_leaves_the_data_folder_as_it_was(copied_data):
    before = {path: path.stat().st_mtime_ns for path in copied_data.rglob("*")}
    load_images(split="test")
    assert {path: path.stat().st_mtime_ns for path in copied_data.rglob("*")} == before


def test_two_programs_load_at_once():
    code = "from gan_course.data import load_images; print(len(load_images(split='test')))"
    command = [sys.executable, "-c", code]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [child.communicate(timeout=120)[0].strip() for child in both] == ["10000", "10000"]


@pytest.mark.parametrize(("count", "size"), [(100, 16), (96, 16), (64, 64), (65, 2)])
def test_an_epoch_covers_every_image_once(count, size):
    steps = count // size
    for epoch in range(3):
        seen = torch.cat(
            [batch_indices(count, size, 5, epoch * steps + position) for position in range(steps)]
        )
        assert len(seen) == steps * size == len(set(seen.tolist()))
        assert int(seen.min()) >= 0 and int(seen.max()) < count


def test_epochs_and_seeds_have_their_own_order():
    orders = [
        tuple(torch.cat([batch_indices(64, 16, seed, 4 * epoch + i) for i in range(4)]).tolist())
        for seed, epoch in itertools.product((0, 1), (0, 1))
    ]
    assert len(set(orders)) == 4


def test_generators_depend_on_their_three_values_and_on_nothing_else():
    def first(*key):
        return float(torch.rand((), generator=generator_for(*key), dtype=torch.float64))

    torch.manual_seed(1)
    before = first(3, "z", 7)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert first(3, "z", 7) == before
    assert torch.equal(state, torch.get_rng_state())
    keys = list(itertools.product(range(5), ("z", "data order", "evaluation"), range(20)))
    assert len({first(*key) for key in keys}) == len(keys)


def test_streams_of_neighbouring_steps_are_unrelated():
    draws = torch.stack([torch.randn(64, generator=generator_for(0, "z", i)) for i in range(200)])
    correlation = torch.corrcoef(draws).fill_diagonal_(0)
    assert correlation.abs().max() < 0.6 and abs(float(draws.mean())) < 0.03


def picture(mode: str, size=(40, 24)) -> Image.Image:
    """Left half dark, right half bright."""
    values = np.full((size[1], size[0]), 30, np.uint8)
    values[:, size[0] // 2 :] = 220
    return Image.fromarray(values).convert(mode)


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir(parents=True)
    picture("L").save(folder / "cats" / "grey.png")
    picture("RGB").save(folder / "cats" / "colour.jpg")
    picture("RGBA").save(folder / "cats" / "alpha.png")
    picture("P").save(folder / "dogs" / "palette.gif")
    picture("1").save(folder / "dogs" / "two_colours.png")
    picture("LA").save(folder / "dogs" / "grey_alpha.png")
    Image.fromarray(np.asarray(picture("L")).astype(np.uint16) * 257).save(
        folder / "dogs" / "sixteen_bits.png"
    )
    return folder


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 33])
def test_a_folder_of_any_pictures(pictures, channels, size):
    images = load_folder(pictures, size=size, channels=channels)
    assert images.pixels.shape == (7, channels, size, size)
    assert images.pixels.dtype == torch.uint8 and images.name == "pictures"
    assert images.classes == ("cats", "dogs")
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    left, right = images.pixels[..., 0].float(), images.pixels[..., -1].float()
    assert (right.mean(dim=(1, 2)) - left.mean(dim=(1, 2)) > 100).all()


def test_sixteen_bit_pictures_keep_their_greys(pictures):
    images = load_folder(pictures / "dogs", size=24, channels=1)
    sixteen = images.pixels[2]  # grey_alpha, palette, sixteen_bits, two_colours
    assert abs(float(sixteen[..., 0].float().mean()) - 30) < 3
    assert abs(float(sixteen[..., -1].float().mean()) - 220) < 3


def test_a_telephone_picture_stands_upright(tmp_path):
    held = Image.new("L", (40, 40), 0)
    held.paste(255, (0, 0, 40, 10))  # bright at the top of the stored pixels
    exif = held.getexif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it right
    held.save(tmp_path / "phone.png", exif=exif)
    pixels = load_folder(tmp_path, size=40, channels=1).pixels[0, 0]
    assert pixels[:, -1].float().mean() > 200 > 50 > pixels[:, 0].float().mean()


def test_broken_files_are_named_counted_and_left_out(pictures, capsys):
    whole = (pictures / "cats" / "colour.jpg").read_bytes()
    (pictures / "cats" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (pictures / "cats" / "text.png").write_text("I am not a picture")
    (pictures / "cats" / "empty.png").write_bytes(b"")
    corrupt = bytearray((pictures / "cats" / "alpha.png").read_bytes())
    corrupt[40:60] = b"\0" * 20
    (pictures / "cats" / "corrupt.png").write_bytes(corrupt)
    (pictures / "cats" / "notes.txt").write_text("left alone in silence")
    images = load_folder(pictures, size=16)
    said = capsys.readouterr().err
    assert len(images) == 7 and "Left out 4 of 11 files" in said
    for name in ("cut.jpg", "text.png", "empty.png", "corrupt.png"):
        assert name in said
    assert "notes.txt" not in said


def test_a_folder_without_sub_folders_is_one_class(tmp_path):
    for i in range(3):
        picture("L").save(tmp_path / f"{i}.png")
    images = load_folder(tmp_path, size=16, channels=1)
    assert len(images.classes) == 1 and images.labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", TOYS)
def test_toys_are_points_on_a_plane(name):
    points = toy_points(name, 3000, generator_for(0, "toy"))
    assert points.shape == (3000, 2) and points.dtype == torch.float32
    assert points.abs().max() < 2 and points.abs().mean() > 0.2
    again = toy_points(name, 3000, generator_for(0, "toy"))
    assert torch.equal(points, again)
    assert points.mean(0).abs().max() < 0.1  # centred


def test_toys_have_the_shape_of_their_name():
    ring = toy_points("ring", 500, generator_for(0, "toy"))
    torch.testing.assert_close(ring.norm(dim=1), torch.ones(500))
    angles = torch.arange(8) * (2 * torch.pi / 8)
    centres = torch.stack([angles.cos(), angles.sin()], dim=1)
    nearest = torch.cdist(toy_points("gaussians", 4000, generator_for(0, "toy")), centres).min(1)
    counts = torch.bincount(nearest.indices, minlength=8)
    assert counts.min() > 400 and nearest.values.max() < 0.35
    regions = toy_points("regions", 1000, generator_for(0, "toy"))
    assert ((regions[:, 0].abs() >= 0.5) & (regions[:, 1].abs() <= 0.5)).all()
