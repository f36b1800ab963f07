"""Records on disk: one JSON file per (method, phase, pass, repeat), whole or absent, never half."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from xclass.errors import RecordError
from xclass.records.facts import check_facts
from xclass.records.record import Pass, Phase, Record

RECORDS_FOLDER = "records"

_FILE_NAME_PART = re.compile(r"[A-Za-z0-9_.+]+")
_PHASES = list(Phase)
_PASSES = list(Pass)
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file so that a reader, or a crash, sees the old file or the new one and nothing between.

    Args:
        path: the file; missing parent folders are made.
        text: its whole content; a lone surrogate is written as a backslash escape.

    Raises:
        RecordError: the file cannot be written (full disk, no permission); an older file is untouched.
    """
    # In the same folder, because a rename is atomic only within one file system; hidden and not
    # ending in .json, so that what a killed process leaves is never taken for a record.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be written: {error.strerror or error}; "
            "free space there or choose another output folder (hydra.run.dir=...)"
        ) from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON object with the guarantees of :func:`write_text`.

    Args:
        path: the file.
        document: JSON values and numpy scalars. A number that is not finite (a diverged loss) is
            written as null, because JSON has no word for it.

    Raises:
        RecordError: the file cannot be written; an older file is untouched.
    """
    write_text(path, json.dumps(_plain(document), indent=2, allow_nan=False) + "\n")


def record_path(run_dir: Path, record: Record) -> Path:
    """Where it lies: ``run_dir/records/<method>-<phase>-<pass>.json``, its repeats ``...-2.json``."""
    assert _FILE_NAME_PART.fullmatch(record.method), record.method
    number = f"-{record.repeat + 1}" if record.repeat else ""
    return run_dir / RECORDS_FOLDER / f"{record.method}-{record.phase}-{record.pass_}{number}.json"


def write_record(run_dir: Path, record: Record) -> Path:
    """Write one record.

    Returns:
        Its file.

    Raises:
        RecordError: it cannot be written.
    """
    path = record_path(run_dir, record)
    write_json(path, record.to_json())
    return path


def read_records(run_dir: Path, *, damaged: list[str] | None = None) -> list[Record]:
    """Read all records of a run, in the order of :func:`record_order`.

    Args:
        run_dir: the folder of one run; one without records gives an empty list.
        damaged: where given, a file that cannot be read appends its one-line reason here and is
            passed over, so that a report of the others can still be made.

    Raises:
        RecordError: a file is damaged or of another schema version, and ``damaged`` was not given.
    """
    records = []
    for path in sorted((run_dir / RECORDS_FOLDER).glob("*.json")):
        try:
            records.append(read_record(path))
        except RecordError as error:
            if damaged is None:
                raise
            damaged.append(str(error))
    return sorted(records, key=record_order)


def run_folders(folder: Path) -> list[Path]:
    """The folder itself if it is a run, else the runs below it."""
    if (folder / RECORDS_FOLDER).is_dir():
        return [folder]
    return sorted(path.parent for path in folder.rglob(RECORDS_FOLDER) if path.is_dir())


def record_order(record: Record) -> tuple[bool, int, str, int, int, int]:
    """Sort key: data preparation, then methods as they were asked for, then phases, passes and repeats."""
    methods = record.config.get("methods") or []
    return (
        record.phase is not Phase.PREPARE,
        methods.index(record.method) if record.method in methods else len(methods),
        record.method,
        _PHASES.index(record.phase),
        _PASSES.index(record.pass_),
        record.repeat,
    )


def read_record(path: Path) -> Record:
    """Read one record file.

    Raises:
        RecordError: it is damaged or of another schema version.
    """
    return parse_record(read_json(path), source=str(path))


def parse_record(document: dict[str, Any], *, source: str) -> Record:
    """A record from its JSON object, fit to be reported.

    Raises:
        RecordError: it is damaged or of another schema version; the message begins with ``source``.
    """
    record = Record.from_json(document, source=source)
    try:
        check_facts(record)
    except TypeError as error:
        raise RecordError(f"{source}: damaged: {error}; delete it and repeat the run") from error
    return record


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that :func:`write_json` wrote.

    Raises:
        RecordError: it cannot be read or is no JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read: {error.strerror or error}; check its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: damaged: not JSON ({error}); delete it and repeat the run") from error
    if not isinstance(document, dict):
        raise RecordError(f"{path}: damaged: not a JSON object; delete it and repeat the run")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    # A numpy scalar that a method left in its details must not cost the whole measurement; numpy
    # itself is not imported here.
    return _plain(value.item()) if hasattr(value, "item") else value


def _sync_folder(folder: Path) -> None:
    # Without it a power cut after the rename may bring back the old name.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
