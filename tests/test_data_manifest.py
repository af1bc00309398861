"""Every shipped data file is in the manifest with its true hash, and the data stay small."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

import manifest

DATA = manifest.ROOT / "data"
MEGABYTE = 10**6


def test_the_manifest_agrees_with_the_files():
    assert manifest.differences(DATA) == []


def test_every_tracked_data_file_is_in_the_manifest():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "data"], cwd=manifest.ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout (an unpacked archive): there is no list of tracked files")
    tracked = {Path(name).relative_to("data") for name in listed.stdout.split("\0") if name}
    data_files = {path.as_posix() for path in tracked if path.name not in manifest.NOTICES}
    assert data_files - set(manifest.read(DATA)) == set()


def test_torchvision_accepts_the_fashion_mnist_files():
    from torchvision.datasets import FashionMNIST

    for name, md5 in FashionMNIST.resources:
        assert hashlib.md5((DATA / "FashionMNIST/raw" / name).read_bytes()).hexdigest() == md5, name


def test_data_stay_within_their_budgets():
    sizes = {name: (DATA / name).stat().st_size for name in manifest.shipped_files(DATA)}
    assert sum(sizes.values()) <= 45 * MEGABYTE
    recordings = {name: size for name, size in sizes.items() if name.startswith("recordings/")}
    assert {name: size for name, size in recordings.items() if size > 2 * MEGABYTE} == {}


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "recordings").mkdir(parents=True)
    (data / "recordings" / "run.json").write_text("{}")
    command = ["--command", "python -m gan_course train gan", str(data / "recordings/run.json")]
    assert manifest.main(command, data) == 0
    return data


def test_a_changed_a_missing_and_a_new_file_are_each_reported(small_data: Path):
    assert manifest.main(["--check"], small_data) == 0
    recording = small_data / "recordings/run.json"
    recording.write_text("[]")
    assert "differs" in manifest.differences(small_data)[0]
    recording.unlink()
    assert "not on the disk" in manifest.differences(small_data)[0]
    recording.write_text("{}")
    (small_data / "recordings/new.json").write_text("{}")
    assert manifest.differences(small_data) == ["data/recordings/new.json is not in the manifest"]
    assert manifest.main(["--check"], small_data) == 1


def test_a_recording_without_its_command_is_refused(small_data: Path, capsys):
    (small_data / "recordings/new.json").write_text("{}")
    assert manifest.main([], small_data) == 1
    assert "--command" in capsys.readouterr().err


def test_refreshing_keeps_the_command(small_data: Path):
    (small_data / "recordings/run.json").write_text("[1]")
    assert manifest.main([], small_data) == 0
    entry = json.loads((small_data / "manifest.json").read_text())["recordings/run.json"]
    assert entry["command"] == "python -m gan_course train gan"
    assert entry["bytes"] == 3
