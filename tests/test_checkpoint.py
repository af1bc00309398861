"""Files: resumed bit for bit, refused when damaged or foreign, and never lost to a full disk."""

from __future__ import annotations

import ast
import dataclasses
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import same_bits, small_config, small_images
from test_training import without_time

from gan_course import checkpoint, recordings, shipped
from gan_course.errors import CheckpointError, ConfigError
from gan_course.recordings import (
    load_or_train,
    load_recording,
    load_sweep,
    save_recording,
    save_sweep,
)
from gan_course.state import GANState
from gan_course.training import sample, train

ROOT = Path(__file__).resolve().parents[1]


def quietly(config, **arguments) -> GANState:
    return train(config, images=small_images(), progress=False, **arguments)


def stop_at(step: int):
    def stop(state):
        state.stop_requested = state.step >= step

    return stop


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run folder with two checkpoints, at steps 8 and 12; tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    quietly(small_config(), run_folder=folder)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.parametrize("norm", ["batch", "spectral"])
@pytest.mark.parametrize("stop", [3, 6, 9])
def test_resume_gives_the_bits_of_an_unbroken_run(stop, norm, tmp_path):
    """Weights, buffers, both optimizers, the average, history, moments and λ: all of it."""
    config = small_config(discriminator_norm=norm)
    quietly(config, run_folder=tmp_path, callbacks=[stop_at(stop)])
    torch.manual_seed(stop)  # whatever happened in between
    resumed = without_time(quietly(config, run_folder=tmp_path, resume=True))
    whole = without_time(quietly(config))
    resumed.pop("torch_rng"), whole.pop("torch_rng")
    for name in whole:
        assert same_bits(resumed[name], whole[name]), name


def test_resume_keeps_slider_events_and_their_effect(tmp_path):
    config = small_config()

    def move(state):
        if state.step == 3:
            state.set_control("lambda2", 0.5)
            state.set_control("lr_d", 1e-4)

    quietly(config, run_folder=tmp_path, callbacks=[move, stop_at(6)])
    resumed = quietly(config, run_folder=tmp_path, resume=True)
    whole = quietly(config, callbacks=[move])
    assert (
        resumed.history.events
        == whole.history.events
        == [
            (3, "lambda2", 0.5),
            (3, "lr_d", 1e-4),
        ]
    )
    assert resumed.control("lr_d") == pytest.approx(1e-4)
    assert same_bits(dict(resumed.generator.state_dict()), dict(whole.generator.state_dict()))


def test_the_end_may_be_moved(run):
    longer = quietly(small_config(steps=20), run_folder=run, resume=True)
    whole = quietly(small_config(steps=20))
    assert longer.step == 20
    assert same_bits(dict(longer.generator.state_dict()), dict(whole.generator.state_dict()))


def test_resuming_a_finished_run_changes_nothing(run):
    before = contents(run)
    state = quietly(small_config(), run_folder=run, resume=True)
    assert state.step == 12 and not state.interrupted
    assert contents(run) == before


def test_resuming_nothing_starts(tmp_path, capsys):
    state = quietly(small_config(steps=4), run_folder=tmp_path / "new", resume=True)
    assert state.step == 4 and "starting at step 0" in capsys.readouterr().err


def test_the_newest_two_are_kept(run):
    assert [path.name for path in checkpoint.run_files(run)] == [
        "step_00000012.pt",
        "step_00000008.pt",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"lambda2": 0.5}, f"lambda2: {small_config().lambda2} → 0.5"),
        ({"lr_g": 3e-4, "seed": 4}, "seed: 0 → 4"),
        ({"steps": 6}, "steps: 12 are done → 6 asked for"),
        ({"generator": "dcgan"}, "generator: 'residual' → 'dcgan'"),
        ({"image_size": 16, "ema_decay": 0.9}, "ema_decay: 0.995 → 0.9"),
    ],
    ids=["lambda2", "two", "steps", "generator", "ema_decay"],
)
def test_another_configuration_is_refused_with_the_differences(run, changes, line):
    before = contents(run)
    with pytest.raises(CheckpointError) as caught:
        quietly(small_config(**changes), run_folder=run, resume=True)
    assert line in str(caught.value) and "another folder" in str(caught.value)
    for name in changes:
        assert (f"{name}: " in str(caught.value)) == (name != "image_size")
    assert contents(run) == before


def test_a_folder_in_use_is_not_overwritten(run):
    before = contents(run)
    with pytest.raises(CheckpointError, match="resume=True"):
        quietly(small_config(), run_folder=run)
    assert contents(run) == before


def test_every_truncation_is_refused(run, tmp_path):
    whole = checkpoint.run_files(run)[0].read_bytes()
    path = tmp_path / "cut.pt"
    lengths = {*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1, len(whole) - 64, 1}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="older checkpoint"):
            checkpoint.load(path)


def test_every_flipped_bit_is_refused(run, tmp_path):
    whole = checkpoint.run_files(run)[0].read_bytes()
    path = tmp_path / "flipped.pt"
    step = max(1, len(whole) // 150)
    positions = [*range(0, len(whole), step), *range(len(whole) - 72, len(whole), 5)]
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def test_appended_bytes_are_refused(run, tmp_path):
    path = tmp_path / "longer.pt"
    path.write_bytes(checkpoint.run_files(run)[0].read_bytes() + b"x")
    with pytest.raises(CheckpointError):
        checkpoint.load(path)


def test_a_damaged_newest_file_falls_back_to_the_one_before(run, capsys):
    newest = checkpoint.run_files(run)[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    state = checkpoint.newest(run)
    said = capsys.readouterr().err
    assert state.step == 8 and newest.name in said and "the one before" in said
    resumed = quietly(small_config(), run_folder=run, resume=True)
    whole = quietly(small_config())
    assert same_bits(dict(resumed.generator.state_dict()), dict(whole.generator.state_dict()))


def test_when_every_file_is_damaged_it_says_so(run):
    for path in checkpoint.run_files(run):
        path.write_bytes(b"nonsense")
    before = contents(run)
    with pytest.raises(CheckpointError, match="none of the 2 checkpoints"):
        quietly(small_config(), run_folder=run, resume=True)
    assert contents(run) == before


def test_leftovers_of_a_killed_save_are_not_mistaken_for_checkpoints(run):
    (run / ".step_00000016.pt.abc123").write_bytes(b"half a file")
    assert checkpoint.newest(run).step == 12


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_saved_file_is_as_readable_as_any_other(run):
    ordinary = run / "ordinary"
    ordinary.touch()
    assert checkpoint.run_files(run)[0].stat().st_mode == ordinary.stat().st_mode


def full_disk(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_files_and_no_rubbish(run, monkeypatch):
    before = contents(run)
    state = checkpoint.newest(run)
    state.step = 13
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError) as caught:
        checkpoint.save(state, run)
    assert caught.value.errno == errno.ENOSPC
    assert "untouched" in str(caught.value) and "Free some disk space" in str(caught.value)
    assert contents(run) == before


def test_a_full_disk_does_not_hurt_a_file_that_is_replaced(run, monkeypatch):
    before = contents(run)
    state = checkpoint.newest(run)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError):
        checkpoint.save(state, run)  # the same step: the same name
    assert contents(run) == before


SAVE = """
import resource, sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
{limit}
from gan_course import checkpoint
state = checkpoint.newest({folder!r})
state.step += 1
try:
    checkpoint.save(state, {folder!r})
except OSError as error:
    print("refused:", error)
"""


def saves_in_another_program(folder: Path, limit: str = "") -> str:
    code = SAVE.format(root=str(ROOT), folder=str(folder), limit=limit)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_real_limit_on_file_size_leaves_the_old_files(run):
    before = contents(run)
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    assert "Free some disk space" in saves_in_another_program(run, limit)
    assert contents(run) == before


def test_a_real_full_disk_leaves_the_old_files(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    used = sum(path.stat().st_size for path in run.iterdir())
    command = ["mount", "-t", "tmpfs", "-o", f"size={used + 60_000}", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk; the size limit above is tried instead")
    try:
        shutil.copytree(run, disk / "run")
        before = contents(disk / "run")
        assert "Free some disk space" in saves_in_another_program(disk / "run")
        assert contents(disk / "run") == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_torch_load_is_used_for_data_only():
    """weights_only=True at every call, and no other reader that runs code."""
    calls = 0
    for path in sorted((ROOT / "gan_course").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "dill", "joblib", "shelve"} & set(names), path
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func) == "torch.load":
                calls += 1
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert keywords.get("weights_only") == "True", f"{path}:{node.lineno}"
            assert "allow_pickle" not in [k.arg for k in node.keywords], path
    assert calls == 1


class Bomb:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_file_that_wants_to_run_code_is_refused(tmp_path, capsys):
    buffer = io.BytesIO()
    torch.save({"format": 1, "state": Bomb()}, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest().encode()
    path = tmp_path / "step_00000001.pt"
    path.write_bytes(buffer.getvalue() + b"\nsha256:" + digest)
    with pytest.raises(CheckpointError, match="was not loaded"):
        checkpoint.load(path)
    assert "must not run" not in capsys.readouterr().out


def rewritten(run: Path, change) -> Path:
    """A checkpoint with an intact hash and changed content, as another version would write it."""
    path = checkpoint.run_files(run)[0]
    content = checkpoint.read(path)
    change(content)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest().encode()
    path.write_bytes(buffer.getvalue() + b"\nsha256:" + digest)
    return path


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda c: c.update(format=99), "Update gan_course"),
        (lambda c: c.pop("format"), "Use one of its own files"),
        (lambda c: c["config"].update(lambda3=1.0), "version of gan_course that wrote it"),
        (lambda c: c["state"].pop("optimizer_g"), "version of gan_course that wrote it"),
        (lambda c: c["config"].update(generator_width=4.0), "version of gan_course that wrote"),
        (lambda c: c.pop("state"), "load_recording"),
    ],
)
def test_files_of_other_versions_and_kinds_are_refused(run, change, remedy):
    with pytest.raises(CheckpointError, match=remedy):
        checkpoint.load(rewritten(run, change))


def test_a_saved_file_is_an_ordinary_torch_file(run):
    """The hash stands behind the archive, so torch alone can read a checkpoint too."""
    path = checkpoint.run_files(run)[0]
    content = torch.load(io.BytesIO(path.read_bytes()), weights_only=True)
    assert content["state"]["step"] == 12


def test_a_recording_keeps_what_figures_need(run, tmp_path):
    state = checkpoint.newest(run)
    path = save_recording(state, tmp_path / "small.pt", "python -m gan_course train snovengan")
    recording = load_recording(path)
    assert recording.config == state.config and recording.caption == "recorded, seed 0"
    assert recording.origin["command"].endswith("train snovengan")
    assert recording.history.columns.keys() == state.history.columns.keys()
    assert same_bits(recording.history.moments, state.history.moments)
    assert same_bits(recording.history["loss_d"], state.history["loss_d"])
    difference = sample(recording.average, 16) - sample(state.average, 16)
    assert difference.abs().max() < 0.01  # half precision
    assert not any(p.requires_grad for p in recording.average.parameters())
    assert path.stat().st_size < 2_000_000


def test_a_recording_is_smaller_than_a_checkpoint(run, tmp_path):
    path = save_recording(checkpoint.newest(run), tmp_path / "small.pt", "")
    assert path.stat().st_size < checkpoint.run_files(run)[0].stat().st_size / 2


def test_a_sweep_keeps_rows_and_pictures(tmp_path):
    rows = [{"arm": "a", "fd_fmnist_cnn": 1.5}, {"arm": "b", "fd_fmnist_cnn": 2.5}]
    samples = [torch.full((4, 1, 16, 16), i, dtype=torch.uint8) for i in range(2)]
    sweep = load_sweep(save_sweep(tmp_path / "s.pt", rows, samples, {"command": "x"}))
    assert sweep.rows == rows and sweep.origin == {"command": "x"}
    assert torch.equal(sweep.samples, torch.stack(samples))


def test_kinds_of_files_are_not_confused(run, tmp_path):
    saved = checkpoint.run_files(run)[0]
    recording = save_recording(checkpoint.newest(run), tmp_path / "r.pt", "")
    sweep = save_sweep(tmp_path / "s.pt", [], [torch.zeros(1)], {})
    with pytest.raises(CheckpointError, match="load_recording"):
        checkpoint.load(recording)
    for path in (saved, sweep):
        with pytest.raises(CheckpointError, match="is not a recording"):
            load_recording(path)
    for path in (saved, recording):
        with pytest.raises(CheckpointError, match="is not a sweep"):
            load_sweep(path)


def test_a_damaged_recording_is_refused(run, tmp_path):
    path = save_recording(checkpoint.newest(run), tmp_path / "r.pt", "")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="train again"):
        load_recording(path)


def test_a_recording_of_another_version_is_refused(run, tmp_path, monkeypatch):
    path = save_recording(checkpoint.newest(run), tmp_path / "r.pt", "")
    monkeypatch.setattr(
        recordings.TrainConfig, "from_dict", lambda d: (_ for _ in ()).throw(ConfigError("odd"))
    )
    with pytest.raises(CheckpointError, match="train again"):
        load_recording(path)


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder in place of the course's."""
    folder = tmp_path / "data"
    folder.mkdir()
    for module in (shipped, recordings):
        monkeypatch.setattr(module, "DATA_FOLDER", folder)
    shipped.manifest.cache_clear()
    yield folder
    shipped.manifest.cache_clear()


def test_load_or_train_trains_where_the_recording_is_missing(data_folder, capsys):
    config = small_config(steps=3)
    recording = load_or_train("small", config, images=small_images())
    assert recording.caption == "trained here, seed 0" and recording.config == config
    assert "training it now" in capsys.readouterr().out
    assert len(recording.history) == 1 and not recording.average.training
    assert list(data_folder.iterdir()) == []


def test_load_or_train_loads_where_it_is_there(data_folder, run):
    path = data_folder / "recordings" / "small.pt"
    save_recording(checkpoint.newest(run), path, "made before")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"recordings/small.pt": {"sha256": digest}}
    (data_folder / "manifest.json").write_text(json.dumps(manifest))
    recording = load_or_train("small", small_config(steps=3), images=small_images())
    assert recording.caption == "recorded, seed 0" and recording.origin["command"] == "made before"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="git checkout"):
        load_or_train("small", small_config(steps=3), images=small_images())


def test_configurations_survive_a_round_trip():
    config = small_config(lambda1=1, lr_g=1)  # whole numbers given for floats
    assert type(config).from_dict(config.to_dict()) == config
    assert dataclasses.replace(config, lambda1=1.0) == config
