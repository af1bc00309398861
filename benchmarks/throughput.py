"""Images a second and the share of this machine's own matmul peak: results/throughput.json.

python benchmarks/throughput.py [--threads 1]

A step is one update of D and one of G at the laptop's settings; its FLOPs are counted by torch's
FlopCounterMode (convolutions and matrix products, forwards and backwards). The
peak is the best of several sizes of float32 matrix products here. Every figure is a median over
rounds in which nets take turns; the clock is the process's own time, so with one thread it counts
core-seconds. Left out: loading data, building nets. The profile is of the default net: the twelve
largest shares of a step's time, and the rest.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from gan_course.acceleration import describe_machine
from gan_course.config import TrainConfig, recipe
from gan_course.data import load_images
from gan_course.losses import ADVERSARIAL_LOSSES, AdversarialLoss
from gan_course.state import GANState
from gan_course.training import batch, play_step

OUTPUT = Path(__file__).resolve().parents[1] / "results" / "throughput.json"
WIDTHS = (8, 16, 32, 64)
ROUNDS, STEPS = 5, 6


def matmul_peak() -> float:
    """The best GFLOP/s of float32 matrix products on this many threads."""
    best = 0.0
    for size in (512, 1024, 2048):
        a, b = torch.randn(size, size), torch.randn(size, size)
        for _ in range(6):
            started = time.process_time()
            a @ b
            best = max(best, 2 * size**3 / (time.process_time() - started) / 1e9)
    return best


def configurations() -> dict[str, TrainConfig]:
    """Each net at each width; the discriminator has the generator's width."""
    found = {}
    for width in WIDTHS:
        for name in ("mlp", "dcgan", "residual"):
            # The residual generator has half the width everywhere in the course.
            settings = {"generator_width": width / 2 if name == "residual" else width}
            settings |= {"generator": name, "discriminator_width": width}
            settings |= {"discriminator": "mlp" if name == "mlp" else "dcgan"}
            found[f"{name}, width {settings['generator_width']:g}"] = recipe("gan", **settings)
    return found


def step_flops(state: GANState, pixels: Tensor, loss: AdversarialLoss) -> int:
    """What a step computes, counted on the same passes written with ``backward()``.

    The counter cannot follow ``torch.autograd.grad`` to a leaf, which ``train_step`` uses.
    """
    real, z = batch(state.config, pixels, 0)
    with FlopCounterMode(display=False) as counter:
        fake = state.generator(z)
        real_logits, fake_logits = state.discriminator(real), state.discriminator(fake.detach())
        loss.discriminator(real_logits, fake_logits).backward()
        state.discriminator.requires_grad_(False)
        loss.generator(state.discriminator(fake)).backward()
        state.discriminator.requires_grad_(True)
    return counter.get_total_flops()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    pixels = load_images(count=10_000).pixels
    states = {name: GANState.create(config) for name, config in configurations().items()}
    loss = ADVERSARIAL_LOSSES[recipe("gan").loss]
    flops, seconds, peaks = {}, {name: [] for name in states}, []
    for name, state in states.items():
        flops[name] = step_flops(state, pixels, loss)
        play_step(state, pixels, loss)
    for _ in range(ROUNDS):
        peaks.append(matmul_peak())
        for name, state in states.items():
            started = time.process_time()
            for _ in range(STEPS):
                play_step(state, pixels, loss)
            seconds[name].append((time.process_time() - started) / STEPS)
    peak = statistics.median(peaks)
    nets = {}
    for name, state in states.items():
        step = statistics.median(seconds[name])
        nets[name] = {
            "ms_a_step": round(1000 * step, 2),
            "images_a_second": round(state.config.batch_size / step),
            "gflops_a_second": round(flops[name] / step / 1e9, 2),
            "share_of_matmul_peak": round(flops[name] / step / 1e9 / peak, 3),
        }
    default = GANState.create(recipe("gan"))
    for _ in range(5):
        play_step(default, pixels, loss)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(20):
            play_step(default, pixels, loss)
    events = sorted(profiled.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    report = {
        "what": "one step of D and of G, laptop settings; medians of interleaved rounds",
        "matmul_peak_gflops": round(peak, 1),
        "nets": nets,
        "profile_of_the_default": {
            event.key: round(event.self_cpu_time_total / total, 3) for event in events[:12]
        }
        | {"the rest": round(sum(e.self_cpu_time_total for e in events[12:]) / total, 3)},
        "machine": describe_machine(torch.device("cpu")),
    }
    text = json.dumps(report, indent=1, ensure_ascii=False)
    OUTPUT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
