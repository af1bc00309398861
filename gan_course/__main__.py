"""The course from a shell: python -m gan_course train|resume|sample|evaluate|ruler … --help."""

import argparse
import io
import sys
from dataclasses import fields, replace
from pathlib import Path

from . import checkpoint, experiments, metrics
from .acceleration import choose_device, describe_machine
from .config import OPTIMIZERS, PRESETS, RECIPES, TrainConfig, recipe
from .data import load_folder, load_images
from .errors import ConfigError
from .recordings import Recording, load_recording, save_recording
from .ruler import load_ruler, train_ruler
from .session import default_preset, expected_minutes, lesson_stamps, probe_seconds
from .shipped import DATA_FOLDER, manifest, verify_shipped
from .state import GANState
from .training import sample, train

FIELDS = {field.name: field.type for field in fields(TrainConfig)}


def _settings(pairs: list[str]) -> dict[str, object]:
    """``["lambda2=0.1", "shortcuts=false"]`` → names and values of the right type."""
    settings: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in FIELDS:
            raise ConfigError(
                f"--set takes NAME=VALUE with a name from {', '.join(FIELDS)}; got {pair!r}."
            )
        kind = FIELDS[name]
        try:
            if kind is bool:
                settings[name] = {"true": True, "false": False}[text.lower()]
            else:
                settings[name] = kind(text)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"{name} takes a {kind.__name__}; got {text!r}.") from error
    return settings


def _check_pt(option: str, path: str | None) -> None:
    if path is not None and Path(path).suffix != ".pt":
        raise ConfigError(f"{option} takes the name of a file that ends in .pt; got {path!r}.")


def _command(arguments: argparse.Namespace) -> str:
    return "python -m gan_course " + " ".join(arguments.typed)


def _finish(state: GANState, arguments: argparse.Namespace) -> int:
    """Say what was reached; returns the exit code, 130 after Ctrl-C as shells expect it."""
    if state.interrupted:
        print(f"Stopped at step {state.step} of {state.config.steps}; nothing is lost.")
        print(f"Go on with: python -m gan_course resume {arguments.run}")
    else:
        print(f"Done: {state.step} steps in {state.seconds:.0f} s, kept in {arguments.run}")
        print(f"See it with: python -m gan_course sample {arguments.run}")
    if getattr(arguments, "record", None):
        print(f"Recorded: {save_recording(state, arguments.record, _command(arguments))}")
    return 130 if state.interrupted else 0


def run_train(arguments: argparse.Namespace) -> int:
    preset = arguments.preset or default_preset(choose_device(arguments.device))
    _check_pt("--record", arguments.record)
    settings = _settings(arguments.set)
    if arguments.seed is not None:
        settings["seed"] = arguments.seed
    images = None
    if Path(arguments.data).is_dir():
        shape = {"size": settings.get("image_size", 32), "channels": settings.get("channels", 3)}
        images = load_folder(arguments.data, **shape)
        settings |= {"image_size": shape["size"], "channels": shape["channels"]}
    elif arguments.data == "cifar-10":
        settings = {"image_size": 32, "channels": 3} | settings
    settings["data"] = arguments.data
    config = recipe(arguments.recipe, preset=preset, optimizer=arguments.optimizer, **settings)
    arguments.run = arguments.run or f"runs/{arguments.recipe}-{preset}-seed{config.seed}"
    state = train(
        config,
        images=images,
        device=arguments.device,
        run_folder=arguments.run,
        resume=arguments.resume,
    )
    return _finish(state, arguments)


def run_resume(arguments: argparse.Namespace) -> int:
    config = checkpoint.newest(arguments.run).config
    if arguments.steps is not None:
        config = replace(config, steps=arguments.steps)
    images = None
    if Path(config.data).is_dir():
        images = load_folder(config.data, size=config.image_size, channels=config.channels)
    state = train(
        config, images=images, device=arguments.device, run_folder=arguments.run, resume=True
    )
    return _finish(state, arguments)


def _trained(source: str) -> GANState | Recording:
    """What a run folder, a recording or the name of a shipped one holds."""
    return checkpoint.newest(source) if Path(source).is_dir() else load_recording(source)


def run_sample(arguments: argparse.Namespace) -> None:
    from .plots import image_grids  # matplotlib takes a second to load; only this command draws

    output = Path(arguments.output)
    if output.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"the output must end in .png, .pdf or .svg; got {output}.")
    generator = _trained(arguments.source).average
    images = sample(generator, arguments.count, seed=arguments.seed)
    name = f"{arguments.count} samples of {Path(arguments.source).name}, seed {arguments.seed}"
    figure = image_grids({"": images}, title=name)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=output.suffix[1:], dpi=150)
    checkpoint.write_atomically(output, drawn.getvalue())
    print(f"Wrote {output}")


def run_evaluate(arguments: argparse.Namespace) -> None:
    trained = _trained(arguments.source)
    ruler = load_ruler(arguments.data or trained.config.data, arguments.split)
    images = sample(trained.average, arguments.count, seed=arguments.seed)
    reading = ruler.measure(images, source=f"averaged generator of {arguments.source}")
    print(reading)
    for name, share in zip(ruler.classes, reading.class_shares, strict=True):
        print(f"{name:>24} {share:6.1%} {'█' * round(100 * share)}")


def run_ruler(arguments: argparse.Namespace) -> None:
    _check_pt("--output", arguments.output)
    path = train_ruler(
        arguments.data,
        path=arguments.output,
        command=_command(arguments),
        epochs=arguments.epochs,
        device=arguments.device,
    )
    made = checkpoint.read(path)["made"]
    print(f"Wrote {path}, weights {made['weights']}")
    print(
        f"accuracy: validation {made['accuracy_validation']:.2%}, test {made['accuracy_test']:.2%}"
    )
    for name, distance in made["floors"].items():
        print(f"Fréchet distance, {name}: {distance:.3g}")


def run_sweep(arguments: argparse.Namespace) -> None:
    _check_pt("--output", arguments.output)
    settings = _settings(arguments.set)
    preset = arguments.preset or default_preset(choose_device())
    sweep = experiments.run_sweep(
        arguments.name, arguments.output, command=_command(arguments), preset=preset, **settings
    )
    for row in sweep.rows:
        figures = f"fd_fmnist_cnn {row['fd_fmnist_cnn']:8.2f}  variety {row['variety']:.2f}"
        print(f"{row['arm']:28} {figures}")


def run_doctor(arguments: argparse.Namespace) -> None:
    device = choose_device(arguments.device)
    for name, value in describe_machine(device).items():
        print(f"{name:12} {value}")
    preset = default_preset(device)
    print(f"{'preset':12} {preset} (set GAN_COURSE_PRESET to quick, laptop or gpu to change it)")
    for entry in sorted(manifest()):
        verify_shipped(entry)
    print(f"{'data':12} {len(manifest())} shipped files in {DATA_FOLDER}, every hash right")
    here = probe_seconds(device)
    print(f"{'probe':12} {here:.2f} s for a fixed piece of training work")
    for lesson, stamp in lesson_stamps().items():
        minutes = expected_minutes(stamp, here)
        known = "not measured" if minutes is None else f"about {minutes:.1f} minutes here"
        print(f"{lesson:28} {known}")
    images = load_images(split="validation")
    floors = metrics.norm_floors(images.pixels, count=1000)
    print(f"{'check':12} two real images are {floors.perfect_l2:.1f} apart in ‖·‖₂: data is sound")


def _add(commands, name: str, function, text: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=function)
    return parser


def build_parser() -> argparse.ArgumentParser:
    """Every command and option of the shell interface."""
    parser = argparse.ArgumentParser(prog="python -m gan_course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    options = " ".join(("--set", "lambda2=0.1", "--set", "steps=500"))

    p = _add(commands, "train", run_train, "Train one of the course's GANs.",
             f"python -m gan_course train snovengan --preset laptop {options}")  # fmt: skip
    p.add_argument("recipe", choices=RECIPES)
    p.add_argument("--data", default="fashion-mnist",
                   help="fashion-mnist, mnist, kmnist, cifar-10 or a folder of images")  # fmt: skip
    p.add_argument("--preset", choices=PRESETS, help="default: what fits the device")
    p.add_argument("--optimizer", choices=OPTIMIZERS, default="laptop")
    p.add_argument("--seed", type=int)
    p.add_argument("--run", help="the run's folder (default: runs/RECIPE-PRESET-seedN)")
    p.add_argument("--record", help="also write a recording to this .pt file")
    p.add_argument("--resume", action="store_true", help="go on if the folder holds this run")
    p.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the fastest)")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                   help="any setting of TrainConfig; may be repeated")  # fmt: skip

    p = _add(commands, "resume", run_resume, "Go on with a run that was stopped.",
             "python -m gan_course resume runs/gan-laptop-seed0")  # fmt: skip
    p.add_argument("run")
    p.add_argument("--steps", type=int, help="a new end, while the cooldown has not begun")
    p.add_argument("--device")

    p = _add(commands, "sample", run_sample, "Draw pictures from a run or a recording.",
             "python -m gan_course sample snovengan --count 64 --output samples.png")  # fmt: skip
    p.add_argument("source", help="a run folder, a recording, or the name of a shipped one")
    p.add_argument("--count", type=int, default=64)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--output", default="samples.png")

    p = _add(commands, "evaluate", run_evaluate, "Measure a run or a recording with the ruler.",
             "python -m gan_course evaluate snovengan --count 10000 --split test")  # fmt: skip
    p.add_argument("source", help="a run folder, a recording, or the name of a shipped one")
    p.add_argument("--data", help="whose ruler (default: the data that it was trained on)")
    p.add_argument("--split", choices=("validation", "test"), default="validation",
                   help="validation to choose settings by, test for verdicts")  # fmt: skip
    p.add_argument("--count", type=int, default=5000)
    p.add_argument("--seed", type=int, default=0)

    p = _add(commands, "ruler", run_ruler, "Make a data set's ruler: classifier, hash, floors.",
             "python -m gan_course ruler --data mnist")  # fmt: skip
    p.add_argument("--data", default="fashion-mnist", help="also mnist, kmnist, cifar-10")
    p.add_argument("--output", help="the file (default: data/rulers/DATA.pt)")
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--device", help="cpu, cuda, mps (default: the fastest)")

    p = _add(commands, "sweep", run_sweep, "Run a lesson's sweep; goes on where it was stopped.",
             "python -m gan_course sweep lambda --output sweep.pt --set steps=1500")  # fmt: skip
    p.add_argument("name", choices=experiments.SWEEPS)
    p.add_argument("--output", required=True)
    p.add_argument("--preset", choices=PRESETS)
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")

    p = _add(commands, "doctor", run_doctor, "Check this machine, the data and the lessons' times.",
             "python -m gan_course doctor")  # fmt: skip
    p.add_argument("--device")
    return parser


def main(typed: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Errors a learner can mend are one sentence."""
    typed = sys.argv[1:] if typed is None else typed
    arguments = build_parser().parse_args(typed)
    arguments.typed = typed
    try:
        return arguments.function(arguments) or 0
    except (ValueError, OSError, FloatingPointError) as error:
        message = error.strerror if isinstance(error, OSError) and error.strerror else error
        print(f"{type(error).__name__}: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped in mid-step; the last checkpoint stands.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
