"""What is quoted from results/ follows from the rows there."""

import csv
import json
import math
import sys
from pathlib import Path

import pytest

from gan_course.config import OPTIMIZERS, PRESETS, recipe

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
sys.path.insert(0, str(ROOT / "benchmarks"))


def test_the_summary_of_time_to_quality_follows_from_its_rows(monkeypatch):
    import time_to_quality
    import time_to_quality_report as report

    kept = json.loads((RESULTS / "time_to_quality.json").read_text(encoding="utf-8"))
    # Measured on 10,000 real images, which takes half a minute.
    monkeypatch.setattr(report, "real_shares", lambda: kept["real_train_images_N_10000"])
    rows = time_to_quality.current_rows(RESULTS / "time_to_quality.jsonl")
    fresh = json.loads(json.dumps(report.summary(rows)))
    assert fresh == kept
    # README: three seeds for the default and for the best of the others.
    for arm in ("course: gan", kept["best_peer"]):
        assert len(kept["arms"][arm]["seeds"]) >= 3, arm


def test_rows_of_the_default_are_those_of_todays_recipe():
    import time_to_quality

    rows = time_to_quality.current_rows(RESULTS / "time_to_quality.jsonl")
    assert {"course: gan", *time_to_quality.PEERS} <= {row["arm"] for row in rows}


def test_core_seconds_are_read_off_in_log_distance():
    from time_to_quality_report import seconds_to

    curve = [(1.0, 100.0), (3.0, 1.0), (4.0, 2.0)]
    assert seconds_to(curve, 10.0) == pytest.approx(2.0)  # half way in log fd
    assert seconds_to(curve, 200.0) == 1.0 and seconds_to(curve, 1.0) == 3.0
    assert seconds_to(curve, 0.5) == math.inf


def test_the_laptop_recipe_is_within_5_percent_of_the_best_of_the_search():
    import recipe_search

    rows = [row for row in recipe_search.read_rows() if row["round"] != "first"]
    shared = [row for row in rows if row["seed"] == "101"]  # the seed that both rounds have
    ranked = recipe_search.order(shared)
    chosen = {**OPTIMIZERS["laptop"], "width": PRESETS["laptop"]["generator_width"]}
    chosen["discriminator_width"] = PRESETS["laptop"]["discriminator_width"]
    chosen["cooldown"] = recipe("gan").cooldown
    (mean,) = [
        mean
        for mean, change in ranked
        if all({**recipe_search.START, **change}[name] == value for name, value in chosen.items())
    ]
    assert mean < 1.05 * ranked[0][0]


def test_every_row_of_the_search_had_the_budget_of_its_round():
    import recipe_search

    with (RESULTS / "recipe_search.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tried = {}
    for row in rows:
        seeds, budget = recipe_search.ROUNDS[row["round"]]
        assert int(row["seed"]) in seeds and float(row["budget_core_seconds"]) == budget
        assert float(row["core_seconds"]) == pytest.approx(budget, rel=0.15)
        tried.setdefault((row["round"], row["change"]), []).append(row["recipe"])
    for who in tried.values():  # the plain and the residual net, equally often
        assert who.count("gan") == who.count("residual_gan")


def test_peers_configurations_play_as_their_own_scripts():
    kept = json.loads((RESULTS / "peer_losses.json").read_text(encoding="utf-8"))
    printed = {"pytorch/examples dcgan": 4}  # decimals that the script prints; the others, 6
    for name, found in kept.items():
        assert len(found["own_script"]) == len(found["ours"]) == 20
        tolerance = 0.6 * 10 ** -printed.get(name, 6)
        for own, ours in zip(found["own_script"], found["ours"], strict=True):
            assert own == pytest.approx(ours, abs=tolerance + 5e-7), name
