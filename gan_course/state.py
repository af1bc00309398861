"""Everything that one training run consists of, and nothing else."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .config import TrainConfig
from .data import generator_for
from .errors import ConfigError, check_choice
from .history import History
from .models import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResidualGenerator,
    initialise,
)

CONTROLS = ("lambda1", "lambda2", "lr_g", "lr_d")


def build_generator(config: TrainConfig) -> nn.Module:
    """The generator that a configuration names, initialised from ``config.seed``."""
    if config.generator == "mlp":
        # The width of a convolutional net counts channels; an MLP's hidden layer is 8 times that.
        network = MLPGenerator(config.latent_dim, config.image_shape, 8 * config.generator_width)
    elif config.generator == "dcgan":
        network = DCGANGenerator(config.latent_dim, config.image_shape, config.generator_width)
    else:
        network = ResidualGenerator(
            config.latent_dim,
            config.image_shape,
            config.generator_width,
            blocks_per_resolution=config.blocks_per_resolution,
            shortcuts=config.shortcuts,
        )
    random = generator_for(config.seed, "initial generator")
    return initialise(network, random, config.initialisation)


def build_discriminator(config: TrainConfig) -> nn.Module:
    """The discriminator that a configuration names, initialised from ``config.seed``."""
    if config.discriminator == "mlp":
        network = MLPDiscriminator(config.image_shape, 8 * config.discriminator_width)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # spectral norm draws its first vectors from here
            network = DCGANDiscriminator(
                config.image_shape, config.discriminator_width, norm=config.discriminator_norm
            )
    random = generator_for(config.seed, "initial discriminator")
    return initialise(network, random, config.initialisation)


@dataclass
class GANState:
    """Two players, their optimizers, G's running average, and what was written down so far."""

    config: TrainConfig
    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module  # the exponential moving average of the generator; sample from this one
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    lambda1: Tensor  # () float on the device, so that a change reaches a compiled step
    lambda2: Tensor
    lr_g: Tensor  # before the cooldown's factor; what a slider moves
    lr_d: Tensor
    history: History = field(default_factory=History)
    step: int = 0
    seconds: float = 0.0
    stop_requested: bool = False
    interrupted: bool = False

    @classmethod
    def create(cls, config: TrainConfig, device: torch.device | str = "cpu") -> "GANState":
        """The state before the first step; equal configurations give equal bits."""
        generator = build_generator(config).to(device)
        discriminator = build_discriminator(config).to(device)

        def adam(network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
            return torch.optim.Adam(
                network.parameters(),
                lr=torch.tensor(learning_rate, device=device),
                betas=(config.beta1, config.beta2),
                fused=True,
            )

        return cls(
            config=config,
            generator=generator,
            discriminator=discriminator,
            average=copy.deepcopy(generator).eval().requires_grad_(False),
            optimizer_g=adam(generator, config.lr_g),
            optimizer_d=adam(discriminator, config.lr_d),
            lambda1=torch.tensor(config.lambda1, device=device),
            lambda2=torch.tensor(config.lambda2, device=device),
            lr_g=torch.tensor(config.lr_g, device=device),
            lr_d=torch.tensor(config.lr_d, device=device),
        )

    def control(self, name: str) -> float:
        """The present value of "lambda1", "lambda2", "lr_g" or "lr_d"."""
        check_choice("control", name, CONTROLS)
        return float(getattr(self, name))

    def set_control(self, name: str, value: float) -> None:
        """Change a control in mid-run; acts on the next step and is written into the history."""
        check_choice("control", name, CONTROLS)
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{name} must be a finite number, 0 or greater; got {value!r}.")
        getattr(self, name).fill_(value)
        self.history.events.append((self.step, name, float(value)))

    def set_learning_rates(self) -> None:
        """Give both optimizers what the next step takes: the control times the cooldown."""
        factor = self.config.learning_rate_factor(self.step)
        self.optimizer_g.param_groups[0]["lr"].copy_(self.lr_g).mul_(factor)
        self.optimizer_d.param_groups[0]["lr"].copy_(self.lr_d).mul_(factor)

    def ema_decay(self) -> float:
        """The decay of the running average at this step; small at first, so that it starts fast."""
        return min(self.config.ema_decay, (1 + self.step) / (10 + self.step))

    def state_dict(self) -> dict:
        """Everything that the next step depends on, as tensors and plain values."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "lambda1": self.lambda1,
            "lambda2": self.lambda2,
            "lr_g": self.lr_g,
            "lr_d": self.lr_d,
            "history": self.history.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }

    def load_state_dict(self, saved: dict) -> None:
        """The inverse of ``state_dict``, for a state made with the same configuration."""
        self.step, self.seconds = saved["step"], saved["seconds"]
        for part in ("generator", "discriminator", "average", "optimizer_g", "optimizer_d"):
            getattr(self, part).load_state_dict(saved[part])
        for name in CONTROLS:
            getattr(self, name).copy_(saved[name])
        self.history = History.from_state_dict(saved["history"])
        torch.set_rng_state(saved["torch_rng"])
