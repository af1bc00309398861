"""Images as one uint8 tensor, checked by hash and ready without a network."""

import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import v2

from .errors import ConfigError, check_choice
from .shipped import DATA_FOLDER, manifest, verify_shipped

_DATASETS: dict[str, Any] = {
    "fashion-mnist": torchvision.datasets.FashionMNIST,
    "mnist": torchvision.datasets.MNIST,
    "kmnist": torchvision.datasets.KMNIST,
    "cifar-10": torchvision.datasets.CIFAR10,
}
SPLITS = ("train", "validation", "test")
# The last images of the official training part: for choosing λ and recipes, never for verdicts.
VALIDATION_COUNT = 5000


@dataclass(frozen=True)
class Images:
    """A data set in memory.

    pixels: (N, C, H, W) uint8. labels: (N,) int64. classes: a name per label. name: for captions.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.pixels)


def to_images(pixels: Tensor) -> Tensor:
    """uint8 (N, C, H, W) in 0…255 → float32 in [-1, 1], the range of G's tanh."""
    if pixels.dtype != torch.uint8 or pixels.dim() != 4:
        raise ConfigError(
            f"pixels must be uint8 (N, C, H, W); got {pixels.dtype} {tuple(pixels.shape)}. "
            "data.load_images(...).pixels has that form."
        )
    return pixels.float().div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """float (N, C, H, W) in [-1, 1] → uint8, rounded; the inverse of ``to_images``."""
    if not images.is_floating_point() or images.dim() != 4:
        raise ConfigError(
            "images must be (N, C, H, W) floats in [-1, 1]; "
            f"got {images.dtype} {tuple(images.shape)}."
        )
    return images.detach().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def generator_for(seed: int, purpose: str, step: int = 0) -> torch.Generator:
    """A CPU random generator that depends on these three values and on nothing else.

    Initial weights, data order, z and evaluation each have their own purpose, so the arms of a
    comparison share all of them; and because a step's draws depend on its number only, a resumed
    run needs no saved generator to go on with the same bits.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


@lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=generator_for(seed, "data order", epoch))


def batch_indices(count: int, batch_size: int, seed: int, step: int) -> Tensor:
    """Which images step number ``step`` sees: (batch_size,) int64, each once an epoch, shuffled.

    The last, incomplete batch of an epoch is dropped. Raises ``ConfigError`` if there are fewer
    images than one batch holds.
    """
    if count < batch_size:
        raise ConfigError(
            f"a batch of {batch_size} needs at least as many images; there are {count}. "
            "Lower batch_size or load more images; in a shell: --set batch_size=16."
        )
    epoch, position = divmod(step, count // batch_size)
    order = _epoch_order(count, seed, epoch)
    return order[position * batch_size : (position + 1) * batch_size]


def _torchvision_part(name: str, train: bool) -> Any:
    """One official part of a torchvision data set: shipped, on disk, or downloaded."""
    shipped = [entry for entry in manifest() if name == "fashion-mnist" and "raw/" in entry]
    if not shipped:
        return _DATASETS[name](root=str(DATA_FOLDER), train=train, download=True)
    # torchvision unpacks beside the archives. Doing so in a folder of our own leaves the checkout
    # clean, works where it is read-only, and lets two lessons start at the same time.
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for entry in shipped:
            shutil.copyfile(verify_shipped(entry), raw / Path(entry).name)
        return _DATASETS[name](root=scratch, train=train, download=True)


@lru_cache(maxsize=2)
def _pixels_and_labels(name: str, train: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    try:
        dataset = _torchvision_part(name, train)
    except (ConfigError, FileNotFoundError):
        raise
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{name} is not on this disk and could not be downloaded. Connect to the network once, "
            f"copy its files into {DATA_FOLDER}, or use 'fashion-mnist', which ships with the "
            f"course. ({str(error).splitlines()[0]})"
        ) from error
    pixels = torch.as_tensor(np.asarray(dataset.data))
    pixels = pixels.unsqueeze(1) if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2).contiguous()
    return pixels, torch.as_tensor(dataset.targets).long(), tuple(dataset.classes)


def load_images(
    name: str = "fashion-mnist",
    split: str = "train",
    *,
    size: int | None = None,
    count: int | None = None,
    device: torch.device | str = "cpu",
) -> Images:
    """A data set as one uint8 tensor on ``device``.

    Args:
        name: "fashion-mnist" (ships with the course), "mnist", "kmnist" or "cifar-10" (downloaded
            once by torchvision).
        split: "train" and "validation" cut the official training part in two (the last 5,000
            images are validation); "test" is the official test part.
        size: resize to size × size pixels; None keeps the original size.
        count: only the first ``count`` images.

    Returns:
        ``Images`` with pixels (N, C, H, W) uint8.

    Raises:
        ConfigError: for an unknown name, split, size or count, or a damaged file.
        OSError: if the files are missing and cannot be downloaded; the message says what to do.
    """
    check_choice("data", name, _DATASETS)
    check_choice("split", split, SPLITS)
    pixels, labels, classes = _pixels_and_labels(name, train=split != "test")
    if split != "test":
        kept = slice(-VALIDATION_COUNT, None) if split == "validation" else slice(-VALIDATION_COUNT)
        pixels, labels = pixels[kept], labels[kept]
    if count is not None:
        if not 1 <= count <= len(pixels):
            raise ConfigError(f"count must be in 1…{len(pixels)} for {name} {split}; got {count}.")
        pixels, labels = pixels[:count], labels[:count]
    if size is not None and size != pixels.shape[-1]:
        if size < 16:
            raise ConfigError(f"size must be at least 16 pixels; got {size}.")
        pixels = v2.functional.resize(pixels, [size, size], antialias=True)
    return Images(pixels.to(device), labels.to(device), classes, name)


def _read_picture(path: Path, mode: str) -> Image.Image:
    with Image.open(path) as picture:
        # A telephone stores how it was held beside the pixels.
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits a pixel, which convert() would cut at 255
            picture = picture.point(lambda value: value * (1 / 256))
        return picture.convert(mode)


def load_folder(
    folder: str | Path, *, size: int = 32, channels: int = 3, device: torch.device | str = "cpu"
) -> Images:
    """Your own pictures: every image file below ``folder``, cut square and resized.

    Files that cannot be read as images are named on stderr and left out.

    Args:
        folder: sub-folders, if there are any, become the classes.
        size: pixels of the result, ≥ 16.
        channels: 1 makes them grey, 3 colour.

    Raises:
        ConfigError: if the folder is missing or holds no readable image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder. Give the folder that holds your pictures.")
    if channels not in (1, 3) or size < 16:
        raise ConfigError(f"channels must be 1 or 3 and size ≥ 16; got {channels} and {size}.")
    known = Image.registered_extensions()
    paths = sorted(p for p in root.rglob("*") if p.is_file() and p.suffix.lower() in known)
    pictures, parents, broken = [], [], []
    for path in paths:
        try:
            picture = _read_picture(path, "L" if channels == 1 else "RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
            broken.append(path.name)
            continue
        tensor = v2.functional.pil_to_tensor(picture)
        square = v2.functional.center_crop(tensor, [min(tensor.shape[-2:])] * 2)
        pictures.append(v2.functional.resize(square, [size, size], antialias=True))
        parents.append(path.parent.relative_to(root).as_posix())
    if broken:
        shown = ", ".join(broken[:5]) + (", …" if len(broken) > 5 else "")
        print(f"Left out {len(broken)} of {len(paths)} files: {shown}", file=sys.stderr)
    if not pictures:
        raise ConfigError(f"no readable picture below {root}. PNG and JPEG files are sure to work.")
    classes = tuple(sorted(set(parents)))
    labels = torch.tensor([classes.index(parent) for parent in parents])
    return Images(torch.stack(pictures).to(device), labels.to(device), classes, root.name)
