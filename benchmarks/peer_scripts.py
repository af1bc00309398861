"""Do our configurations play as the projects' own scripts do? Compare the first losses.

python benchmarks/peer_scripts.py "PyTorch-GAN gan" CHECKOUT     # at the commit in peers.py

Runs the project's script as it is, from the same seed, with Fashion-MNIST's files where it looks
for MNIST's, stops it after 20 lines of losses, trains our configuration as long, and keeps both in
results/peer_losses.json. Only what surrounds the script is ours: the seed and the folder that it
runs in. torchgan's is a notebook whose trainer prints no losses: its cells run but for the plots,
and what its train_iter returns is noted.
"""

import argparse
import gzip
import itertools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from peers import PEERS, resized, shuffled_batches

from gan_course.data import DATA_FOLDER, load_images

OUTPUT = Path(__file__).resolve().parents[1] / "results" / "peer_losses.json"
SEED = 0
SCRIPTS = {
    "pytorch/examples dcgan": ("dcgan/main.py", "--dataset mnist --dataroot ../../data/mnist "
                               "--manualSeed 0 --workers 0 --niter 1"),
    "PyTorch-GAN gan": ("implementations/gan/gan.py", ""),
    "PyTorch-GAN dcgan": ("implementations/dcgan/dcgan.py", ""),
    "PyTorch-GAN wgan_gp": ("implementations/wgan_gp/wgan_gp.py", ""),
    "torchgan dcgan": ("tutorials/Tutorial 1. Introduction to TorchGAN.ipynb", ""),
}  # fmt: skip
LAUNCHER = """
import builtins, os, runpy, sys
import numpy, torch
count, script, *arguments = sys.argv[1:]
numpy.random.seed(0); torch.manual_seed(0); torch.set_num_threads(1)
say, seen = builtins.print, []
def counting(*parts, **options):
    say(*parts, **options, flush=True)
    seen.extend(part for part in parts if "loss" in str(part).lower() and "[" in str(part))
    if len(seen) >= int(count):
        sys.stdout.flush()
        os._exit(0)
builtins.print = counting
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""
TORCHGAN_LAUNCHER = """
import json, os, sys
import torch
count, notebook = int(sys.argv[1]), sys.argv[2]
sys.path.insert(0, os.path.dirname(os.path.dirname(notebook)))
import torchgan.trainer.base_trainer as trainer_module
inner, seen = trainer_module.BaseTrainer.train_iter, []
def noting(self):
    result = inner(self)
    print(f"[D loss: {result[1]:f}] [G loss: {result[0]:f}]", flush=True)
    seen.append(result)
    if len(seen) >= count:
        os._exit(0)
    return result
trainer_module.BaseTrainer.train_iter = noting
torch.set_num_threads(1)
os.symlink("../../data/mnist", "mnist")
space = {}
for cell in json.load(open(notebook))["cells"]:
    code = "".join(cell["source"])
    if cell["cell_type"] != "code" or "pip" in code or "plt." in code:
        continue
    code = code.replace("manualSeed = 999", "manualSeed = 0")
    exec(code, space)
"""


def own_losses(name: str, checkout: Path, count: int) -> list[tuple[float, float]]:
    """(loss of D, loss of G) as the project's script prints them."""
    script, arguments = SCRIPTS[name]
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "data" / "mnist" / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for packed in (DATA_FOLDER / "FashionMNIST" / "raw").glob("*.gz"):
            (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        folder = Path(scratch) / "implementations" / "here"
        folder.mkdir(parents=True)
        launcher = TORCHGAN_LAUNCHER if name.startswith("torchgan") else LAUNCHER
        command = [sys.executable, "-c", launcher, str(count), str(checkout / script)]
        done = subprocess.run(
            [*command, *arguments.split()], cwd=folder, capture_output=True, text=True
        )
    found = re.findall(
        r"(?:D loss: |Loss_D: )([-\d.]+)\]? (?:\[G loss: |Loss_G: )([-\d.]+)", done.stdout
    )
    if len(found) < count:
        raise SystemExit(f"{script} ended after {len(found)} losses:\n{done.stderr[-2000:]}")
    return [(float(d), float(g)) for d, g in found[:count]]


def our_losses(name: str, count: int) -> list[tuple[float, float]]:
    """The same from our configuration."""
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    # They train on the whole official training part.
    parts = [load_images(split=split).pixels for split in ("train", "validation")]
    pixels = resized(torch.cat(parts), PEERS[name].image_size)
    game = PEERS[name].play(shuffled_batches(pixels))
    next(game)
    return list(itertools.islice(game, count))


def main() -> None:
    """Compare one project and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--losses", type=int, default=20)
    arguments = parser.parse_args()
    own = own_losses(arguments.name, arguments.checkout.resolve(), arguments.losses)
    ours = our_losses(arguments.name, arguments.losses)
    gap = max(abs(a - b) for o, p in zip(own, ours, strict=True) for a, b in zip(o, p, strict=True))
    report = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    report[arguments.name] = {
        "source": PEERS[arguments.name].source,
        "seed": SEED,
        "torch": str(torch.__version__),
        "largest_difference": gap,
        "own_script": own,
        "ours": [[round(d, 6), round(g, 6)] for d, g in ours],
    }
    text = json.dumps(report, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\s+([-\d.e]+),\s+([-\d.e]+)\s+\]", r"[\1, \2]", text)
    OUTPUT.write_text(text + "\n", encoding="utf-8")
    print(f"{arguments.name}: largest difference {gap:.2g} over {arguments.losses} pairs of losses")


if __name__ == "__main__":
    main()
