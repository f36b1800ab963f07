"""The files that a user names, and the name of what is prepared from them. Standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xclass.data.manifest import MANIFEST
from xclass.errors import ConfigError, XclassError
from xclass.json_object import read_json_object


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFile:
    """One file as it was when it was looked at."""

    path: str
    size_bytes: int
    changed_ns: int
    """Time of its last change, in nanoseconds since 1970."""

    @classmethod
    def look_at(cls, path: Path) -> InputFile:
        """The file as it is now."""
        stat = path.stat()
        return cls(path=str(path), size_bytes=stat.st_size, changed_ns=stat.st_mtime_ns)


def absolute(key: str, path: str) -> str:
    """A path that means the same from every folder.

    Raises:
        ConfigError: it is empty.
    """
    if not path.strip():
        raise ConfigError(key, repr(path), allowed="the path of a file or a folder", remedy="name one")
    return str(Path(path).expanduser().absolute())


def input_files(key: str, path: str | None) -> list[InputFile]:
    """A file, or all files of a folder whose names do not begin with a dot or an underscore, by name.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    if path is None:
        raise ConfigError(
            key,
            "null",
            allowed="a file, or a folder with files",
            remedy=f"name it: {key.partition('.')[2]}=FILE",
        )
    place = Path(path)
    try:
        if place.is_dir():
            files = sorted(file for file in place.iterdir() if file.is_file() and file.name[0] not in "._")
        else:
            files = [place]
        found = [InputFile.look_at(file) for file in files]
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            key, path, allowed="a file or a folder that can be read", remedy=f"it is not: {reason}"
        ) from error
    if not found:
        raise ConfigError(
            key, path, allowed="a file, or a folder with files", remedy="there is none in this folder"
        )
    return found


def prepared_folder(cache: Path, kind: str, files: Sequence[InputFile], settings: Sequence[Any]) -> Path:
    """Folder of what is prepared from these files with these settings; other files have another."""
    key = json.dumps([[asdict(file) for file in files], list(settings)])
    return cache / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def prepared_facts(folder: Callable[[], Path]) -> dict[str, Any] | None:
    """What the manifest of a prepared folder says, unchecked; None where there is none or no input file."""
    try:
        path = folder() / MANIFEST
        return _read(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError, XclassError):
        return None


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int) -> dict[str, Any]:
    """A plan asks some hundred times."""
    return read_json_object(Path(path))
