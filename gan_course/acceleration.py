"""The device, and the running average of G's weights: one idea per function."""

import os
import platform

import torch
from torch import nn

from .errors import ConfigError


def choose_device(name: str | None = None) -> torch.device:
    """The fastest device of this machine, or the one asked for.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps"; None takes CUDA, then Apple's MPS, then CPU.

    Raises:
        ConfigError: if the device asked for is not there.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"device must be cpu, cuda or mps; got {name!r}.") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        found = [kind for kind, there in present.items() if there]
        raise ConfigError(
            f"device {name!r} was asked for, but this machine offers only {', '.join(found)}. "
            "Leave the device out to take the fastest one; on Colab switch a GPU on under "
            "Runtime → Change runtime type."
        )
    return device


def describe_machine(device: torch.device | None = None) -> dict[str, str | int]:
    """Processor, cores, torch threads, versions and the accelerator, as plain text and numbers."""
    device = device or choose_device()
    processor = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
        processor = names[0] if names else processor
    accelerator = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "accelerator": accelerator,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "system": platform.system(),
    }


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move ``average`` a little towards ``model``: ``average ← decay·average + (1−decay)·model``.

    Floating-point *buffers* move too: without BatchNorm's running mean and variance the averaged
    generator would be evaluated with the statistics of its first step. Integer buffers are copied.

    Args:
        average: a deep copy of ``model`` made before training; changed in place.
        decay: in [0, 1); 0 copies ``model``.
    """
    targets = [*average.parameters(), *average.buffers()]
    sources = [*model.parameters(), *model.buffers()]
    moving = [i for i, tensor in enumerate(targets) if tensor.is_floating_point()]
    torch._foreach_lerp_([targets[i] for i in moving], [sources[i] for i in moving], 1 - decay)
    for target, source in zip(targets, sources, strict=True):
        if not target.is_floating_point():
            target.copy_(source)
