"""What `train` costs over the same loop written by hand: python benchmarks/train_overhead.py

Both sides start from the same state, see the same batches, move the same average and end with the
same bits (checked). They run in turn, A B then B A, in one process; reported is the median of the
ratios pair by pair with the interval that holds it in 95 % of samples (order statistics). The clock
is process time of one thread, so that a busy machine disturbs it less. Left out of both clocks:
loading the data. On both: building the networks. On train's alone: the history, the check for NaN,
and the pictures saved at steps 0, 25, 50, 100, 200 and at the end.
"""

import argparse
import json
import statistics
import time

import torch
from scipy.stats import binom

from gan_course.acceleration import describe_machine, update_ema
from gan_course.config import TrainConfig, recipe
from gan_course.data import Images, load_images
from gan_course.losses import non_saturating as game
from gan_course.losses import norm_loss
from gan_course.state import GANState
from gan_course.training import batch, train


def by_hand(config: TrainConfig, images: Images) -> tuple[GANState, float]:
    """The plainest loop that does the same work: no history, no progress bar, no safety."""
    started = time.process_time()
    state = GANState.create(config)
    g, d = state.generator, state.discriminator
    for step in range(config.steps):
        real, z = batch(config, images.pixels, step)
        fake = g(z)
        loss_d = game.discriminator(d(real), d(fake.detach()))
        state.optimizer_d.zero_grad()
        loss_d.backward()
        state.optimizer_d.step()
        d.requires_grad_(False)
        loss_g = game.generator(d(fake)) + norm_loss(fake, real, state.lambda1, state.lambda2)
        state.optimizer_g.zero_grad()
        loss_g.backward()
        state.optimizer_g.step()
        d.requires_grad_(True)
        update_ema(state.average, g, state.ema_decay())
        state.step += 1
    return state, time.process_time() - started


def packaged(config: TrainConfig, images: Images) -> tuple[GANState, float]:
    """`train`, with its history, its check for NaN and its saved pictures."""
    started = time.process_time()
    state = train(config, images=images, device="cpu", progress=False)
    return state, time.process_time() - started


def median_interval(ratios: list[float]) -> tuple[float, float, float]:
    """Median and its 95 % interval from order statistics: no assumption about the noise."""
    ordered = sorted(ratios)
    low = int(binom.ppf(0.025, len(ordered), 0.5))
    return statistics.median(ordered), ordered[max(low - 1, 0)], ordered[-max(low, 1)]


def main() -> None:
    """Run the pairs and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=360, help="5 s or more a side")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = load_images("fashion-mnist")
    config = recipe("progan", steps=arguments.steps)
    sides = {"by hand": by_hand, "train": packaged}
    for side in sides.values():
        side(recipe("progan", steps=20), images)  # warm-up
    ratios, seconds = [], {name: [] for name in sides}
    for number in range(arguments.pairs):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        states = {}
        for name in order:
            states[name], elapsed = sides[name](config, images)
            seconds[name].append(elapsed)
        ratios.append(seconds["train"][-1] / seconds["by hand"][-1])
        weights = [state.generator.state_dict().values() for state in states.values()]
        assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True)), "different work"
    median, low, high = median_interval(ratios)
    report = {
        "what": "core-seconds of train / core-seconds of the same loop by hand",
        "median_ratio": round(median, 4),
        "interval_95": [round(low, 4), round(high, 4)],
        "pairs": arguments.pairs,
        "steps": arguments.steps,
        "median_seconds": {name: round(statistics.median(s), 2) for name, s in seconds.items()},
        "machine": describe_machine(torch.device("cpu")),
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
