"""The course's ruler: a shipped classifier, a reference set, and figures that say how they came.

``fd_fmnist_cnn`` is the Fréchet distance on the last hidden layer of a small Fashion-MNIST
classifier. It is no Inception FID and must never be compared with one. Another data set gets its
ruler by one command: python -m gan_course ruler --data mnist
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import checkpoint
from .classifier import Classifier, accuracy, features_and_logits, train_classifier
from .data import Images, generator_for, load_images, to_images
from .errors import CheckpointError, ConfigError
from .metrics import class_shares, entropy, frechet_distance, kernel_distance
from .neighbours import manifold_metrics, memorisation
from .shipped import DATA_FOLDER, verify_shipped

SHORT_NAMES = {"fashion-mnist": "fmnist", "cifar-10": "cifar10"}
FLOOR_COUNT = 5000


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Every figure of one set of images, and what a figure means nothing without.

    Lower is better: ``fd`` (Fréchet distance), ``kd`` (kernel distance). Higher is better, and 1
    is not reached even by real images: ``precision``, ``recall``, ``coverage``; ``density`` may
    pass 1. ``class_entropy`` in nats. ``memorised``: see ``neighbours.memorisation``.
    """

    name: str  # of the Fréchet distance, e.g. "fd_fmnist_cnn"
    source: str  # what was measured: "averaged generator", "last generator", …
    count: int  # images measured
    reference: str  # images compared with, and how many
    weights: str  # sha256 of the classifier's weights, the first 12 digits
    neighbours: int  # k of the four shares below
    fd: float
    kd: float
    precision: float
    recall: float
    density: float
    coverage: float
    memorised: float
    class_shares: tuple[float, ...]
    class_entropy: float

    def to_dict(self) -> dict[str, Any]:
        """Names and values, for a table or a file."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.name} {self.fd:.2f}  kernel distance {self.kd:.4f}  precision "
            f"{self.precision:.2f}  recall {self.recall:.2f}  density {self.density:.2f}  coverage "
            f"{self.coverage:.2f}  class entropy {self.class_entropy:.2f}\n{self.source}, N = "
            f"{self.count:,}, against {self.reference}, k = {self.neighbours}, classifier "
            f"{self.weights}"
        )


def weights_hash(classifier: Classifier) -> str:
    """The sha256 of a classifier's weights, as hex digits: equal weights, equal hash."""
    digest = hashlib.sha256()
    for name, tensor in classifier.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Ruler:
    """A classifier and the real images that samples are compared with.

    Args:
        classifier: its 64 features are compared.
        reference: real images that the classifier was not trained on.
        split: which part they are, for the caption.
        data, classes: what the classifier was trained on; the reference may be other images.
        made: what ``train_ruler`` wrote down: accuracies, floors, the command.
    """

    def __init__(
        self,
        classifier: Classifier,
        reference: Images,
        *,
        split: str,
        data: str,
        classes: tuple[str, ...],
        made: dict[str, Any],
    ):
        self.classifier, self.made, self.classes, self.data = classifier, made, classes, data
        self.name = f"fd_{SHORT_NAMES.get(data, data)}_cnn"
        self.reference = f"{reference.name} {split} ({len(reference):,})"
        self.weights = weights_hash(classifier)
        self.real_features = self.features(reference.pixels)
        self.train_features: Tensor | None = None  # among these ``memorised`` looks for copies

    def features(self, images: Tensor) -> Tensor:
        """(N, C, S, S) floats in [-1, 1] or uint8 → (N, 64) float64 on the CPU."""
        return features_and_logits(self.classifier, images)[0].double()

    def distance(self, images: Tensor) -> float:
        """The Fréchet distance of images to the reference; needs more than 64 of them."""
        return frechet_distance(self.features(images), self.real_features)

    def measure(self, images: Tensor, *, source: str, neighbours: int = 5) -> Reading:
        """Every metric of the course on one set of images.

        The first call computes ``train_features``, those of all training images, unless they are
        set: some 20 s on one core.

        Args:
            images: (N, C, S, S) floats in [-1, 1] or uint8, N > 64.
            source: what they are; it travels with the figures.
            neighbours: k of precision, recall, density and coverage.
        """
        features, logits = features_and_logits(self.classifier, images)
        features = features.double()
        if self.train_features is None:
            self.train_features = self.features(load_images(self.data).pixels)
        shares = class_shares(logits)
        manifold = manifold_metrics(self.real_features, features, neighbours)
        return Reading(
            name=self.name,
            source=source,
            count=len(images),
            reference=self.reference,
            weights=self.weights[:12],
            neighbours=neighbours,
            fd=frechet_distance(features, self.real_features),
            kd=kernel_distance(features, self.real_features),
            memorised=memorisation(features, self.train_features, self.real_features),
            class_shares=tuple(shares.tolist()),
            class_entropy=entropy(shares),
            **manifold._asdict(),
        )


def _path(data: str) -> Path:
    return DATA_FOLDER / "rulers" / f"{data}.pt"


def load_ruler(
    data: str = "fashion-mnist",
    split: str = "validation",
    *,
    count: int | None = None,
    reference: Images | None = None,
) -> Ruler:
    """The ruler of a data set.

    Args:
        data: "fashion-mnist" ships with the course; others are made once by the command ``ruler``.
        split: real images to compare with: "validation" to choose settings by, "test" for
            verdicts.
        count: only the first ``count`` of them.
        reference: your own real images instead; for ``memorised`` also set ``train_features``.

    Raises:
        FileNotFoundError: if there is no ruler for this data; the message holds the command.
        ConfigError: if the shipped file is damaged.
    """
    path = _path(data)
    if data == "fashion-mnist":
        path = verify_shipped(f"rulers/{path.name}")
    elif not path.exists():
        raise FileNotFoundError(
            f"there is no ruler for {data}. Make it (minutes) with: python -m gan_course ruler "
            f"--data {data}; for pictures of your own, in Python: load_ruler(reference=images)"
        )
    content = checkpoint.read(path)
    if "classifier" not in content:
        raise CheckpointError(f"{path} is not a ruler. Delete it, then make it again.")
    classes, made = tuple(content["classes"]), content["made"]
    classifier = Classifier(tuple(content["image_shape"]), len(classes))
    classifier.load_state_dict(content["classifier"])
    classifier.eval().requires_grad_(False)
    if reference is None:
        reference = load_images(data, split, count=count, size=classifier.image_shape[-1])
    return Ruler(classifier, reference, split=split, data=data, classes=classes, made=made)


def floors(ruler: Ruler, train: Images, test: Images) -> dict[str, float]:
    """The Fréchet distance of sets whose quality is known, 5,000 images a set.

    Two disjoint sets of training images; then against test images: training images, the median
    image repeated, and uniform noise.
    """
    random = generator_for(0, "ruler floors")
    count = min(FLOOR_COUNT, len(train) // 2, len(test))
    chosen = torch.randperm(len(train), generator=random)[: 2 * count]
    pixels = train.pixels.cpu()[chosen]
    features, real = ruler.features(pixels), ruler.features(test.pixels[:count])
    median = to_images(pixels).median(dim=0, keepdim=True).values.expand(count, -1, -1, -1)
    noise = torch.randint(256, pixels[:count].shape, generator=random, dtype=torch.uint8)
    return {
        "train half A against half B": frechet_distance(features[:count], features[count:]),
        "train against test": frechet_distance(features[:count], real),
        "the median image": frechet_distance(ruler.features(median), real),
        "noise": frechet_distance(ruler.features(noise), real),
    }


def train_ruler(
    data: str = "fashion-mnist",
    *,
    path: str | Path | None = None,
    command: str = "",
    epochs: int = 8,
    seed: int = 0,
    device: str | None = None,
) -> Path:
    """Train a data set's classifier on its training part, measure it, and write both to a file.

    Raises:
        ConfigError: for unknown data, or if the file is there already.
        OSError: if the data can be neither found nor downloaded, or the file not written.
    """
    path = Path(path) if path is not None else _path(data)
    if path.exists():
        raise ConfigError(f"{path} is there already. Move it away, or give another --output.")
    train, test = load_images(data), load_images(data, "test")
    classifier = train_classifier(train, epochs=epochs, seed=seed, device=device)
    ruler = Ruler(classifier, test, split="test", data=data, classes=test.classes, made={})
    made = {
        "command": command,
        "epochs": epochs,
        "seed": seed,
        "torch": str(torch.__version__),
        "weights": ruler.weights,
        "accuracy_validation": accuracy(classifier, load_images(data, "validation")),
        "accuracy_test": accuracy(classifier, test),
        "floors": floors(ruler, train, test),
    }
    content = {
        "classifier": classifier.state_dict(),
        "image_shape": list(classifier.image_shape),
        "classes": list(train.classes),
        "made": made,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write(path, content)
    return path
