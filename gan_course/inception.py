"""Inception FID, for comparison with published figures only; never mixed with the course's ruler.

The published protocol for Fashion-MNIST (arXiv 1711.10337): 10,000 samples against the 10,000 test
images, grey repeated to three channels, resized to Inception's 299 × 299 pixels.
"""

import torch
from torch import Tensor

from .data import to_uint8
from .errors import ConfigError

PROTOCOL_COUNT = 10_000
CHUNK = 100  # Inception's images are more than a hundred times as large as ours


@torch.no_grad()
def inception_fid(
    fake: Tensor,
    real: Tensor,
    *,
    weights: str | None = None,
    device: torch.device | str = "cpu",
) -> float:
    """The Fréchet distance on 2,048 Inception features, by torchmetrics.

    Args:
        fake, real: (N, 1 or 3, S, S) floats in [-1, 1] or uint8, both with N > 2,048. Figures
            compare with published ones at N = 10,000 each.
        weights: path of torch-fidelity's Inception weights; None lets it download them (90 MB).
        device: without a GPU this takes very long.

    Raises:
        ConfigError: if there are too few images for 2,048 features.
        OSError: if torch-fidelity or its weights cannot be had; the message says what to do.
    """
    if min(len(fake), len(real)) <= 2048:
        raise ConfigError(
            f"Inception FID needs more than 2,048 images on each side; got {len(fake)} and "
            f"{len(real)}. The published protocol takes {PROTOCOL_COUNT:,}."
        )
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance

        metric = FrechetInceptionDistance(2048, feature_extractor_weights_path=weights).to(device)
    except (ImportError, OSError, RuntimeError) as error:
        raise OSError(
            "Inception FID needs the package torch-fidelity and its Inception weights: once, with "
            "a network, run pip install -e '.[inception]' here, and call this with weights=None. "
            f"({str(error).splitlines()[0]})"
        ) from error
    metric.set_dtype(torch.float64)
    for images, is_real in ((real, True), (fake, False)):
        for chunk in images.split(CHUNK):
            pixels = chunk if chunk.dtype == torch.uint8 else to_uint8(chunk)
            pixels = pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels
            metric.update(pixels.to(device), real=is_real)
    return float(metric.compute())
