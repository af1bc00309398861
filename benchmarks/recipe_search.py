"""Search the laptop recipe in the open: results/recipe_search.csv.

python benchmarks/recipe_search.py first --lane 1/2    # every candidate, both nets, one seed
python benchmarks/recipe_search.py second --lane 1/2   # the best and their combinations, longer
python benchmarks/recipe_search.py third --lane 1/2    # three more, on one of these
python benchmarks/recipe_search.py table               # the order, best first

The rules. Every candidate is tried on the plain and on the residual generator with λ = 0, so both
get one budget. The clock is core-seconds of training (process time of one thread; drawing and
measuring are left out); the steps are what the budget buys, estimated from 60 timed steps of the
same candidate. The figure is fd_fmnist_cnn of 5,000 samples of the averaged generator against the
validation images, which the ruler's classifier never saw. Candidates are ordered by the mean over
both nets of log fd. The second round takes the best two, and the best combined with each of the
next two that change it, on two other seeds and for twice as long; a third tries three more. Of
those within 5 % of the lowest mean, which is less than two seeds of one candidate differ, the
simplest becomes the recipe: constant learning rates, and the smaller ones, since a run without a
cooldown can be extended. results/time_to_quality.json has its figures on fresh seeds. Rows are
appended as they come; a row that is there is not run again. (The list of the first round stood
before its first run. The length of the second was set while the first ran, the third was added
while the second ran, the 5 % were decided when all figures were in, and other work shared the
machine, so budgets hold to some per cent.)
"""

import argparse
import csv
import json
import math
import time
from collections import defaultdict
from pathlib import Path

import torch

from gan_course.config import RESIDUAL_WIDTH, TrainConfig, recipe
from gan_course.data import load_images
from gan_course.losses import ADVERSARIAL_LOSSES
from gan_course.neighbours import manifold_metrics
from gan_course.ruler import load_ruler
from gan_course.state import GANState
from gan_course.training import play_step, sample

OUTPUT = Path(__file__).resolve().parents[1] / "results" / "recipe_search.csv"
COLUMNS = (
    "round", "recipe", "change", "seed", "budget_core_seconds", "core_seconds", "steps",
    "fd_half_way", "fd", "fd_last_generator", "precision", "recall", "coverage",
)  # fmt: skip
RECIPES = ("gan", "residual_gan")
ROUNDS = {
    "first": ((100,), 45.0),
    "second": ((101, 102), 90.0),
    "third": ((101,), 90.0),
}  # seeds, core-seconds
# What every candidate starts from: the previous default with a cooldown. "width" is the plain
# generator's; the residual one has its half.
START = {
    "lr_g": 1e-3, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.99, "batch_size": 64, "ema_decay": 0.995,
    "cooldown": 0.5, "width": 16, "discriminator_width": 16, "discriminator_norm": "batch",
}  # fmt: skip
CANDIDATES: list[dict] = [
    {},
    {"cooldown": 0.0},
    {"lr_g": 2e-4, "lr_d": 2e-4, "beta2": 0.999, "cooldown": 0.0},  # the article's optimizer
    {"lr_d": 5e-4},
    {"lr_g": 2e-3, "lr_d": 5e-4},
    {"lr_g": 2e-3},
    {"beta1": 0.0},
    {"batch_size": 32},
    {"batch_size": 128, "lr_g": 2e-3, "lr_d": 4e-4},
    {"width": 32},
    {"discriminator_width": 32},
    {"width": 8},
    {"width": 32, "discriminator_width": 32},
    {"discriminator_norm": "spectral", "lr_d": 1e-3},
    {"discriminator_norm": "spectral", "lr_d": 4e-4, "discriminator_width": 32},
    {"discriminator_norm": "none", "lr_d": 5e-4},
    {"discriminator_norm": "none", "lr_d": 5e-4, "r1_weight": 0.01},
    {"discriminator_norm": "none", "lr_d": 1e-3, "r1_weight": 0.1},
    {"r1_weight": 0.01},
    {"loss": "hinge"},
    {"loss": "least_squares"},
    {"initialisation": "orthogonal"},
    {"discriminator_steps": 2},
    {"ema_decay": 0.999},
]
# What the second round suggested, by hand: its leader with D twice as wide, with both rates doubled
# once more, and without the cooldown. Compare with the second round's rows of seed 101.
LEADER = {"batch_size": 32, "lr_g": 2e-3, "lr_d": 5e-4}
THIRD = [
    {**LEADER, "discriminator_width": 32},
    {"batch_size": 32, "lr_g": 4e-3, "lr_d": 1e-3},
    {**LEADER, "cooldown": 0.0},
]


def configuration(name: str, change: dict, steps: int, seed: int) -> TrainConfig:
    """The configuration of one candidate on one net."""
    settings = {**START, **change}
    width = settings.pop("width") * (RESIDUAL_WIDTH if name == "residual_gan" else 1)
    return recipe(name, steps=steps, seed=seed, generator_width=width, **settings)


def read_rows() -> list[dict]:
    """The rows so far."""
    if not OUTPUT.exists():
        return []
    with OUTPUT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def order(rows: list[dict]) -> list[tuple[float, dict]]:
    """Candidates of these rows that have every net and seed, by mean log fd, best first."""
    found = defaultdict(list)
    for row in rows:
        found[row["change"]].append(math.log(float(row["fd"])))
    most = max((len(values) for values in found.values()), default=0)
    complete = {change: v for change, v in found.items() if len(v) == most}
    ranked = sorted((sum(v) / len(v), change) for change, v in complete.items())
    return [(math.exp(mean), json.loads(change)) for mean, change in ranked]


def second_candidates() -> list[dict]:
    """The best two, and the best combined with each of the next two that change it."""
    best, *others = [c for _, c in order([r for r in read_rows() if r["round"] == "first"])]
    combined = [{**other, **best} for other in others]
    return [best, others[0], *[c for c in combined if c != best][:2]]


def run(label: str, name: str, change: dict, seed: int, budget: float, images, ruler) -> dict:
    """Train one candidate for its budget and measure it."""
    config = configuration(name, change, 10**6, seed)
    loss = ADVERSARIAL_LOSSES[config.loss]
    state = GANState.create(config)
    for number in range(72):
        if number == 12:
            started = time.process_time()
        play_step(state, images.pixels, loss)
    steps = int(budget / ((time.process_time() - started) / 60))
    config = configuration(name, change, steps, seed)
    state, spent = GANState.create(config), 0.0
    distances = {}
    for part, last in (("half", steps // 2), ("end", steps)):
        started = time.process_time()
        while state.step < last:
            play_step(state, images.pixels, loss)
        spent += time.process_time() - started
        distances[part] = ruler.distance(sample(state.average, 5000))
    features = ruler.features(sample(state.average, 5000))
    manifold = manifold_metrics(ruler.real_features, features)
    figures = (spent, steps, distances["half"], distances["end"],
               ruler.distance(sample(state.generator, 5000)),
               manifold.precision, manifold.recall, manifold.coverage)  # fmt: skip
    rounded = [f"{figure:.4g}" if isinstance(figure, float) else figure for figure in figures]
    values = (label, name, json.dumps(change, sort_keys=True), seed, budget, *rounded)
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Run what is missing of one round, or print the order."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("round", choices=(*ROUNDS, "table"))
    parser.add_argument("--lane", default="1/1", help="2/2: every second run, beginning with no. 2")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.round == "table":
        for label in ROUNDS:
            for mean, change in order([r for r in read_rows() if r["round"] == label]):
                print(f"{label:7} {mean:8.2f}  {change}")
        return
    lane, lanes = map(int, arguments.lane.split("/"))
    seeds, budget = ROUNDS[arguments.round]
    if arguments.round == "second":
        candidates = second_candidates()
    else:
        candidates = CANDIDATES if arguments.round == "first" else THIRD
    jobs = [(name, change, seed) for change in candidates for seed in seeds for name in RECIPES]
    images = load_images()
    ruler = load_ruler(split="validation")
    if not OUTPUT.exists():
        OUTPUT.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    for number, (name, change, seed) in enumerate(jobs):
        key = (arguments.round, name, json.dumps(change, sort_keys=True), str(seed))
        done = {(r["round"], r["recipe"], r["change"], r["seed"]) for r in read_rows()}
        if number % lanes != lane - 1 or key in done:
            continue
        row = run(arguments.round, name, change, seed, budget, images, ruler)
        with OUTPUT.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    main()
