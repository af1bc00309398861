"""Peak resident memory, each piece of work in a process of its own: results/peak_memory.json.

python benchmarks/peak_memory.py
"""

import json
import subprocess
import sys
from pathlib import Path

import torch

from gan_course.acceleration import describe_machine

OUTPUT = Path(__file__).resolve().parents[1] / "results" / "peak_memory.json"
PREPARE = "import resource, torch; from gan_course.data import load_images; "
TRAIN = (
    "from gan_course.training import train; from gan_course.config import recipe; "
    "train(recipe({!r}, steps=50), progress=False)"
)
WORK = {
    "importing torch and loading the training images": "load_images()",
    "training the default gan": TRAIN.format("gan"),
    "training the default snovengan": TRAIN.format("snovengan"),
    "5 nearest of 60,000 for 10,000, 64 features each": (
        "from gan_course.neighbours import nearest; "
        "nearest(torch.randn(10_000, 64), torch.randn(60_000, 64), 5)"
    ),
    "every metric of 10,000 samples against 10,000 test images": (
        "from gan_course.ruler import load_ruler; "
        "load_ruler(split='test').measure(load_images(count=10_000).pixels, source='real')"
    ),
}
REPORT = "; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def main() -> None:
    """Measure and write. ru_maxrss counts kilobytes on Linux and bytes on macOS."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    found = {}
    for name, code in WORK.items():
        command = [sys.executable, "-c", PREPARE + code + REPORT]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = round(int(done.stdout.split()[-1]) / unit)
    report = {"peak_resident_MiB": found, "machine": describe_machine(torch.device("cpu"))}
    text = json.dumps(report, indent=1, ensure_ascii=False)
    OUTPUT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
