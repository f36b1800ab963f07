"""The files of the register of measured children: what each says, and that only one program writes at a time.

An entry is held with flock(2) by the launcher that made it. The kernel lets go of it however the launcher
dies, so that no pid file can go stale and no reused process number can mislead.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from xclass.errors import MeasurementError

FOLDER_VARIABLE = "XCLASS_NEIGHBOURS"
_LOCK_SECONDS = 10.0
"""The lock is held for milliseconds; longer only by a program that was stopped."""
_MOST_BYTES = 1 << 16
"""Of an entry: two paths and some numbers."""


class State(StrEnum):
    """Of a child in the register."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    """Listed still, because one runs that met it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a child is and what it is planned to need."""

    run_dir: str
    method: str
    phases: str
    required_bytes: int
    """Without pages of files, which the kernel can drop."""
    reserve_share: float = 0.0
    """Of the memory beside the others, left free."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A child in the register; times are CLOCK_MONOTONIC seconds."""

    claim: Claim
    state: State
    since: float
    """When it was registered."""
    seen: float
    """When its launcher last looked."""
    begin: float = math.inf
    end: float = math.inf
    pid: int
    """Of its launcher, whose descendants hold its memory."""
    namespace: str
    """Of that number."""
    boot: str
    scopes: list[str]
    """Control groups whose limits it shares."""

    @property
    def is_running(self) -> bool:
        """Its child runs, or is just being started."""
        return self.state == State.RUNNING


def register_folder() -> Path:
    """Where the register of this user lies.

    Not TMPDIR nor XDG_RUNTIME_DIR: batch systems give each job its own, and runs would not meet.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(f"/tmp/xclass-{os.geteuid()}")


def read_entries(folder: Path, boot: str, *, besides: Path | None = None) -> list[tuple[Path, Stay]]:
    """Under the lock: every entry of this boot. What is damaged or of an earlier boot is deleted."""
    found = []
    for path in sorted(folder.glob("*.json")):
        if path == besides:
            continue
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # one that gave up waiting, which it may without the lock
        try:
            is_held = _is_held(descriptor)
            stay = _parse(os.pread(descriptor, _MOST_BYTES, 0))
            if stay is None or stay.boot != boot or (not is_held and stay.state == State.WAITING):
                # What is held and not understood is another version's: it is left alone.
                if not is_held:
                    path.unlink(missing_ok=True)
                continue
            if not is_held and stay.is_running:
                stay = replace(stay, state=State.ENDED, end=time.monotonic())
                write_entry(descriptor, stay)
            found.append((path, stay))
        finally:
            os.close(descriptor)
    return found


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _parse(text: bytes) -> Stay | None:
    try:
        document = json.loads(text)
        return Stay(**{**document, "claim": Claim(**document["claim"]), "state": State(document["state"])})
    except (ValueError, TypeError, KeyError):
        return None


def write_entry(descriptor: int, stay: Stay) -> None:
    """Replace what an entry says, its lock and the register's being held.

    Written over before it is cut: it keeps its block, so that a disk that is full by now takes it.
    """
    text = json.dumps(asdict(stay)).encode()
    os.ftruncate(descriptor, os.pwrite(descriptor, text, 0))


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Nobody else decides, writes or reads meanwhile.

    Raises:
        MeasurementError: the register cannot be read or written, or a program that hangs holds it.
    """
    with _errors_of(folder), _locked(folder):
        yield


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    try:
        while _is_held(descriptor):
            if time.monotonic() > deadline:
                raise MeasurementError(f"{folder}: locked for {_LOCK_SECONDS:.0f} s by a program that hangs")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _errors_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MeasurementError(
            f"{folder}: {error.strerror or error}; name another folder by {FOLDER_VARIABLE}"
        ) from error


def safe_folder(folder: Path) -> Path:
    """Made, and nobody else's: in /tmp another user could have been there first."""
    with _errors_of(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
    if not is_own:
        raise MeasurementError(
            f"{folder}: not a folder of this user alone (mode 0700); remove it, or name another by "
            f"{FOLDER_VARIABLE}"
        )
    return folder


def namespace_of(proc: Path) -> str:
    """In which process numbers mean something; empty where it is not told."""
    try:
        return str((proc / "self" / "ns" / "pid").readlink())
    except OSError:
        return ""


def boot_of(proc: Path) -> str:
    """Within which CLOCK_MONOTONIC means something; empty where it is not told."""
    try:
        return (proc / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
