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
    return {name: getattr(reading, name) for name in SHARES}


def summary(rows: list[dict]) -> dict:
    """Medians over seeds, per arm, and how many times sooner our default is where they end."""
    curves = defaultdict(lambda: defaultdict(list))
    finals = defaultdict(list)
    for row in rows:
        curves[row["arm"]][row["seed"]].append((row["core_seconds"], row["fd"]))
        if "final" in row:
            finals[row["arm"]].append(row["final"])
    ours = [arm for arm in curves if arm.startswith("course")]
    peers = [arm for arm in curves if arm not in ours]
    best = {arm: [min(fd for _, fd in c) for c in curves[arm].values()] for arm in peers}
    winner = min(best, key=lambda arm: statistics.median(best[arm]))
    target = statistics.median(best[winner])
    arms = {}
    for arm in curves:
        arms[arm] = {
            "seeds": sorted(curves[arm]),
            "last_fd": [round(c[-1][1], 2) for c in curves[arm].values()],
            "best_fd_median": round(
                statistics.median(min(fd for _, fd in c) for c in curves[arm].values()), 2
            ),
        }
        if arm in ours:
            needed = [seconds_to(c, target) for c in curves[arm].values()]
            arms[arm] |= {
                "core_seconds_to_target": [round(t, 2) for t in needed],
                "median_core_seconds_to_target": round(statistics.median(needed), 2),
            }
    real = real_shares()
    for arm in ours:
        arms[arm]["shares_of_real"] = {
            name: round(statistics.median(f[name] for f in finals[arm]) / real[name], 3)
            for name in SHARES
        }
    last = max(t for t, _ in next(iter(curves[winner].values())))
    return {
        "what": "core-seconds of training to a given fd_fmnist_cnn (N = 5,000, test images)",
        "best_peer": winner,
        "target_fd": round(target, 2),
        "core_seconds_of_best_peer": round(last, 1),
        "times_fewer": {
            arm: round(last / arms[arm]["median_core_seconds_to_target"], 1) for arm in ours
        },
        "real_train_images_N_10000": {name: round(value, 3) for name, value in real.items()},
        "arms": arms,
        "versions": sorted({f"torch {row['torch']}, {row['processor']}" for row in rows}),
        "left_out_of_the_clock": "loading data, building networks, drawing and measuring",
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
            line = [(r["look"], r["fd"]) for r in rows if (r["arm"], r["seed"]) == (arm, seed)]
            axis.plot(*zip(*line, strict=True), color=colour, alpha=0.3, linewidth=0.8)
        medians = [statistics.median(by_look[look]) for look in looks]
        style = "-" if arm.startswith("course") else "--"
        axis.plot(looks, medians, style, color=colour, linewidth=2, marker="o", ms=3, label=arm)
    axis.axhline(found["target_fd"], color="0.6", linewidth=0.8, linestyle=":")
    axis.set(xscale="log", yscale="log", xlabel="core-seconds of training",
             ylabel="fd_fmnist_cnn (N = 5,000, test images)")  # fmt: skip
    times = found["times_fewer"]["course: gan"]
    axis.set_title(
        f"The default reaches the best of the others' {found['core_seconds_of_best_peer']:.0f} "
        f"core-seconds {times:.0f} times sooner", loc="left", fontsize=11,
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
