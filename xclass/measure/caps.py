"""A real cap on the memory of a child, set by the kernel: a control group, or a limit of the process.

A control group counts what a machine counts: anonymous memory, page tables, and every page of a file that one
of its processes was the first to touch. Pages that were in memory before are charged to whoever touched them
first, so files must be evicted before (:mod:`xclass.measure.eviction`), and the libraries that all programs
share must be taken off the cap (:meth:`GroupCap.take_off`).

RLIMIT_DATA is the weaker cap, for where no group can be made: it counts private writable memory, touched or
not, and no page of a file.

Source: man cgroups(7); kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst; man
setrlimit(2), RLIMIT_DATA (since Linux 4.7 also private writable mappings).
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from xclass.errors import MeasurementError
from xclass.measure.cgroups import Cgroup, find_cgroups, read_counters, read_number
from xclass.measure.subgroup import PROCESSES, processes_of, subgroup
from xclass.units import KIB


class CapChoice(StrEnum):
    """Which cap is wanted."""

    auto = "auto"
    """A control group; where none can be made, the limit of the process."""
    cgroup = "cgroup"
    rlimit = "rlimit"


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """What a group was charged at one moment, in bytes."""

    usage_bytes: int
    anon_bytes: int
    file_bytes: int
    mapped_bytes: int
    """Part of ``file_bytes`` that is mapped into a process."""
    kernel_bytes: int
    """Page tables, stacks and other memory of the kernel's own."""


@dataclass(kw_only=True, slots=True)
class Cap:
    """A cap in force; a command with ``prefix`` before it starts under it."""

    kind: str
    """``cgroup v1``, ``cgroup v2`` or ``RLIMIT_DATA``."""
    limit_bytes: int
    prefix: list[str]
    reason: str | None = None
    """Why a better kind could not be made here."""


@dataclass(kw_only=True, slots=True)
class GroupCap(Cap):
    """A control group with a limit."""

    folder: Path
    version: int
    was_over: bool = field(default=False)
    """Even before its work began the child held more than the cap."""

    def take_off(self, num_bytes: int) -> None:
        """Make the cap smaller by pages that the child uses and others are charged for.

        A group that already holds more, and cannot be made to give it up, is ended as the kernel would.
        """
        self.limit_bytes = max(0, self.limit_bytes - num_bytes)
        try:
            self._set_limit()
        except OSError:
            # v1 says EBUSY where v2 kills.
            self.was_over = True
            for pid in processes_of(self.folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def usage(self) -> GroupUsage:
        """What is charged now."""
        stat = self.stat()
        if self.version == 2:
            anon, file, mapped, usage = "anon", "file", "file_mapped", "memory.current"
            kernel_bytes = stat.get("kernel", 0)
        else:
            anon, file, mapped, usage = "rss", "cache", "mapped_file", "memory.usage_in_bytes"
            kernel_bytes = read_number(self.folder / "memory.kmem.usage_in_bytes") or 0
        return GroupUsage(
            usage_bytes=read_number(self.folder / usage) or 0,
            anon_bytes=stat.get(anon, 0),
            file_bytes=stat.get(file, 0),
            mapped_bytes=stat.get(mapped, 0),
            kernel_bytes=kernel_bytes,
        )

    def stat(self) -> dict[str, int]:
        """memory.stat, as it is spelled in this version."""
        return read_counters(self.folder / "memory.stat")

    def readings(self) -> dict[str, Any]:
        """``peak_bytes`` charged, ``num_limit_hits``, ``num_oom_kills``, ``stat``; None where not stated."""
        if self.version == 2:
            events = read_counters(self.folder / "memory.events")
            # memory.peak came with Linux 5.19.
            peak, hits, kills = read_number(self.folder / "memory.peak"), events.get("max"), events
        else:
            peak = read_number(self.folder / "memory.max_usage_in_bytes")
            # Measured on Linux 6.18: stays 0 even while the limit kills; older kernels count.
            hits = read_number(self.folder / "memory.failcnt")
            kills = read_counters(self.folder / "memory.oom_control")
        return {
            "peak_bytes": peak,
            "num_limit_hits": hits,
            "num_oom_kills": kills.get("oom_kill", 0) + self.was_over,
            "stat": self.stat(),
        }

    def _set_limit(self) -> None:
        """Of memory, and none of swap: what was swapped out would not be counted."""
        limit = str(self.limit_bytes)
        if self.version == 2:
            (self.folder / "memory.max").write_text(limit, encoding="ascii")
            swap, none = self.folder / "memory.swap.max", "0"
        else:
            (self.folder / "memory.limit_in_bytes").write_text(limit, encoding="ascii")
            swap, none = self.folder / "memory.memsw.limit_in_bytes", limit
        if swap.exists():  # absent where the kernel does not account for swap
            swap.write_text(none, encoding="ascii")


@contextmanager
def memory_cap(
    size_bytes: int, choice: CapChoice = CapChoice.auto, *, proc: Path = Path("/proc")
) -> Iterator[Cap]:
    """Put a cap in force for the block; the group, if it is one, is gone afterwards.

    Args:
        size_bytes: of the cap.
        choice: kind of cap.
        proc: where procfs is mounted; another folder only in tests.

    Raises:
        MeasurementError: ``cgroup`` was asked for and cannot be made, with the reason.
    """
    reasons: list[str] = []
    if choice is not CapChoice.rlimit:
        for cgroup in find_cgroups("memory", proc):
            with contextlib.ExitStack() as stack:
                try:
                    cap = stack.enter_context(_group_cap(cgroup, size_bytes))
                except MeasurementError as error:
                    reasons.append(str(error))
                    continue
                yield cap
                return
        reason = "; ".join(reasons) or "no control groups are mounted here"
        if choice is CapChoice.cgroup:
            raise MeasurementError(
                f"cap=cgroup: {reason}; run as root, or where the memory controller is delegated, or use "
                "cap=rlimit, which does not count pages of files"
            )
        reasons = [reason]
    yield Cap(
        kind="RLIMIT_DATA",
        limit_bytes=size_bytes,
        # Before exec, so that it holds from the first byte. sh counts in KiB.
        prefix=["sh", "-c", 'ulimit -d "$0" && exec "$@"', str(size_bytes // KIB)],
        reason=reasons[0] if reasons else None,
    )


@contextmanager
def _group_cap(cgroup: Cgroup, size_bytes: int) -> Iterator[GroupCap]:
    with subgroup(cgroup, "memory") as folder:
        cap = GroupCap(
            kind=f"cgroup v{cgroup.version}",
            limit_bytes=size_bytes,
            # The shell joins and then becomes the command: all of its pages are charged to the group.
            prefix=["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(folder / PROCESSES)],
            folder=folder,
            version=cgroup.version,
        )
        cap._set_limit()
        yield cap
