"""From the rows of time_to_quality.py: results/time_to_quality.json and the README figure."""

import json
import math
import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from gan_course.data import load_images
from gan_course.plots import CYCLE
from gan_course.ruler import load_ruler

ROOT = Path(__file__).resolve().parents[1]
SHARES = ("precision", "recall", "density", "coverage")


def seconds_to(points: list[tuple[float, float]], target: float) -> float:
    """When a curve of (core-seconds, fd) first reaches ``target``; inf if it never does.

    Between two looks log fd is taken to be a straight line; before the first look, the first.
    """
    for (t0, fd0), (t1, fd1) in zip([points[0], *points], points, strict=False):
        if fd1 <= target:
            if fd0 <= target:
                return t1
            share = math.log(fd0 / target) / math.log(fd0 / fd1)
            return t0 + share * (t1 - t0)
    return math.inf


def real_shares() -> dict[str, float]:
    """Precision, recall, density and coverage of 10,000 real training images: what is possible."""
    reading = load_ruler(split="test").measure(
        load_images(count=10_000).pixels, source="real training images"
    )
    return {name: round(getattr(reading, name), 3) for name in SHARES}


def finite(value: float) -> float | None:
    """A number that JSON can hold; None stands for "not within the budget"."""
    return round(value, 2) if math.isfinite(value) else None


def summary(rows: list[dict]) -> dict:
    """Per arm the figures of every seed; per seed how many times sooner our default arrives.

    The best peer is the one with the lowest median over seeds of its best look. On each seed the
    target is the best that it reached there, and its time that of the look where it did.
    """
    curves = defaultdict(lambda: defaultdict(list))
    finals = defaultdict(list)
    for row in rows:
        curves[row["arm"]][row["seed"]].append((row["core_seconds"], row["fd"]))
        if "final" in row:
            finals[row["arm"]].append(row["final"])
    order = sorted(curves, key=lambda arm: (not arm.startswith("course"), arm))
    ours = [arm for arm in order if arm.startswith("course")]
    best = {
        arm: {seed: min(curve, key=lambda point: point[1]) for seed, curve in seeds.items()}
        for arm, seeds in curves.items()
    }
    median_best = {arm: statistics.median(fd for _, fd in best[arm].values()) for arm in order}
    winner = min((arm for arm in order if arm not in ours), key=median_best.get)
    real = real_shares()
    arms = {}
    for arm in order:
        arms[arm] = {
            "seeds": sorted(curves[arm]),
            "best_fd": [round(best[arm][seed][1], 2) for seed in sorted(curves[arm])],
            "best_fd_median": round(median_best[arm], 2),
        }
        if arm not in ours:
            continue
        shared = sorted(set(curves[arm]) & set(best[winner]))
        needed = [seconds_to(curves[arm][seed], best[winner][seed][1]) for seed in shared]
        times = [best[winner][s][0] / t for s, t in zip(shared, needed, strict=True)]
        arms[arm] |= {
            "core_seconds_to_best_of_peer": [finite(t) for t in needed],
            "times_sooner": [round(t, 1) for t in times],
            "median_times_sooner": round(statistics.median(times), 1),
            "shares_of_real": {
                name: round(statistics.median(f[name] for f in finals[arm]) / real[name], 3)
                for name in SHARES
            },
        }
    return {
        "what": "core-seconds of training to a given fd_fmnist_cnn (N = 5,000, test images)",
        "best_peer": winner,
        "core_seconds_of_best_peer": [round(best[winner][s][0], 1) for s in sorted(best[winner])],
        "real_train_images_N_10000": real,
        "arms": arms,
        "versions": sorted({f"torch {row['torch']}, {row['processor']}" for row in rows}),
        "left_out_of_the_clock": "see the top of benchmarks/time_to_quality.py",
    }


def draw(rows: list[dict], found: dict) -> None:
    """Every seed a thin line, the medians thick."""
    figure, axis = plt.subplots(figsize=(8.5, 4.8), layout="constrained")
    for number, arm in enumerate(found["arms"]):
        by_look = defaultdict(list)
        for row in rows:
            if row["arm"] == arm:
                by_look[row["look"]].append(row["fd"])
        looks = sorted(by_look)
        colour = CYCLE[number % len(CYCLE)]
        for seed in found["arms"][arm]["seeds"]:
            mine = [row for row in rows if (row["arm"], row["seed"]) == (arm, seed)]
            line = [(row["core_seconds"], row["fd"]) for row in mine]
            axis.plot(*zip(*line, strict=True), color=colour, alpha=0.3, linewidth=0.8)
        medians = [statistics.median(by_look[look]) for look in looks]
        style = "-" if arm.startswith("course") else "--"
        axis.plot(looks, medians, style, color=colour, linewidth=2, marker="o", ms=3, label=arm)
    target = found["arms"][found["best_peer"]]["best_fd_median"]
    axis.axhline(target, color="0.6", linewidth=0.8, linestyle=":")
    axis.set(xscale="log", yscale="log", xlabel="core-seconds of training",
             ylabel="fd_fmnist_cnn (N = 5,000, test images)")  # fmt: skip
    times = found["arms"]["course: gan"]["median_times_sooner"]
    axis.set_title(
        f"The default is {times:.0f} times sooner at the best that {found['best_peer']} reaches",
        loc="left", fontsize=11,
    )  # fmt: skip
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(ROOT / "docs" / "figures" / "time_to_quality.png", dpi=120, facecolor="white")


def report(rows: list[dict]) -> None:
    """Write the summary and the figure."""
    torch.set_num_threads(1)
    found = summary(rows)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (ROOT / "results" / "time_to_quality.json").write_text(text + "\n", encoding="utf-8")
    draw(rows, found)
    print(text)
