"""Which measured children run on this machine, and how much memory each may still take.

Two runs that start within a second each see the same free memory, and each may be planned to take most of
it. So a child's launcher reserves the planned bytes before it starts the child, in one register per user,
and all decisions fall under one lock (:mod:`xclass.measure.register`). What has ended stays listed as long
as somebody runs who met it, so that each child learns of everyone it had beside it, also of those that came
later and left earlier.

What it cannot see: other users of the machine (what they have taken is missing from the available memory,
what they will take is not known), programs that are not measured, and other containers, whose /tmp is
another. Containers of one machine see each other where ``XCLASS_NEIGHBOURS`` names one folder, mounted into
all of them; what a neighbour of another process namespace has touched cannot be read there, and counts as
still to be taken.

Source: man flock(2); man clock_gettime(2): CLOCK_MONOTONIC is one clock for all processes of a boot.
"""

from __future__ import annotations

import fcntl
import math
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from xclass.measure.limits import MACHINE, AvailableMemory, memory_limits, memory_scopes
from xclass.measure.register import (
    Claim,
    State,
    Stay,
    boot_of,
    hold,
    namespace_of,
    read_entries,
    register_folder,
    safe_folder,
    write_entry,
)
from xclass.measure.tree import descendants, own_tree_bytes

_STALE_SECONDS = 30.0
"""A waiting launcher looks every second; nobody gives way to one that has not for so long: it was stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """Why a child cannot start now."""

    usable_bytes: int
    """Beside the others."""
    others: list[Stay]
    """Those that run; before them, where it is their turn, those that have waited longer."""


class Place:
    """One child's place in the register, from its claim to its end; a context manager.

    ::

        with Place(claim) as place:
            while (crowd := place.take()) is not None:
                ...                                 # wait, or give up
            ...                                     # run the child
            met = place.leave()
    """

    def __init__(self, claim: Claim, folder: Path | None = None, proc: Path = Path("/proc")) -> None:
        """Register as one that waits.

        Args:
            claim: what will run.
            folder: of the register; None is the user's.
            proc: where procfs is mounted; another folder only in tests.

        Raises:
            MeasurementError: the register cannot be kept there, or is held by a stopped program.
        """
        self._folder = safe_folder(folder or register_folder())
        self._proc = proc
        now = time.monotonic()
        self._stay = Stay(
            claim=claim, state=State.WAITING, since=now, seen=now, pid=os.getpid(),
            namespace=namespace_of(proc), boot=boot_of(proc), scopes=memory_scopes(proc),
        )  # fmt: skip
        self._path = self._folder / f"{os.getpid()}-{secrets.token_hex(6)}.json"
        self._descriptor = -1
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with hold(self._folder):
                self._descriptor = os.open(self._path, flags, 0o600)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                self._write(self._stay)
        except BaseException:
            self._withdraw()
            raise

    def take(self) -> Crowd | None:
        """Reserve, if there is room beside the others and nobody's turn comes first.

        Alone it always gets its place: whether it fits a machine of its own was planned before.

        Returns:
            None where the place is taken and the child may start.

        Raises:
            MeasurementError: the register cannot be read or written.
        """
        with hold(self._folder):
            others = self._others()
            running = [other for other in others if other.is_running]
            usable_bytes = self._usable_bytes(running) if running else None
            first = [other for other in others if self._goes_first(other, usable_bytes)]
            now = time.monotonic()
            if first or (usable_bytes is not None and self._stay.claim.required_bytes > usable_bytes):
                self._write(replace(self._stay, seen=now))
                return Crowd(usable_bytes=usable_bytes or 0, others=[*first, *running])
            self._write(replace(self._stay, state=State.RUNNING, seen=now, begin=now))
            return None

    def leave(self) -> list[Stay]:
        """Give the place back.

        Returns:
            Every child that ran at some time while this one did, in the order they began.

        Raises:
            MeasurementError: the register cannot be read or written.
        """
        with hold(self._folder):
            now = time.monotonic()
            self._write(replace(self._stay, state=State.ENDED, end=now))
            others = self._others()
            met = [one for one in others if one.begin < now and one.end > self._stay.begin]
            self._let_go()
            self._forget(min((one.begin for one in others if one.is_running), default=math.inf))
            return sorted(met, key=lambda one: one.begin)

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Without :meth:`leave` the kernel's lock is let go, and the next who looks notes the end."""
        if self._stay.state is State.WAITING:
            self._withdraw()
        self._let_go()

    def _withdraw(self) -> None:
        """Where it cannot be deleted, the next who looks does it."""
        with suppress(OSError):
            self._path.unlink()
        self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _goes_first(self, other: Stay, usable_bytes: int | None) -> bool:
        """It has waited longer and would fit now: the next child of a fast run must not take its turn."""
        is_waiting = other.state == State.WAITING and time.monotonic() - other.seen < _STALE_SECONDS
        fits = usable_bytes is None or other.claim.required_bytes <= usable_bytes
        return is_waiting and other.since < self._stay.since and fits

    def _usable_bytes(self, running: list[Stay]) -> int:
        """Available now, less what the others have reserved and not yet touched, under the tightest limit."""
        untouched = [max(0, one.claim.required_bytes - touched_bytes(one, self._proc)) for one in running]
        least = min(
            limit.available_bytes
            - sum(size for one, size in zip(running, untouched, strict=True) if is_under(one, limit))
            for limit in memory_limits(self._proc)
        )
        return max(0, int(least * (1.0 - self._stay.claim.reserve_share)))

    def _others(self) -> list[Stay]:
        """Of this boot, all but this one; one whose launcher died is given its end here."""
        return [stay for _, stay in read_entries(self._folder, self._stay.boot, besides=self._path)]

    def _forget(self, first_begin: float) -> None:
        """Delete what nobody who still runs has met."""
        for path, stay in read_entries(self._folder, self._stay.boot):
            if stay.state == State.ENDED and stay.end <= first_begin:
                path.unlink(missing_ok=True)

    def _write(self, stay: Stay) -> None:
        self._stay = stay
        write_entry(self._descriptor, stay)


def running_children(folder: Path | None = None, proc: Path = Path("/proc")) -> list[Stay]:
    """Who runs now.

    Args:
        folder: of the register; None is the user's.
        proc: where procfs is mounted.

    Raises:
        MeasurementError: the register cannot be read.
    """
    folder = safe_folder(folder or register_folder())
    with hold(folder):
        return [stay for _, stay in read_entries(folder, boot_of(proc)) if stay.is_running]


def memory_without(others: list[Stay], proc: Path = Path("/proc")) -> AvailableMemory:
    """What would be available if these children had ended: by it is decided what fits alone.

    Raises:
        MeasurementError: /proc/meminfo cannot be read.
    """
    touched = [touched_bytes(one, proc) for one in others]
    limits = []
    for limit in memory_limits(proc):
        back = sum(size for one, size in zip(others, touched, strict=True) if is_under(one, limit))
        limits.append(replace(limit, available_bytes=min(limit.total_bytes, limit.available_bytes + back)))
    return min(limits, key=lambda limit: limit.available_bytes)


def touched_bytes(stay: Stay, proc: Path = Path("/proc")) -> int:
    """What a child holds now, pages of files apart; 0 where its processes cannot be seen from here."""
    if stay.namespace != namespace_of(proc):
        return 0
    return own_tree_bytes(descendants(stay.pid, proc), proc)


def is_under(stay: Stay, limit: AvailableMemory) -> bool:
    """Whether what a child takes is missing under a limit."""
    return limit.scope == MACHINE or limit.scope in stay.scopes
