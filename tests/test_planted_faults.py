"""Damage real images on purpose: each metric moves as lesson 03 says, and the blind ones do not.

Every set has the same size; honest sets are other real images, which nobody was trained on. The
margins hold for each of the seeds, which choose the images, the reference and the noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from gan_course.classifier import features_and_logits
from gan_course.data import load_images, to_images
from gan_course.metrics import class_shares, entropy, frechet_distance, kernel_distance
from gan_course.neighbours import manifold_metrics, memorisation
from gan_course.ruler import load_ruler

COUNT = 400
SEEDS = (0, 1, 2)


class Seen(NamedTuple):
    """What the classifier makes of a set of images: features (N, 64) and logits (N, 10)."""

    features: Tensor
    logits: Tensor

    def __getitem__(self, index) -> Seen:
        return Seen(*(part[index] for part in tuple(self)))


class Figures(NamedTuple):
    fd: float
    kd: float
    precision: float
    recall: float
    density: float
    coverage: float
    memorised: float
    entropy: float


@pytest.fixture(scope="module")
def classifier():
    return load_ruler(count=COUNT).classifier


@pytest.fixture(scope="module")
def pools(classifier):
    """Real images that were trained on, unseen ones to damage, and unseen ones to compare with."""
    counts = {"train": 1500, "validation": 3000, "test": len(SEEDS) * COUNT}
    return {
        split: (images := load_images(split=split, count=count), look(classifier, images.pixels))
        for split, count in counts.items()
    }


def look(classifier, images: Tensor) -> Seen:
    features, logits = features_and_logits(classifier, images)
    return Seen(features.double(), logits)


def planted(classifier, pools, seed: int) -> dict[str, Seen]:
    """Name → a set of ``COUNT`` images with one fault, made of unseen real images."""
    random = torch.Generator().manual_seed(seed)
    (train, copies), (validation, unseen) = pools["train"], pools["validation"]
    order = torch.randperm(len(validation), generator=random)
    labels, unseen = validation.labels[order], unseen[order]
    x = to_images(validation.pixels[order[:COUNT]])
    noise = torch.randn(x.shape, generator=random)
    every, which = torch.arange(COUNT), torch.randperm(len(train), generator=random)[:COUNT]
    sets = {"honest": unseen[:COUNT], "honest again": unseen[COUNT : 2 * COUNT]}
    for sigma in (0.5, 1.0, 2.0):
        sets[f"blur {sigma}"] = look(classifier, gaussian_blur(x, [9, 9], [sigma, sigma]))
    for scale in (0.1, 0.3):
        sets[f"noise {scale}"] = look(classifier, (x + scale * noise).clamp(-1, 1))
    for dropped in (1, 3, 5, 8):
        sets[f"dropped {dropped}"] = unseen[labels >= dropped][:COUNT]
    weights = torch.where(labels < 5, 4.0, 1.0)
    sets["imbalance"] = unseen[torch.multinomial(weights, COUNT, generator=random)]
    sets["repeated"] = unseen[every % 10]
    for share in (0.1, 0.5, 1.0):
        count = int(share * COUNT)
        halves = copies[which[:count]], unseen[: COUNT - count]
        sets[f"copies {share}"] = Seen(*(torch.cat(parts) for parts in zip(*halves, strict=True)))
    return sets


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def bench(request, classifier, pools) -> dict[str, Figures]:
    seed = request.param
    reference = pools["test"][1][seed * COUNT : (seed + 1) * COUNT]
    sets = planted(classifier, pools, seed)
    sets["reference"] = reference
    assert {len(each.features) for each in sets.values()} == {COUNT}
    real = reference.features

    def measure(fake: Seen) -> Figures:
        return Figures(
            frechet_distance(fake.features, real),
            kernel_distance(fake.features, real, subsets=5),
            *manifold_metrics(real, fake.features, 5),
            memorisation(fake.features, pools["train"][1].features, real),
            entropy(class_shares(fake.logits)),
        )

    return {name: measure(each) for name, each in sets.items()}


# (metric, fault) → by how much at least it rises or falls from the mean of the two honest sets.
RISES = {
    "fd": {
        "blur 0.5": 1.5, "blur 1.0": 20, "blur 2.0": 50, "noise 0.1": 2.5, "noise 0.3": 35,
        "dropped 3": 8, "dropped 5": 25, "dropped 8": 60, "imbalance": 4, "repeated": 20,
    },
    "kd": {
        "blur 0.5": 0.25, "blur 1.0": 5, "noise 0.1": 2, "noise 0.3": 50, "dropped 3": 1,
        "dropped 8": 20, "imbalance": 0.8, "repeated": 5,
    },
    "memorised": {"copies 0.1": 0.06, "copies 0.5": 0.45, "copies 1.0": 0.95},
}  # fmt: skip
FALLS = {
    "precision": {"noise 0.3": 0.15},
    "recall": {
        "blur 0.5": 0.08, "blur 1.0": 0.6, "noise 0.1": 0.04, "noise 0.3": 0.5, "dropped 3": 0.05,
        "dropped 8": 0.5, "repeated": 0.8,
    },
    "density": {"blur 1.0": 0.2, "noise 0.3": 0.4},
    "coverage": {
        "blur 1.0": 0.4, "noise 0.1": 0.07, "noise 0.3": 0.5, "dropped 3": 0.08, "dropped 8": 0.6,
        "repeated": 0.6,
    },
    "entropy": {
        "blur 2.0": 0.2, "dropped 1": 0.02, "dropped 3": 0.1, "dropped 8": 1.2, "imbalance": 0.08,
    },
}  # fmt: skip
# metric → (how far it may stray, the faults to which it is blind).
STAYS = {
    "fd": (2.5, ["copies 0.1", "copies 0.5", "copies 1.0"]),
    "kd": (1.2, ["copies 0.1", "copies 0.5", "copies 1.0"]),
    "precision": (0.06, ["blur 0.5", "dropped 3", "dropped 5", "dropped 8", "imbalance",
                         "copies 0.5", "copies 1.0"]),
    "recall": (0.06, ["imbalance", "copies 0.5", "copies 1.0"]),
    "coverage": (0.05, ["copies 0.5", "copies 1.0"]),
    "memorised": (0.03, ["blur 0.5", "blur 2.0", "noise 0.1", "noise 0.3", "dropped 5",
                         "dropped 8", "imbalance", "reference"]),
    "entropy": (0.04, ["blur 0.5", "noise 0.1", "copies 0.5", "copies 1.0"]),
}  # fmt: skip


def honest(bench: dict[str, Figures], metric: str) -> float:
    """The mean of the two honest sets."""
    return sum(getattr(bench[name], metric) for name in ("honest", "honest again")) / 2


def strays(bench: dict[str, Figures], metric: str, fault: str) -> float:
    return getattr(bench[fault], metric) - honest(bench, metric)


@pytest.mark.parametrize("metric", RISES)
def test_what_rises(bench, metric):
    found = {fault: strays(bench, metric, fault) for fault in RISES[metric]}
    assert {f: d for f, d in found.items() if d < RISES[metric][f]} == {}


@pytest.mark.parametrize("metric", FALLS)
def test_what_falls(bench, metric):
    found = {fault: strays(bench, metric, fault) for fault in FALLS[metric]}
    assert {f: d for f, d in found.items() if d > -FALLS[metric][f]} == {}


@pytest.mark.parametrize("metric", STAYS)
def test_what_a_metric_does_not_see(bench, metric):
    most, faults = STAYS[metric]
    assert {f: d for f in faults if abs(d := strays(bench, metric, f)) > most} == {}


def test_each_of_these_can_fail(bench):
    """An honest set in the place of a fault neither rises nor falls; some fault does not stay."""
    for table, sign in ((RISES, 1), (FALLS, -1)):
        for metric, faults in table.items():
            unplanted = sign * strays(bench, metric, "honest again")
            assert unplanted < min(faults.values()), metric
    for metric, (most, _) in STAYS.items():
        assert max(abs(strays(bench, metric, fault)) for fault in bench) > most, metric


def test_the_distances_grow_with_the_fault(bench):
    for faults in (("blur 0.5", "blur 1.0", "blur 2.0"), ("noise 0.1", "noise 0.3"),
                   ("dropped 3", "dropped 5", "dropped 8")):  # fmt: skip
        for metric in ("fd", "kd"):
            values = [getattr(bench[fault], metric) for fault in faults]
            assert values == sorted(values), (metric, faults)


def test_mild_blur_looks_better_than_the_same_images_in_density_and_no_worse_in_precision(bench):
    sharp, blurred, noisy = (bench[name] for name in ("honest", "blur 0.5", "noise 0.3"))
    assert blurred.density > sharp.density + 0.01 and blurred.precision > sharp.precision - 0.02
    assert noisy.density < sharp.density - 0.3 and noisy.precision < sharp.precision - 0.1


def test_ten_pictures_repeated_have_no_recall_and_copies_are_counted(bench):
    assert bench["repeated"].recall == 0  # every neighbour is a twin, every ball a point
    assert bench["repeated"].precision > 0.5
    for share in (0.1, 0.5, 1.0):
        assert bench[f"copies {share}"].memorised == pytest.approx(share, abs=0.03)


def test_copies_of_the_reference_are_better_than_real_and_only_the_distance_warns(bench):
    copies = bench["reference"]
    assert copies.fd == pytest.approx(0, abs=1e-6) and copies.fd < 0.1 * honest(bench, "fd")
    assert copies.precision == copies.recall == copies.coverage == 1
    assert copies.kd < min(bench["honest"].kd, bench["honest again"].kd)


def test_the_histogram_names_the_classes_that_are_missing(pools):
    images, seen = pools["validation"]
    kept = class_shares(seen.logits[images.labels >= 3])
    assert float(kept[:3].sum()) < 0.1 < 0.25 < float(class_shares(seen.logits)[:3].sum())
    assert math.log(7) - 0.1 < entropy(kept) < math.log(7) + 0.2
