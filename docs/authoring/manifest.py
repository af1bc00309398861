"""Keep data/manifest.json: for each shipped file its hash, size, licence and origin.

python docs/authoring/manifest.py           # refresh hashes and sizes, drop what is gone
python docs/authoring/manifest.py --check   # change nothing; exit 1 when it is not true
python docs/authoring/manifest.py --command "python -m gan_course train ..." FILES
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTICES = {"README.md", "LICENSE", "manifest.json"}
# Data sets downloaded on demand also land in data/: only these are shipped.
SHIPPED = ("FashionMNIST/raw/*.gz", "recordings/**/*", "rulers/fashion-mnist.pt")


def sha256(path: Path) -> str:
    """Return the hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def shipped_files(data: Path) -> list[str]:
    """Return the names, relative to ``data``, of the files that need an entry."""
    found = {path for pattern in SHIPPED for path in data.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(data).as_posix() for path in found if path.name not in NOTICES)


def build(data: Path, old: dict[str, dict], commands: dict[str, str]) -> dict[str, dict]:
    """Return a fresh manifest.

    Args:
        data: the data folder.
        old: the manifest so far; licences, sources and commands are kept from it.
        commands: the command that made a file, for files that are new or made again.

    Raises:
        ValueError: a file has neither a source nor a command, or a command names no shipped file.
    """
    names = shipped_files(data)
    if strangers := sorted(set(commands) - set(names)):
        raise ValueError(f"--command names files that are not shipped: {', '.join(strangers)}")
    fresh: dict[str, dict] = {}
    for name in names:
        path, kept = data / name, dict(old.get(name, {}))
        if name in commands:
            kept["command"] = commands[name]
        if not kept.get("source") and not kept.get("command"):
            raise ValueError(f'data/{name} is new: say what made it, --command "..." data/{name}')
        fresh[name] = {
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "license": kept.get("license", "MIT"),
            **{key: kept[key] for key in ("source", "command") if key in kept},
        }
    return fresh


def read(data: Path) -> dict[str, dict]:
    """Return the manifest of a data folder ({} when there is none)."""
    path = data / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def differences(data: Path) -> list[str]:
    """Return one sentence for each file that the manifest does not describe truly."""
    manifest, names, said = read(data), set(shipped_files(data)), []
    for name in sorted(names | set(manifest)):
        entry = manifest.get(name)
        if entry is None:
            said.append(f"data/{name} is not in the manifest")
        elif name not in names:
            said.append(f"data/{name} is in the manifest but not on the disk")
        elif [entry["bytes"], entry["sha256"]] != [
            (data / name).stat().st_size,
            sha256(data / name),
        ]:
            said.append(f"data/{name} differs from its hash or size in the manifest")
        elif not entry.get("license") or not (entry.get("source") or entry.get("command")):
            said.append(f"data/{name} lacks its licence, or its source or command")
    return said


def main(arguments: list[str] | None = None, data: Path = ROOT / "data") -> int:
    """Refresh or check the manifest; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="files that --command made")
    parser.add_argument("--command", help="the command that made the files")
    parser.add_argument("--check", action="store_true", help="change nothing, report differences")
    options = parser.parse_args(arguments)
    if bool(options.files) != bool(options.command):
        parser.error("--command and the files that it made belong together")
    if options.check:
        said = differences(data)
        print("\n".join(said) or "The manifest agrees with the files.")
        return 1 if said else 0
    try:
        names = {path.resolve().relative_to(data.resolve()).as_posix() for path in options.files}
        fresh = build(data, read(data), dict.fromkeys(names, options.command))
    except ValueError as error:
        print(f"manifest: {error}", file=sys.stderr)
        return 1
    text = json.dumps(fresh, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (data / "manifest.json").write_text(text, encoding="utf-8")
    print(f"data/manifest.json lists {len(fresh)} files.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
