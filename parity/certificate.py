"""Certificates: what a replay proved about one route group, tied by digests to the recording, the ledger and the code."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["FORMAT", "Certificate", "code_digest", "file_of", "write_certificate"]

FORMAT = "parity-certificate/1"
# What a stack's code is made of; caches and bytecode are not.
_CODE = frozenset({".py", ".toml", ".lock", ".sql", ".html", ".json", ".ini", ".mako", ".in"})


@dataclass(frozen=True)
class Certificate:
    """The outcome for one route group. `created` is ISO UTC; digests are SHA-256 in hex."""

    group: str
    passed: bool
    reasons: Sequence[str]
    created: str
    recordings: Mapping[str, str]
    ledger: str
    code: Mapping[str, str]
    database: str
    exchanges: int
    accepted: int
    unexplained: int
    wanted: int
    seen: int

    def as_json(self) -> dict[str, object]:
        return {"format": FORMAT, **asdict(self)}


def code_digest(root: Path, folders: Iterable[str]) -> str:
    """Return a digest of names and contents of all code files below the folders (or single files) of `root`."""
    total = sha256()
    for folder in sorted(set(folders)):
        place = root / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and path.suffix in _CODE and "__pycache__" not in path.parts:
                total.update(f"{path.relative_to(root).as_posix()}\0".encode())
                total.update(sha256(path.read_bytes()).digest())
    return total.hexdigest()


def file_of(folder: Path, group: str) -> Path:
    return folder / f"{group.replace('/', '_')}.json"


def write_certificate(folder: Path, certificate: Certificate) -> Path:
    """Write the certificate as `<folder>/<group>.json`, atomically, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = file_of(folder, certificate.group)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(certificate.as_json(), indent=2) + "\n")
    draft.replace(path)
    return path
