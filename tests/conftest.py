"""What the package's tests share: one thread, no windows, worlds that train in a blink."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# For nets this small one thread is the fastest, and on a busy machine ten times faster than two
# that wait for each other. The programs that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
scratch = tempfile.mkdtemp(prefix="hypothesis-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
os.environ.pop("GAN_COURSE_PRESET", None)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

from gan_course.config import TrainConfig, recipe  # noqa: E402
from gan_course.data import Images  # noqa: E402

torch.set_num_threads(1)
# The same examples at every run, however busy the machine is.
settings.register_profile("course", derandomize=True, database=None, deadline=None)
settings.load_profile("course")


# What a recipe may add to the plain game; tests that want it say so, whatever the recipes become.
PLAIN = {
    "loss": "non_saturating",
    "discriminator_norm": "batch",
    "initialisation": "dcgan",
    "r1_weight": 0.0,
    "discriminator_steps": 1,
    "cooldown": 0.0,
    "ema_decay": 0.995,
}


def small_config(name: str = "snovengan", **changes) -> TrainConfig:
    """A recipe on 16 × 16 pixels whose step takes a few milliseconds."""
    settings = PLAIN | {
        "data": "stripes",
        "image_size": 16,
        "latent_dim": 8,
        "batch_size": 16,
        "generator_width": 2,
        "discriminator_width": 2,
        "steps": 12,
        "record_every": 3,
        "checkpoint_every": 4,
    }
    if name in ("progan", "snovengan"):  # own numbers, whatever the recipes become
        settings |= {"lambda1": 0.002, "lambda2": 0.02}
    return recipe(name, **settings | changes)


def small_images(count: int = 100, size: int = 16, channels: int = 1, seed: int = 0) -> Images:
    """Bright stripes of random place and width, so that there is something to learn."""
    random = torch.Generator().manual_seed(seed)
    left = torch.randint(0, size // 2, (count, 1), generator=random)
    width = torch.randint(2, size // 2, (count, 1), generator=random)
    columns = torch.arange(size)[None]
    inside = (columns >= left) & (columns < left + width)
    pixels = (inside[:, None, None, :] * 200 + 20).to(torch.uint8)
    pixels = pixels.expand(count, channels, size, size).contiguous()
    return Images(pixels, torch.zeros(count, dtype=torch.int64), ("stripe",), "stripes")


def same_bits(a, b) -> bool:
    """Whether two tensors, numbers, or nests of them are equal to the bit (NaN equals NaN)."""
    if isinstance(a, torch.Tensor):
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and torch.equal(
                a.detach().contiguous().view(-1).view(torch.uint8) if a.numel() else a,
                b.detach().contiguous().view(-1).view(torch.uint8) if b.numel() else b,
            )
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_bits(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same_bits(x, y) for x, y in zip(a, b, strict=True))
    return a == b or (a != a and b != b)


@pytest.fixture
def images() -> Images:
    return small_images()
