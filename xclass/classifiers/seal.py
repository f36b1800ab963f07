"""The seal of a saved model: which files it has, of what size and content; checked before it is opened.

``checksums.json`` is written when a folder is complete and read before anything else in it is: engines trust
their files, and one that was damaged ends the process, answers nonsense or worse. The seal finds damage and
a change by who can write some files of the folder; whoever can write all of them can seal them anew. Against
that, keep the :func:`fingerprint <check_seal>` elsewhere and compare.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from xclass.errors import ModelError
from xclass.json_object import read_json_object

SEAL = "checksums.json"
FORMAT_VERSION = 1
_PARTIAL = f".{SEAL}.partial"
_CHUNK_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int], None]
"""Called with the bytes that were read so far, and all that there are."""


class SealLevel(StrEnum):
    """What of a folder is compared with its seal."""

    sizes = "sizes"
    """Names and sizes: as fast as listing the folder, finds what is missing, additional or cut short."""
    contents = "contents"
    """The sha256 of every file besides: reads all of them."""


@dataclass(frozen=True, slots=True)
class _File:
    size_bytes: int
    sha256: str


def seal(folder: Path, *, progress: Progress | None = None) -> str:
    """Write the seal of a folder as it is now; a seal that was there is replaced.

    Args:
        folder: complete; nothing in it may change afterwards.
        progress: see :data:`Progress`.

    Returns:
        The fingerprint: the sha256 of the seal, 64 hexadecimal digits, which binds every byte of the model.

    Raises:
        ModelError: the folder holds what is no plain file: a link, a pipe.
        OSError: a file cannot be read, or the seal not be written.

    Memory:
        1 MiB, whatever the files have.
    """
    partial = folder / _PARTIAL
    partial.unlink(missing_ok=True)
    found = _files_below(folder)
    total = sum(found.values())
    done, files = 0, {}
    for name, size in found.items():
        files[name] = {"bytes": size, "sha256": _sha256(folder / name, _moved(progress, done, total))}
        done += size
    content = json.dumps({"format_version": FORMAT_VERSION, "files": files}, indent=1).encode()
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / SEAL)
    return hashlib.sha256(content).hexdigest()


def check_seal(
    folder: Path, *, level: SealLevel = SealLevel.contents, progress: Progress | None = None
) -> str:
    """Compare a folder with its seal. Nothing but the seal is parsed.

    A folder without a seal is refused like a damaged one: else who deletes the seal were rid of the check.
    The measured load phase of a run compares sizes only: hashing reads every page, so that the figure were
    the cost of this check and not of a model that is opened memory-mapped.

    Args:
        folder: of a saved model; it may itself be reached through a link.
        level: how closely.
        progress: see :data:`Progress`.

    Returns:
        The fingerprint, see :func:`seal`.

    Raises:
        ModelError: no seal, or a file is missing, additional, of another size or content, or no plain file;
            names the file and the remedy.

    Memory:
        1 MiB at level ``contents``, a few hundred bytes per file at level ``sizes``.
    """
    sealed, fingerprint = _read_seal(folder)
    try:
        found = _files_below(folder)
        _compare_names(folder, sealed, found)
        if level is SealLevel.contents:
            _compare_contents(folder, sealed, progress)
    except OSError as error:
        raise _refusal(Path(error.filename or folder), f"cannot be read ({error.strerror})") from error
    return fingerprint


def _compare_names(folder: Path, sealed: dict[str, _File], found: dict[str, int]) -> None:
    for name in sealed:
        if name not in found:
            raise _refusal(folder / name, "missing; it is sealed")
    for name, size in found.items():
        if name not in sealed:
            raise ModelError(
                f"{_shown(folder / name)}: not of the sealed model; delete it, or if it belongs there seal "
                f"the model anew: {_new_seal(folder)}"
            )
        if size != sealed[name].size_bytes:
            raise _refusal(folder / name, f"{size} bytes, sealed with {sealed[name].size_bytes}")


def _compare_contents(folder: Path, sealed: dict[str, _File], progress: Progress | None) -> None:
    total = sum(file.size_bytes for file in sealed.values())
    done = 0
    for name, file in sealed.items():
        if _sha256(folder / name, _moved(progress, done, total)) != file.sha256:
            raise _refusal(folder / name, "not the bytes that were sealed")
        done += file.size_bytes


def _read_seal(folder: Path) -> tuple[dict[str, _File], str]:
    """The files of the seal, by their names, and its own sha256."""
    path = folder / SEAL
    if not os.path.lexists(path):
        if not folder.is_dir():
            raise ModelError(f"{_shown(folder)}: no such folder; give one of a run's models/")
        raise ModelError(
            f"{_shown(path)}: missing, the model is not sealed; if you trust whoever made it, seal it as it "
            f"is: {_new_seal(folder)}"
        )
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _refusal(path, "no plain file")
    try:
        document = read_json_object(path)
        if document.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"format_version={document.get('format_version')}, not {FORMAT_VERSION}")
        files = document.get("files")
        if not isinstance(files, dict):
            raise ValueError("no object named files")
        sealed = {name: _parse_file(name, facts) for name, facts in files.items()}
        return sealed, _sha256(path, None)
    except (OSError, ValueError) as error:
        raise _refusal(path, f"not a readable seal ({_shown(error)})") from error


def _parse_file(name: str, facts: Any) -> _File:
    if not _is_inside(name):
        raise ValueError(f"the name {name} leaves the folder")
    if not isinstance(facts, dict) or facts.keys() != {"bytes", "sha256"}:
        raise ValueError(f"{name} has not bytes and sha256")
    size, digest = facts["bytes"], facts["sha256"]
    if type(size) is not int or size < 0 or type(digest) is not str or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{name}: bytes is no count or sha256 no 64 digits")
    return _File(size, digest)


def _is_inside(name: str) -> bool:
    """Whether it is a relative name of a file below, with ``/`` between its parts."""
    return "\0" not in name and all(part not in ("", ".", "..") for part in name.split("/"))


def _files_below(folder: Path) -> dict[str, int]:
    """Relative name -> bytes of every plain file but the seal, sorted."""
    return {name: size for name, size in sorted(_walk(folder, "")) if name != SEAL}


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif stat.S_ISREG(facts.st_mode):
                yield f"{prefix}{entry.name}", facts.st_size
            else:
                # Where a link leads may change after the check, and a pipe would wait for ever.
                raise _refusal(Path(entry.path), "a link, pipe or device, not a plain file")


def _sha256(path: Path, progress: Progress | None) -> str:
    digest, buffer, done = hashlib.sha256(), bytearray(_CHUNK_BYTES), 0
    view = memoryview(buffer)
    # O_NOFOLLOW and O_NONBLOCK: it was a plain file a moment ago. man open(2)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while num_read := file.readinto(buffer):
            digest.update(view[:num_read])
            done += num_read
            if progress is not None:
                progress(done, done)
    return digest.hexdigest()


def _moved(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one file as progress of all of them."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def _refusal(path: Path, what: str) -> ModelError:
    return ModelError(
        f"{_shown(path)}: {what}; the model is damaged or was changed: copy it again or train it again"
    )


def _new_seal(folder: Path) -> str:
    return f"python -m xclass.seal {_shown(shlex.quote(str(folder)))} new=true"


def _shown(text: object) -> str:
    """On one line, whatever a file is called: no control characters, no change of the writing direction."""
    said = str(text)
    return said if said.isprintable() else said.encode("unicode_escape").decode()
