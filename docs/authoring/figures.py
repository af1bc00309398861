"""Draw the README's figure from the shipped recordings: `make figures`."""

from __future__ import annotations

from pathlib import Path

import torch

from gan_course.data import generator_for, load_images
from gan_course.plots import image_grids
from gan_course.recordings import load_recording
from gan_course.training import sample

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"gan": "vanilla GAN", "progan": "ProGAN (norm loss)", "snovengan": "SnovenGAN"}
PICTURES = 48


def main() -> None:
    """Write docs/figures/three_gans.png: real images, then each GAN for the same latents."""
    grids = {"real images": load_images(split="validation", count=PICTURES).pixels}
    steps = set()
    for name, label in NAMES.items():
        run = load_recording(name)
        latents = torch.randn(
            PICTURES, run.config.latent_dim, generator=generator_for(0, "readme figure")
        )
        grids[label] = sample(run.average, latents)
        steps.add(int(run.history["step"][-1]))
    (count,) = steps  # one budget for all, or the figure would compare unequal things
    figure = image_grids(
        grids, title=f"Recorded runs, seed 0, {count:,} steps, the same {PICTURES} latents"
    )
    path = ROOT / "docs" / "figures" / "three_gans.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110, facecolor="white")
    print(f"Wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
