"""A folder that appears whole or not at all, whatever happens to the process that writes it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xclass.errors import DataError

_LOCK = "lock"


@contextmanager
def publishing(folder: Path, *, room: str) -> Iterator[Path]:
    """Give a temporary sibling to write into; at the end it becomes ``folder``.

    If two processes publish the same folder, the first to finish wins and the other's work is dropped:
    rename(2) refuses to replace a folder that is not empty. A killed process leaves only a hidden
    ``.<name>.partial-<pid>-*``, which the next call removes.

    Args:
        folder: must be on a local file system that offers rename and flock.
        room: what a user must have free there, in words: ``about 1.2 GB``.

    Yields:
        The temporary folder, empty but for a file named ``lock``.

    Raises:
        DataError: the disk is full, or the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        # Not mkdtemp: its mode 0700 would shut others out of a shared cache.
        partial = folder.parent / f"{_prefix(folder)}{os.getpid()}-{secrets.token_hex(4)}"
        partial.mkdir()
    except OSError as error:
        raise _cannot_write(folder, error, room) from error
    try:
        with (partial / _LOCK).open("xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield partial
            _sync_tree(partial)
            (partial / _LOCK).unlink()
            _rename_unless_exists(partial, folder)
    except OSError as error:
        raise _cannot_write(folder, error, room) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prefix(folder: Path) -> str:
    return f".{folder.name}.partial-"


def _remove_stale(folder: Path) -> None:
    """Remove what dead processes left.

    Both signs must agree: a process id may be reused or may belong to another container that shares the
    cache, and a folder seen between its making and its locking has no lock yet.
    """
    for partial in folder.parent.glob(f"{_prefix(folder)}*"):
        pid = partial.name.removeprefix(_prefix(folder)).partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)) and not _is_locked(partial / _LOCK):
            shutil.rmtree(partial, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _sync_tree(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename_unless_exists(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        return
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(folder: Path, error: OSError, room: str) -> DataError:
    return DataError(
        f"{folder}: cannot be written ({error.strerror or error}); "
        f"free {room} there or choose another folder with data.cache=..."
    )
