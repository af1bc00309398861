"""Every setting of a training run in one frozen object, and the named recipes of the course."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError, check_choice
from .losses import ADVERSARIAL_LOSSES, PAIRINGS
from .models import (
    DISCRIMINATOR_NORMS,
    DISCRIMINATORS,
    GENERATORS,
    INITIALISATIONS,
    check_image_shape,
)

_CHOICES = {
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "discriminator_norm": DISCRIMINATOR_NORMS,
    "loss": tuple(ADVERSARIAL_LOSSES),
    "pairing": PAIRINGS,
    "initialisation": INITIALISATIONS,
}
_POSITIVE = ("generator_width", "discriminator_width", "lr_g", "lr_d")
_NOT_NEGATIVE = ("lambda1", "lambda2", "r1_weight")
_FRACTIONS = ("beta1", "beta2", "ema_decay", "cooldown")
_COUNTS = (
    "latent_dim",
    "blocks_per_resolution",
    "discriminator_steps",
    "r1_every",
    "steps",
    "record_every",
    "checkpoint_every",
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What decides the numbers of a run: equal configurations give the same bits (on one machine,
    with one version and number of threads of torch, and the same images).

    Unknown names are refused (``from_dict``), and every value is checked when it is made. Change
    one with ``dataclasses.replace(config, lambda2=0.1)``.
    """

    data: str = "fashion-mnist"  # a name that data.load_images knows, or a label for your own
    image_size: int = 28  # pixels, ≥ 16
    channels: int = 1  # 1 grey, 3 colour
    latent_dim: int = 64  # z ~ N(0, 1)

    generator: str = "dcgan"
    generator_width: float = 16
    blocks_per_resolution: int = 1  # residual generator only
    shortcuts: bool = True  # residual generator only; False: the same layers without them
    discriminator: str = "dcgan"
    discriminator_width: float = 16
    discriminator_norm: str = "batch"
    initialisation: str = "dcgan"

    loss: str = "non_saturating"
    lambda1: float = 0.0  # weight of E‖G(z) − x‖₁, norms summed over pixels
    lambda2: float = 0.0  # weight of E‖G(z) − x‖₂, not squared
    pairing: str = "independent"  # which x a z is compared with
    repulsion: bool = False  # also push G's images apart: the norm loss becomes an energy distance

    r1_weight: float = 0.0  # weight of ½·E‖∇D(x)‖² on real images, per step on average
    r1_every: int = 16  # steps between two applications of it

    batch_size: int = 64
    steps: int = 4000  # one step = one update of G, after ``discriminator_steps`` of D
    discriminator_steps: int = 1
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    cooldown: float = 0.0  # the last share of the steps, in which both learning rates fall to 0
    ema_decay: float = 0.995  # a memory of about 1 / (1 − decay) steps
    seed: int = 0

    record_every: int = 20  # steps between two rows of the history
    checkpoint_every: int = 500  # steps between two files, where a run folder is given

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (int, float) and isinstance(value, bool):
                raise ConfigError(f"{field.name} must be a number; got {value!r}.")
            if field.type is int and not isinstance(value, int):
                raise ConfigError(f"{field.name} must be a whole number; got {value!r}.")
            if field.type is bool and not isinstance(value, bool):
                raise ConfigError(f"{field.name} must be True or False; got {value!r}.")
            if field.type is float:
                if not isinstance(value, (int, float)) or not math.isfinite(value):
                    raise ConfigError(f"{field.name} must be a finite number; got {value!r}.")
                # 0 and 0.0 describe one run and must compare equal after a round trip to disk.
                object.__setattr__(self, field.name, float(value))
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        self._check_range(_POSITIVE, lambda value: value > 0, "greater than 0")
        self._check_range(_NOT_NEGATIVE, lambda value: value >= 0, "0 or greater")
        self._check_range(_FRACTIONS, lambda value: 0 <= value < 1, "in [0, 1)")
        self._check_range(_COUNTS, lambda value: value >= 1, "1 or greater")
        self._check_range(("batch_size",), lambda value: value >= 2, "2 or greater (BatchNorm)")
        self._check_range(("seed",), lambda value: 0 <= value < 2**63, "in 0…2⁶³−1")
        if not isinstance(self.data, str) or not self.data:
            raise ConfigError(f"data must be a name such as 'fashion-mnist'; got {self.data!r}.")
        check_image_shape(self.image_shape)

    def _check_range(self, names: tuple[str, ...], holds: Any, range_text: str) -> None:
        for name in names:
            if not holds(getattr(self, name)):
                raise ConfigError(f"{name} must be {range_text}; got {getattr(self, name)!r}.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, image_size, image_size)."""
        return (self.channels, self.image_size, self.image_size)

    def learning_rate_factor(self, step: int) -> float:
        """What both learning rates are multiplied with at ``step``, in [0, 1].

        1, then a straight line down over the last ``cooldown`` of the steps: a pure function of
        the step, so a resumed run needs to keep nothing.
        """
        left = (self.steps - step) / self.steps
        return 1.0 if left >= self.cooldown else max(left, 0.0) / self.cooldown

    def r1_weight_at(self, step: int) -> float:
        """The weight of R1 at ``step``: 0, or where it is applied as much more as that is seldom.

        StyleGAN2's lazy regularisation (arXiv 1912.04958).
        """
        return self.r1_weight * self.r1_every if step % self.r1_every == 0 else 0.0

    def is_record(self, step: int) -> bool:
        """Whether a row of the history is written after this many steps."""
        return step % self.record_every == 0 or step == self.steps

    def to_dict(self) -> dict[str, Any]:
        """Plain names and values, for a file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "TrainConfig":
        """Build a configuration from names and values, refusing any name that it does not know."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ConfigError(
                f"unknown setting {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
            )
        return cls(**settings)


def differences(a: TrainConfig, b: TrainConfig) -> list[str]:
    """The settings in which two configurations differ, one line each: ``name: a's → b's``."""
    before, after = a.to_dict(), b.to_dict()
    return [f"{k}: {before[k]!r} → {after[k]!r}" for k in before if before[k] != after[k]]


# What each preset changes. A preset changes numbers, never code.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"steps": 20, "generator_width": 4, "discriminator_width": 4},
    "laptop": {"steps": 8_000, "generator_width": 16, "discriminator_width": 16},
    "gpu": {"steps": 20_000, "generator_width": 64, "discriminator_width": 64, "batch_size": 128},
}
# A residual block has two convolutions, at the larger size, where a DCGAN layer has one; half the
# width brings its time a step nearer. Lesson 05 matches parameters and FLOPs exactly.
RESIDUAL_WIDTH = 0.5

# The three systems of the article, and the arm without which the third cannot be understood.
# "residual_gan" is SnovenGAN's generator under the vanilla loss. The article names no λ; at these
# the pull of the norm loss is measurable and G does not collapse (lesson 04 measures both).
_NORM = {"lambda1": 0.005, "lambda2": 0.05}
_RESIDUAL = {"generator": "residual"}
RECIPES: dict[str, dict[str, Any]] = {
    "gan": {},
    "progan": _NORM,
    "residual_gan": _RESIDUAL,
    "snovengan": {**_RESIDUAL, **_NORM},
}

# Two optimizer settings. "article" is what the article's code types; it names no batch size, and 64
# is what such programs take. "laptop" comes from results/recipe_search.csv, tried on the plain and
# on the residual generator: of the settings within 5 % of the lowest fd_fmnist_cnn it is the
# simplest, with constant learning rates and the smaller ones. It is the same for every recipe.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "article": {"lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999, "batch_size": 64},
    "laptop": {
        "lr_g": 2e-3,
        "lr_d": 5e-4,
        "beta1": 0.5,
        "beta2": 0.99,
        "batch_size": 32,
    },
}


def recipe(
    name: str, *, preset: str = "laptop", optimizer: str = "laptop", **changes: Any
) -> TrainConfig:
    """The configuration of one of the course's GANs.

    Args:
        name: "gan", "progan", "residual_gan" or "snovengan".
        preset: "quick", "laptop" or "gpu": how wide and how long.
        optimizer: "laptop", or "article" for Adam at 2e-4 with betas (0.5, 0.999).
        changes: any setting of ``TrainConfig``; these win over the recipe.

    Raises:
        ConfigError: for an unknown name or a value out of range.
    """
    check_choice("recipe", name, RECIPES)
    check_choice("preset", preset, PRESETS)
    check_choice("optimizer", optimizer, OPTIMIZERS)
    settings = {**RECIPES[name], **OPTIMIZERS[optimizer], **PRESETS[preset]}
    if settings.get("generator") == "residual":
        settings["generator_width"] *= RESIDUAL_WIDTH
    return TrainConfig.from_dict(settings | changes)
