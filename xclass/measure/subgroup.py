"""A control group of our own, below the one this process is in, for as long as a block runs.

Version 1 lets a group hold processes and groups at once: one mkdir. Version 2 does not ("no internal
processes"): a controller can be given to child groups only while the parent holds no process, so that this
process, if it is alone in its group, moves into a leaf for that time and back again.

A group outlives its maker if that is killed; its name says who made it, and the next block removes it.

Source: man cgroups(7), "Cgroups v2 no internal processes rule"; kernel
Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xclass.errors import MeasurementError
from xclass.measure.cgroups import Cgroup

_NAME = re.compile(r"xclass-(\d+)-(\d+)-[0-9a-f]+")
_REMOVE_SECONDS = 10.0
PROCESSES = "cgroup.procs"


@contextmanager
def subgroup(cgroup: Cgroup, controller: str) -> Iterator[Path]:
    """Make a group, and remove it and whatever still runs in it at the end of the block.

    Args:
        cgroup: the one this process is in.
        controller: that the new group must have: ``memory``.

    Yields:
        Its folder.

    Raises:
        MeasurementError: it cannot be made here, with the reason.
    """
    try:
        with _given_to_children(cgroup, controller):
            _sweep(cgroup.folder)
            folder = cgroup.folder / _own_name()
            folder.mkdir()
            try:
                yield folder
            finally:
                _remove(folder)
    except OSError as error:
        raise MeasurementError(f"{error.filename or cgroup.folder}: {error.strerror or error}") from error


def processes_of(folder: Path) -> list[int]:
    """Process ids in a group; none where it is gone."""
    try:
        return [int(word) for word in (folder / PROCESSES).read_text(encoding="ascii").split()]
    except OSError:
        return []


@contextmanager
def _given_to_children(cgroup: Cgroup, controller: str) -> Iterator[None]:
    control = cgroup.folder / "cgroup.subtree_control"
    if cgroup.version == 1 or controller in _words(control):
        yield
        return
    if controller not in _words(cgroup.folder / "cgroup.controllers"):
        raise MeasurementError(f"cgroup v2 {cgroup.name_of(cgroup.folder)} has no {controller} controller")
    with _alone_in_a_leaf(cgroup.folder):
        control.write_text(f"+{controller}", encoding="ascii")
        try:
            yield
        finally:
            # Another run beside this one may have a group of its own there by now.
            with contextlib.suppress(OSError):
                control.write_text(f"-{controller}", encoding="ascii")


@contextmanager
def _alone_in_a_leaf(folder: Path) -> Iterator[None]:
    """This process in a leaf of its group, so that the group itself holds none."""
    others = [pid for pid in processes_of(folder) if pid != os.getpid()]
    is_root = not (folder / "cgroup.type").exists()
    if is_root:
        yield  # the root of the hierarchy is exempt from the rule
        return
    if others:
        raise MeasurementError(
            f"{folder} holds {len(others)} other processes; start the command in a group of its own: "
            "systemd-run --user --scope -p Delegate=yes python -m ..."
        )
    leaf = folder / _own_name()
    leaf.mkdir()
    try:
        (leaf / PROCESSES).write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        (folder / PROCESSES).write_text(str(os.getpid()), encoding="ascii")
        leaf.rmdir()


def _own_name() -> str:
    return f"xclass-{os.getpid()}-{start_ticks(os.getpid())}-{secrets.token_hex(3)}"


def start_ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since boot: with its number it names one process for good.

    None where it has ended, also where nobody has waited for it yet. Source: man proc_pid_stat(5).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _sweep(folder: Path) -> None:
    """Remove empty groups whose makers are gone; one in which something still runs stays."""
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and start_ticks(int(match[1])) != int(match[2]):
            with contextlib.suppress(OSError):
                path.rmdir()


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + _REMOVE_SECONDS
    while True:
        for pid in processes_of(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            # A killed process stays in its group until it has been taken down, some milliseconds later.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
