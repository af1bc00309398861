"""Core-seconds to a given quality: our default beside the recipes that people would use instead.

python benchmarks/time_to_quality.py [--seconds 180] [--seeds 0 1 2] [--lane 1/1]
python benchmarks/time_to_quality.py --report       # the summary and the figure, from the rows

The clock is the process time of one thread, so core-seconds. On it: the steps, nothing else. Off
it: loading and resizing the data, building the networks, every look (drawing and measuring), and
for our arms the 3.5 s that tell how many steps, and so which cooldown, fit into 97 % of the budget.
The figure is fd_fmnist_cnn of 5,000 samples against the 10,000 test images. We draw from the
averaged generator in evaluation mode; the peers as their authors do when they save pictures, which
for four of them is training mode in batches of 64. Pictures of 32 and 64 pixels are brought to 28
with antialiasing first. Peers train on the 60,000 official training images as they publish it,
we on 55,000. One round is one seed of every arm, so arms alternate. Rows are appended as a run
ends; a run with the same settings and budget is not repeated.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from peers import PEERS, Peer, resized, shuffled_batches
from torch import Tensor, nn
from torchvision.transforms import v2

from gan_course.acceleration import describe_machine
from gan_course.config import recipe
from gan_course.data import generator_for, load_images, to_uint8
from gan_course.losses import ADVERSARIAL_LOSSES
from gan_course.ruler import Ruler, load_ruler
from gan_course.state import GANState
from gan_course.training import play_step, sample

ROWS = Path(__file__).resolve().parents[1] / "results" / "time_to_quality.jsonl"
LOOKS = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 22, 30, 45, 60, 90, 120, 150, 180)
PEER_LOOKS = (30, 60, 120, 180)  # drawing theirs takes many times as long
COUNT, FINAL_COUNT = 5000, 10_000
OURS = {"course: gan": "gan", "course: residual_gan": "residual_gan"}


class Clock:
    """Process time that is counted only while training."""

    def __init__(self):
        self.spent, self.steps = 0.0, 0

    def run(self, steps: Iterator, until: float) -> None:
        """Take steps until ``until`` core-seconds have been spent in all, or no step is left."""
        ended = object()
        while self.spent < until:
            started = time.process_time()
            if next(steps, ended) is ended:
                return
            self.spent += time.process_time() - started
            self.steps += 1


@torch.no_grad()
def peer_samples(peer: Peer, generator: nn.Module, count: int) -> Tensor:
    """uint8 (count, 1, 28, 28), drawn the way its authors do, from latents of their own."""
    generator.train(not peer.evaluation_mode)
    random = generator_for(0, "evaluation")
    whole = -(-count // 64) * 64  # a last batch of a few would have statistics of its own
    latents = torch.randn(whole, *peer.latent_shape, generator=random)
    images = torch.cat([generator(z) for z in latents.split(64)])[:count]
    generator.train()
    if images.shape[-1] != 28:
        images = v2.functional.resize(images, [28, 28], antialias=True).clamp(-1, 1)
    return to_uint8(images)


def our_steps(state: GANState, pixels: Tensor) -> Iterator:
    """The course's loop, step by step."""
    loss = ADVERSARIAL_LOSSES[state.config.loss]
    while state.step < state.config.steps:
        play_step(state, pixels, loss)
        yield


def our_state(name: str, seed: int, seconds: float, pixels: Tensor) -> GANState:
    """A fresh state whose ``steps``, and so whose cooldown, fit into the budget."""
    config = recipe(name, seed=seed, steps=10**6)
    steps, warm, clock = our_steps(GANState.create(config), pixels), Clock(), Clock()
    warm.run(steps, 0.5)
    clock.run(steps, 3.0)
    count = int(0.97 * seconds * clock.steps / clock.spent)
    return GANState.create(replace(config, steps=count))


def settings(arm: str) -> str:
    """What a row must share with a run to stand for it: our recipe, or the peer's source."""
    if arm not in OURS:
        return PEERS[arm].source
    return json.dumps(recipe(OURS[arm], steps=10**6).to_dict(), sort_keys=True)


def run(arm: str, seed: int, seconds: float, pixels: Tensor, ruler: Ruler) -> list[dict]:
    """Train one arm and measure it at every look."""
    if arm in OURS:
        state = our_state(OURS[arm], seed, seconds, pixels)
        steps = our_steps(state, pixels)

        def draw(count: int) -> Tensor:
            return to_uint8(sample(state.average, count))
    else:
        peer = PEERS[arm]
        np.random.seed(seed)
        torch.manual_seed(seed)
        everything = torch.cat([pixels, load_images(split="validation").pixels])
        steps = peer.play(shuffled_batches(resized(everything, peer.image_size)))
        generator = next(steps)

        def draw(count: int) -> Tensor:
            return peer_samples(peer, generator, count)

    processor = describe_machine(torch.device("cpu"))["processor"]
    clock, rows = Clock(), []
    planned = LOOKS if arm in OURS else PEER_LOOKS
    looks = [look for look in planned if look < seconds] + [seconds]
    for look in looks:
        clock.run(steps, look)
        row = {"arm": arm, "seed": seed, "budget": seconds, "look": look, "steps": clock.steps}
        row |= {"core_seconds": round(clock.spent, 2), "fd": ruler.distance(draw(COUNT))}
        row |= {"torch": str(torch.__version__), "processor": processor}
        row |= {"settings": settings(arm), "weights": ruler.weights[:12]}
        if look == seconds and arm in OURS:
            reading = ruler.measure(draw(FINAL_COUNT), source=arm).to_dict()
            row |= {"final": reading}
        rows.append(row)
    return rows


def read_rows(path: Path) -> list[dict]:
    """All rows so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def current_rows(path: Path) -> list[dict]:
    """The rows of today's recipe and of the peers as they are published."""
    return [row for row in read_rows(path) if row["settings"] == settings(row["arm"])]


def main() -> None:
    """Run what is missing, or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--lane", default="1/1", help="2/2: every second run, starting with no. 2")
    parser.add_argument("--output", type=Path, default=ROWS, help="the file of the rows")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        from time_to_quality_report import report

        report(current_rows(arguments.output))
        return
    torch.set_num_threads(1)
    pixels = load_images().pixels
    ruler = load_ruler(split="test")
    lane, lanes = map(int, arguments.lane.split("/"))
    jobs = [(arm, seed) for seed in arguments.seeds for arm in (*OURS, *PEERS)]
    jobs.sort(key=lambda job: job[0] == "course: residual_gan")  # the least needed come last
    keys = ("arm", "seed", "budget", "settings")
    done = {tuple(row[key] for key in keys) for row in read_rows(arguments.output)}
    for number, (arm, seed) in enumerate(jobs):
        if number % lanes != lane - 1 or ((arm, seed, arguments.seconds, settings(arm)) in done):
            continue
        rows = run(arm, seed, arguments.seconds, pixels, ruler)
        with arguments.output.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
