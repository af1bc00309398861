"""What the default DCGAN draws after 2 and after 5 minutes here: a figure and a JSON file.

python benchmarks/two_and_five_minutes.py [--seconds 120 300] [--seed 0]

The clock counts training only, in seconds on the wall with torch's
threads (OMP_NUM_THREADS=1 takes one): the time that this script
takes to sample and measure is left out, and so are loading the data and building the networks. One
run, so without a cooldown, which would belong to one end. The pictures are the averaged
generator's, the same latents at both moments; the figures are those of 5,000 samples against the
validation images.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from gan_course.acceleration import describe_machine
from gan_course.config import recipe
from gan_course.data import load_images
from gan_course.plots import image_grids
from gan_course.ruler import load_ruler
from gan_course.state import GANState
from gan_course.training import sample, train

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train until the last moment, then write the figure and the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[120, 300])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    images, ruler = load_images(), load_ruler()
    grids, rows, paused = {}, [], 0.0
    started = time.perf_counter()

    def look(state: GANState) -> None:
        nonlocal paused
        now = time.perf_counter()
        if now - started - paused >= arguments.seconds[len(rows)]:
            label = f"{arguments.seconds[len(rows)]:g} s, {state.step:,} steps"
            grids[label] = sample(state.average, 64)
            reading = ruler.measure(sample(state.average, 5000), source="averaged generator")
            row = {"seconds": arguments.seconds[len(rows)], "steps": state.step}
            rows.append(row | reading.to_dict())
            state.stop_requested = len(rows) == len(arguments.seconds)
            paused += time.perf_counter() - now

    config = recipe("gan", steps=10**6, seed=arguments.seed, cooldown=0)
    train(config, images=images, device="cpu", callbacks=[look], progress=False)
    threads = torch.get_num_threads()
    figure = image_grids(
        grids,
        title=f"The default GAN on {threads} CPU thread{'s' if threads > 1 else ''}, seed "
        f"{arguments.seed}, from scratch",
    )
    figure.savefig(ROOT / "docs/figures/two_and_five_minutes.png", dpi=110, facecolor="white")
    report = {"moments": rows, "machine": describe_machine(torch.device("cpu"))}
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (ROOT / "results/two_and_five_minutes.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
