"""The files that ship with the course: where they lie, and whether they are what they should be."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import ConfigError

# The repository's data folder where the package lies in a checkout; else a folder of the user's.
_CHECKOUT = Path(__file__).resolve().parent.parent / "data"
DATA_FOLDER = _CHECKOUT if _CHECKOUT.is_dir() else Path.home() / ".cache" / "gan_course"


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """data/manifest.json: for each shipped file its sha256, bytes, licence and origin."""
    path = DATA_FOLDER / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged ({error}). Bring it back with: git checkout -- data/manifest.json"
        ) from error


def verify_shipped(name: str) -> Path:
    """The path of a file that ships with the course, once its hash has been checked.

    Args:
        name: as in the manifest, e.g. "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz".

    Raises:
        FileNotFoundError: if it is missing, with the command that brings it back.
        ConfigError: if its bytes are not those that were shipped.
    """
    path, entry = DATA_FOLDER / name, manifest().get(name)
    if entry is None:
        raise FileNotFoundError(
            f"{name} is not among the files that ship with the course. "
            f"Those are: {', '.join(sorted(manifest())) or 'none here'}."
        )
    remedy = f"Bring it back with: git checkout -- data/{name}"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. {remedy}")
    if sha256_of(path) != entry["sha256"]:
        raise ConfigError(f"{path} is damaged: its sha256 is not that of the manifest. {remedy}")
    return path
