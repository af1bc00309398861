"""Bad input: the right type of error, a remedy in the sentence, and nobody's file changed."""

from __future__ import annotations

import errno
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import small_config, small_images
from test_checkpoint import contents, full_disk

from gan_course import checkpoint
from gan_course.__main__ import main
from gan_course.acceleration import choose_device
from gan_course.capacity import match_width, parameter_count
from gan_course.config import TrainConfig, recipe
from gan_course.data import Images, batch_indices, load_folder, load_images, to_images, to_uint8
from gan_course.errors import CheckpointError, ConfigError
from gan_course.experiments import run_sweep
from gan_course.inception import inception_fid
from gan_course.losses import energy_distance, norm_loss, norm_terms, pair, repulsion
from gan_course.metrics import (
    PrincipalComponents,
    frechet_distance,
    kernel_distance,
    norm_floors,
)
from gan_course.models import DCGANDiscriminator, DCGANGenerator, MLPGenerator
from gan_course.neighbours import manifold_metrics, memorisation, nearest
from gan_course.plots import film_strip, image_grids, show
from gan_course.recordings import load_recording, load_sweep, save_recording, save_sweep
from gan_course.ruler import load_ruler
from gan_course.session import start
from gan_course.shipped import verify_shipped
from gan_course.state import GANState
from gan_course.toys import toy_points
from gan_course.training import sample, train

ROOT = Path(__file__).resolve().parents[1]
NAN = math.nan


def quietly(config, images=None, **arguments):
    return train(config, images=images or small_images(), progress=False, **arguments)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Somebody's files: a run, a recording, a sweep, pictures and a drawing."""
    home = tmp_path_factory.mktemp("home")
    state = quietly(small_config("gan", steps=4), run_folder=home / "run")
    save_recording(state, home / "recording.pt", "made for a test")
    save_sweep(home / "sweep.pt", [], [torch.zeros(1)], {})
    (home / "empty").mkdir()
    (home / "unreadable").mkdir()
    (home / "unreadable" / "picture.png").write_text("not a picture")
    (home / "samples.png").write_bytes(b"an old drawing")
    (home / "notes.txt").write_text("notes")
    shutil.copytree(home / "run", home / "cut")
    for path in (home / "cut").iterdir():
        path.write_bytes(path.read_bytes()[:500])
    return home


@pytest.fixture
def home(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "home"))


@pytest.fixture(autouse=True)
def nothing_changes(request):
    """Whatever a case does, every file that was there before is there afterwards, byte for byte."""
    if "home" not in request.fixturenames:
        yield
        return
    home = request.getfixturevalue("home")
    before = contents(home)
    yield
    after = contents(home)
    assert {name: after.get(name) for name in before} == before
    assert not [name for name in after if name not in before and ".pt." in name], "a leftover"


FLOATS = torch.zeros(4, 1, 16, 16)
BYTES = torch.zeros(4, 1, 16, 16, dtype=torch.uint8)
noise_free = Images(FLOATS, torch.zeros(4).long(), ("x",), "floats")

# (what, the mistake, the type of its error, a piece of the remedy)
VALUES = [
    # wrong shape
    ("norm terms of unequal shapes", lambda: norm_terms(FLOATS, FLOATS[:3]), ConfigError,
     "batches of equal size"),
    ("norm terms without a batch", lambda: norm_terms(FLOATS[0, 0, 0], FLOATS[0, 0, 0]),
     ConfigError, "one shape (N, ...)"),
    ("pixels without channels", lambda: to_images(BYTES[:, 0]), ConfigError, "load_images"),
    ("images without a batch", lambda: to_uint8(FLOATS[0]), ConfigError, "(N, C, H, W) floats"),
    ("pictures without a batch", lambda: image_grids({"a": FLOATS[0]}, title="t"), ConfigError,
     "(N, C, H, W)"),
    ("latents of another length", lambda: sample(MLPGenerator(8, (1, 16, 16), 2),
     torch.zeros(4, 9)), ConfigError, "must be (N, 8)"),
    ("no latents", lambda: sample(MLPGenerator(8, (1, 16, 16), 2), torch.zeros(0, 8)), ConfigError,
     "N ≥ 1"),
    ("unequal features", lambda: frechet_distance(torch.rand(9, 2), torch.rand(9, 3)), ConfigError,
     "one feature function"),
    ("features that are images", lambda: frechet_distance(FLOATS, FLOATS), ConfigError, "Flatten"),
    ("kernel distance of unequal features", lambda: kernel_distance(torch.rand(9, 2),
     torch.rand(9, 3)), ConfigError, "one feature function"),
    ("kernel distance of one row", lambda: kernel_distance(torch.rand(1, 2), torch.rand(9, 2)),
     ConfigError, "2 rows or more"),
    ("kernel distance of draws of one", lambda: kernel_distance(torch.rand(9, 2),
     torch.rand(9, 2), size=1), ConfigError, "1 a draw"),
    ("neighbours among unequal features", lambda: nearest(torch.rand(9, 2), torch.rand(9, 3)),
     ConfigError, "one feature function"),
    ("neighbours without a batch", lambda: nearest(torch.rand(9), torch.rand(9)), ConfigError,
     "(N, d) and (M, d)"),
    ("copies looked for with another ruler", lambda: memorisation(torch.rand(9, 2),
     torch.rand(9, 3), torch.rand(9, 3)), ConfigError, "one feature function"),
    ("oblong images", lambda: DCGANGenerator(8, (1, 16, 20)), ConfigError,
     "(channels, size, size)"),
    ("images of another size", lambda: quietly(small_config(), small_images(size=20)), ConfigError,
     "Set image_size and channels"),
    ("images of another colour", lambda: quietly(small_config(), small_images(channels=3)),
     ConfigError, "Set image_size and channels"),
    # wrong dtype
    ("norm loss of bytes", lambda: norm_loss(BYTES, BYTES, 1, 1), ConfigError, "to_images"),
    ("float pixels", lambda: to_images(FLOATS), ConfigError, "must be uint8"),
    ("byte images", lambda: to_uint8(BYTES), ConfigError, "floats in [-1, 1]"),
    ("a ruler for bytes", lambda: PrincipalComponents.fit(BYTES), ConfigError, "to_images"),
    ("floors of floats", lambda: norm_floors(FLOATS), ConfigError, "must be uint8"),
    ("training on floats", lambda: quietly(small_config(batch_size=4), noise_free), ConfigError,
     "must be uint8"),
    # out of range
    ("tiny images", lambda: DCGANDiscriminator((1, 8, 8)), ConfigError, "at least 16 pixels"),
    ("two channels", lambda: small_config(channels=2), ConfigError, "1 or 3 channels"),
    ("negative λ", lambda: small_config(lambda1=-0.1), ConfigError, "0 or greater"),
    ("λ that is no number", lambda: small_config(lambda2=NAN), ConfigError, "finite number"),
    ("λ in words", lambda: small_config(lambda2="much"), ConfigError, "finite number"),
    ("negative λ in the loss", lambda: norm_loss(FLOATS, FLOATS, -1, 0), ConfigError,
     "0 switches its term off"),
    ("NaN λ in the loss", lambda: norm_loss(FLOATS, FLOATS, 0, NAN), ConfigError, "0 or greater"),
    ("negative λ on a slider", lambda: GANState.create(small_config()).set_control("lambda1", -1),
     ConfigError, "0 or greater"),
    ("no learning rate", lambda: small_config(lr_g=0), ConfigError, "greater than 0"),
    ("infinite learning rate", lambda: small_config(lr_d=math.inf), ConfigError, "finite number"),
    ("β of one", lambda: small_config(beta2=1.0), ConfigError, "in [0, 1)"),
    ("a batch of one", lambda: small_config(batch_size=1), ConfigError, "2 or greater (BatchNorm)"),
    ("no steps", lambda: small_config(steps=0), ConfigError, "1 or greater"),
    ("half a step", lambda: small_config(steps=2.5), ConfigError, "whole number"),
    ("negative seed", lambda: small_config(seed=-1), ConfigError, "in 0…"),
    ("endless seed", lambda: small_config(seed=2**70), ConfigError, "in 0…"),
    ("too few images", lambda: quietly(small_config(), small_images(5)), ConfigError,
     "Lower batch_size or load more"),
    ("no images to batch", lambda: batch_indices(0, 4, 0, 0), ConfigError, "Lower batch_size"),
    ("zero samples", lambda: sample(MLPGenerator(8, (1, 16, 16), 2), 0), ConfigError,
     "1 or greater"),
    ("more images than there are", lambda: load_images(split="test", count=10_001), ConfigError,
     "must be in 1…10000"),
    ("images too small", lambda: load_images(split="test", size=8), ConfigError, "at least 16"),
    ("no toy points", lambda: toy_points("ring", 0, torch.Generator()), ConfigError,
     "1 or greater"),
    ("too few features", lambda: frechet_distance(torch.rand(8, 8), torch.rand(99, 8)), ConfigError,
     "more samples than the 8"),
    ("features with a NaN", lambda: frechet_distance(torch.full((9, 2), NAN), torch.rand(9, 2)),
     ConfigError, "must be finite"),
    ("neighbours with an infinity", lambda: nearest(torch.full((9, 2), math.inf),
     torch.rand(9, 2)), ConfigError, "must be finite"),
    ("more neighbours than points", lambda: nearest(torch.rand(9, 2), torch.rand(4, 2), 5),
     ConfigError, "must be in 1…4"),
    ("no neighbours", lambda: nearest(torch.rand(9, 2), torch.rand(4, 2), 0), ConfigError,
     "must be in 1…4"),
    ("balls of more neighbours than points", lambda: manifold_metrics(torch.rand(5, 2),
     torch.rand(9, 2), 5), ConfigError, "more than k points"),
    ("balls of no neighbours", lambda: manifold_metrics(torch.rand(5, 2), torch.rand(9, 2), 0),
     ConfigError, "k ≥ 1"),
    ("Inception FID of few images", lambda: inception_fid(FLOATS, FLOATS), ConfigError,
     "more than 2,048 images"),
    ("negative R1", lambda: small_config(r1_weight=-1), ConfigError, "0 or greater"),
    ("R1 that is no number", lambda: small_config(r1_weight=NAN), ConfigError, "finite number"),
    ("R1 at no step", lambda: small_config(r1_every=0), ConfigError, "1 or greater"),
    ("R1 at every half step", lambda: small_config(r1_every=0.5), ConfigError, "whole number"),
    ("D never trained", lambda: small_config(discriminator_steps=0), ConfigError, "1 or greater"),
    ("D trained one and a half times", lambda: small_config(discriminator_steps=1.5), ConfigError,
     "whole number"),
    ("a cooldown of everything", lambda: small_config(cooldown=1.0), ConfigError, "in [0, 1)"),
    ("a negative cooldown", lambda: small_config(cooldown=-0.1), ConfigError, "in [0, 1)"),
    ("more components than pixels", lambda: PrincipalComponents.fit(FLOATS, count=300), ConfigError,
     "Lower count"),
    ("floors of one image", lambda: norm_floors(BYTES[:1]), ConfigError, "at least 2 images"),
    ("repulsion of one image", lambda: repulsion(FLOATS[:1], 1, 1), ConfigError, "Raise the batch"),
    ("energy of one row", lambda: energy_distance(FLOATS[:1], FLOATS), ConfigError, "more samples"),
    ("an unreachable width", lambda: match_width(lambda w: MLPGenerator(2, (1, 16, 16), w),
     parameter_count, 10), ConfigError, "Choose a larger target"),
    # unknown names
    ("unknown option", lambda: recipe("gan", lambda3=1), ConfigError, "Known: "),
    ("unknown recipe", lambda: recipe("cyclegan"), ConfigError, "gan, progan"),
    ("unknown preset", lambda: recipe("gan", preset="huge"), ConfigError, "quick, laptop, gpu"),
    ("unknown optimizer", lambda: recipe("gan", optimizer="sgd"), ConfigError, "article, laptop"),
    ("unknown loss", lambda: small_config(loss="wasserstein"), ConfigError, "non_saturating"),
    ("unknown pairing", lambda: pair(FLOATS, FLOATS, "best"), ConfigError, "assignment"),
    ("unknown initialisation", lambda: small_config(initialisation="xavier"), ConfigError,
     "dcgan, orthogonal"),
    ("a ruler for pictures of one's own", lambda: load_ruler("holidays"), FileNotFoundError,
     "load_ruler(reference=images)"),
    ("a ruler's unknown split", lambda: load_ruler(split="dev"), ConfigError,
     "train, validation, test"),
    ("unknown generator", lambda: small_config(generator="unet"), ConfigError, "mlp, dcgan"),
    ("unknown norm", lambda: DCGANDiscriminator((1, 16, 16), norm="layer"), ConfigError,
     "batch, spectral, none"),
    ("unknown data", lambda: load_images("imagenet"), ConfigError, "fashion-mnist, mnist"),
    ("unknown split", lambda: load_images(split="dev"), ConfigError, "train, validation, test"),
    ("unknown toy", lambda: toy_points("donut", 5, torch.Generator()), ConfigError, "ring"),
    ("unknown sweep", lambda: run_sweep("width", "x.pt"), ConfigError, "lambda, depth"),
    ("unknown preset of a session", lambda: start("02", preset="big"), ConfigError,
     "quick, laptop"),
    ("no name for the data", lambda: small_config(data=""), ConfigError, "such as 'fashion-mnist'"),
    ("unhashable loss", lambda: small_config(loss=["hinge"]), ConfigError, "must be one of"),
    # a truth value is not a number, nor the other way round
    ("True for a count", lambda: small_config(steps=True), ConfigError, "must be a number"),
    ("True for a weight", lambda: small_config(lambda1=True), ConfigError, "must be a number"),
    ("1 for a switch", lambda: small_config(shortcuts=1), ConfigError, "True or False"),
    ("True for a seed", lambda: start("02", seed=True), ConfigError, "whole number"),
    # devices
    ("an accelerator that nobody has", lambda: choose_device("vulkan"), ConfigError,
     "Leave the device out"),
    ("a device that is no device", lambda: choose_device("gpu7"), ConfigError, "cpu, cuda or mps"),
    ("a GPU number that nobody has", lambda: choose_device("cuda:99"), ConfigError,
     "Change runtime type"),
    ("training on a missing GPU", lambda: quietly(small_config(), device="cuda:99"), ConfigError,
     "Leave the device out"),
    # pictures
    ("a figure that says nothing", lambda: show(None, alt=" ", source="x"), ConfigError,
     "in a sentence"),
    ("a film of nothing", lambda: film_strip(GANState.create(small_config()).history, title="t"),
     ConfigError, "train for at least one step"),
]  # fmt: skip

FILES = [
    ("a folder that is not there", lambda home: load_folder(home / "nowhere"), ConfigError,
     "Give the folder that holds"),
    ("a file for a folder", lambda home: load_folder(home / "notes.txt"), ConfigError,
     "Give the folder that holds"),
    ("an empty folder", lambda home: load_folder(home / "empty"), ConfigError, "PNG and JPEG"),
    ("a folder of rubbish", lambda home: load_folder(home / "unreadable"), ConfigError,
     "PNG and JPEG"),
    ("a folder of rubbish in two colours", lambda home: load_folder(home / "empty", channels=2),
     ConfigError, "channels must be 1 or 3"),
    ("a checkpoint that is not there", lambda home: checkpoint.load(home / "x.pt"),
     FileNotFoundError, "train first"),
    ("a run that is not there", lambda home: checkpoint.newest(home / "empty"), FileNotFoundError,
     "Start one with"),
    ("a truncated run", lambda home: checkpoint.newest(home / "cut"), CheckpointError,
     "none of the 1 checkpoints"),
    ("resuming a truncated run", lambda home: quietly(small_config("gan", steps=4),
     run_folder=home / "cut", resume=True), CheckpointError, "none of the 1 checkpoints"),
    ("a checkpoint of another model", lambda home: quietly(small_config("snovengan", steps=4),
     run_folder=home / "run", resume=True), CheckpointError, "another folder"),
    ("a run folder in use", lambda home: quietly(small_config("gan", steps=4),
     run_folder=home / "run"), CheckpointError, "resume=True"),
    ("a run folder that is a file", lambda home: quietly(small_config(),
     run_folder=home / "notes.txt"), OSError, "Choose another folder"),
    ("a run folder below a file", lambda home: quietly(small_config(),
     run_folder=home / "notes.txt" / "run"), OSError, "Choose another folder"),
    ("a recording loaded as a checkpoint", lambda home: checkpoint.load(home / "recording.pt"),
     CheckpointError, "load_recording"),
    ("a sweep loaded as a recording", lambda home: load_recording(home / "sweep.pt"),
     CheckpointError, "load_sweep"),
    ("a recording loaded as a sweep", lambda home: load_sweep(home / "recording.pt"),
     CheckpointError, "load_recording"),
    ("notes loaded as a checkpoint", lambda home: checkpoint.load(home / "notes.txt"),
     CheckpointError, "older checkpoint"),
    ("a recording that does not ship", lambda home: load_recording("nothing"), FileNotFoundError,
     "is not among the files that ship"),
    ("a recording that is not there", lambda home: load_recording(home / "nothing.pt"),
     FileNotFoundError, "Check the path"),
    ("a file that does not ship", lambda home: verify_shipped("../pyproject.toml"),
     FileNotFoundError, "not among the files"),
    ("a recording in a place that is a file", lambda home: save_recording(
     checkpoint.newest(home / "run"), home / "notes.txt" / "r.pt", ""), OSError,
     "choose another folder"),
]  # fmt: skip


def check(mistake, kind, remedy) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mistake", "kind", "remedy"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES]
)
def test_a_wrong_value(mistake, kind, remedy):
    check(mistake, kind, remedy)


@pytest.mark.parametrize(
    ("mistake", "kind", "remedy"), [case[1:] for case in FILES], ids=[case[0] for case in FILES]
)
def test_a_wrong_file(mistake, kind, remedy, home):
    check(lambda: mistake(home), kind, remedy)


def test_there_are_enough_cases():
    assert len(VALUES) + len(FILES) >= 30


def test_a_missing_gpu_names_what_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="this machine offers only cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("save", ["checkpoint", "recording", "sweep", "drawing"])
def test_a_full_disk(save, home, monkeypatch, capsys):
    """Each kind of file, saved over an older one of the same name."""
    state = checkpoint.newest(home / "run")
    monkeypatch.setattr(os, "fsync", full_disk)
    if save == "drawing":
        command = ["sample", str(home / "run"), "--count", "4", "--output"]
        assert main([*command, str(home / "samples.png")]) == 1
        assert "Free some disk space" in capsys.readouterr().err
        return
    writers = {
        "checkpoint": lambda: checkpoint.save(state, home / "run"),
        "recording": lambda: save_recording(state, home / "recording.pt", ""),
        "sweep": lambda: save_sweep(home / "sweep.pt", [], [torch.ones(1)], {}),
    }
    with pytest.raises(OSError, match="Free some disk space") as caught:
        writers[save]()
    assert caught.value.errno == errno.ENOSPC


def test_a_full_disk_in_mid_training_leaves_the_checkpoints(home, monkeypatch):
    longer = small_config("gan", steps=12)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="then resume the run"):
        quietly(longer, run_folder=home / "run", resume=True)
    monkeypatch.undo()
    assert checkpoint.newest(home / "run").step == 4


def test_a_preset_that_is_none_in_the_environment(monkeypatch):
    monkeypatch.setenv("GAN_COURSE_PRESET", "enormous")
    with pytest.raises(ConfigError, match="Unset it to let the course choose"):
        start("02_vanilla_gan")


def test_a_sweep_does_not_go_on_over_another(home):
    rows = [{"arm": "λ1=0 λ2=0", "steps": 7, "seed": 0, "width": 4.0}]
    save_sweep(home / "other.pt", rows, [torch.zeros(16, 1, 28, 28, dtype=torch.uint8)], {})
    before = contents(home)
    with pytest.raises(ConfigError, match="Give the sweep another file"):
        run_sweep("lambda", home / "other.pt", preset="quick", progress=False)
    assert contents(home) == before


def test_a_configuration_is_frozen():
    with pytest.raises(AttributeError):
        small_config().lambda1 = 1.0
    with pytest.raises(ConfigError, match="unknown setting"):
        TrainConfig.from_dict({"lamda1": 1.0})


# What people type by mistake, and a piece of what they are told.
GARBAGE = [
    ([], "required: command"),
    (["fly"], "choose from"),
    (["train"], "required: recipe"),
    (["train", "stylegan"], "choose from"),
    (["train", "gan", "--preset", "mega"], "choose from"),
    (["train", "gan", "--set", "lambda9=1"], "takes NAME=VALUE"),
    (["train", "gan", "--set", "lambda1"], "takes NAME=VALUE"),
    (["train", "gan", "--set", "lambda1=lots"], "takes a float"),
    (["train", "gan", "--set", "shortcuts=perhaps"], "takes a bool"),
    (["train", "gan", "--set", "lambda1=-1"], "0 or greater"),
    (["train", "gan", "--set", "lambda1=nan"], "finite number"),
    (["train", "gan", "--seed", "x"], "invalid int value"),
    (["train", "gan", "--seed", "-1"], "in 0…"),
    (["train", "gan", "--data", "no-such-data"], "fashion-mnist, mnist"),
    (["train", "gan", "--data", "{home}/empty"], "PNG and JPEG"),
    (["train", "gan", "--device", "cuda:99"], "Leave the device out"),
    (["train", "gan", "--run", "{home}/notes.txt"], "Choose another folder"),
    (["train", "gan", "--run", "{home}/run"], "already holds a run"),
    (["train", "gan", "--record", "{home}/notes.txt"], "ends in .pt"),
    (["resume", "{home}/nowhere"], "Start one with"),
    (["resume", "{home}/cut"], "none of the 1 checkpoints"),
    (["resume", "{home}/run", "--steps", "0"], "1 or greater"),
    (["sample", "nothing"], "not among the files that ship"),
    (["sample", "{home}/run", "--count", "0"], "1 or greater"),
    (["sample", "{home}/run", "--output", "{home}/samples.doc"], "must end in .png"),
    (["sample", "{home}/sweep.pt"], "load_sweep"),
    (["sample", "{home}/run", "--output", "{home}/notes.txt/a.png"], "choose another folder"),
    (["train", "gan", "--set", "cooldown=1"], "in [0, 1)"),
    (["train", "gan", "--set", "initialisation=xavier"], "dcgan, orthogonal"),
    (["evaluate"], "required: source"),
    (["evaluate", "nothing"], "not among the files that ship"),
    (["evaluate", "{home}/cut"], "none of the 1 checkpoints"),
    (["evaluate", "{home}/sweep.pt"], "load_sweep"),
    (["evaluate", "{home}/run"], "load_ruler(reference=images)"),
    (["evaluate", "{home}/run", "--split", "train"], "choose from"),
    (["ruler", "--data", "imagenet"], "fashion-mnist, mnist"),
    (["ruler", "--output", "{home}/notes.txt"], "ends in .pt"),
    (["ruler", "--epochs", "many"], "invalid int value"),
    (["ruler", "--device", "tpu", "--output", "{home}/new.pt"], "cpu, cuda or mps"),
    (["ruler"], "is there already"),
    (["ruler", "--epochs", "0", "--output", "{home}/new.pt"], "1 or greater"),
    (["sweep", "lambda"], "required: --output"),
    (["sweep", "everything", "--output", "x.pt"], "choose from"),
    (["sweep", "lambda", "--output", "{home}/notes.txt"], "ends in .pt"),
    (["doctor", "--device", "tpu"], "cpu, cuda or mps"),
]


@pytest.mark.parametrize(("typed", "told"), GARBAGE, ids=[" ".join(typed) for typed, _ in GARBAGE])
def test_nonsense_in_the_shell(typed, told, home, capsys, monkeypatch):
    monkeypatch.chdir(home / "empty")
    monkeypatch.setenv("GAN_COURSE_PRESET", "quick")
    typed = [word.replace("{home}", str(home)) for word in typed]
    try:
        code = main(typed)
    except SystemExit as stopped:  # argparse: usage, then one sentence
        code = stopped.code
    said = capsys.readouterr().err
    assert code not in (0, None)
    assert told in said.splitlines()[-1]
    assert "Traceback" not in said
    assert list((home / "empty").iterdir()) == []


def test_the_shell_really_exits_with_a_sentence(home):
    command = [sys.executable, "-m", "gan_course", "resume", str(home / "cut")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("CheckpointError: none of the 1 checkpoints")
