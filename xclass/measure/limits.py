"""How much memory this process may still take, and whether the kernel has killed for want of it.

The least of: what the machine has available, what every control group above this process leaves, and the
process's own limits. Inside a container the machine's figure alone is far too generous.

Source: man cgroups(7), proc_pid_mountinfo(5); kernel Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst. That inactive file pages count as free is how Kubernetes computes its working set.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xclass.errors import MeasurementError
from xclass.measure.cgroups import Cgroup, find_cgroups, read_counters, read_number
from xclass.units import KIB

MACHINE, PROCESS = "machine", "process"
"""Scopes of a limit that is no control group's: it binds everybody, or this process and its children."""

# v1 writes "no limit" as the largest multiple of the page size below 2**63; no machine has an exbibyte.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class AvailableMemory:
    """What can still be taken, in bytes, and which limit says so."""

    available_bytes: int
    total_bytes: int
    """The whole of that same limit: the machine's RAM, or the control group's or process's limit."""
    limit_source: str
    """``MemAvailable``, ``RLIMIT_AS``, ``RLIMIT_DATA``, or e.g. ``cgroup v2 memory.max of /docker/1f``."""
    scope: str = MACHINE
    """Whom it binds together: :data:`MACHINE`, :data:`PROCESS`, or a control group's :func:`scope_of`."""


def available_memory(proc: Path = Path("/proc")) -> AvailableMemory:
    """The tightest of all limits that hold for this process and its children.

    Args:
        proc: where procfs is mounted; another folder only in tests.

    Raises:
        MeasurementError: /proc/meminfo cannot be read.
    """
    return min(memory_limits(proc), key=lambda limit: limit.available_bytes)


def memory_limits(proc: Path = Path("/proc")) -> list[AvailableMemory]:
    """Every limit that holds for this process and its children, the machine's own first.

    Args:
        proc: where procfs is mounted; another folder only in tests.

    Raises:
        MeasurementError: /proc/meminfo cannot be read.
    """
    limits = [_machine(proc), *_process_limits()]
    for cgroup in find_cgroups("memory", proc):
        limits.extend(_cgroup_limits(cgroup))
    return limits


def memory_scopes(proc: Path = Path("/proc")) -> list[str]:
    """The control groups, visible ones above included, whose limits this process shares."""
    folders = (folder for cgroup in find_cgroups("memory", proc) for folder in cgroup.folders())
    return [scope for folder in folders if (scope := scope_of(folder))]


def scope_of(folder: Path) -> str:
    """A control group by its inode, because its path differs from one namespace to the next."""
    try:
        status = folder.stat()
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def oom_kill_count(proc: Path = Path("/proc")) -> int:
    """A number that grows when the kernel kills a process for want of memory.

    Read it before a child starts and after it ended by SIGKILL: only if it grew was it out of memory. It is a
    sum over the machine and this process's control groups, one kill may count more than once, and it also
    counts kills of others on the machine; only its growth means something.

    Source: /proc/vmstat ``oom_kill`` (Linux 4.13); v2 memory.events and v1 memory.oom_control ``oom_kill``.
    """
    count = read_counters(proc / "vmstat").get("oom_kill", 0)
    for cgroup in find_cgroups("memory", proc):
        name = "memory.events" if cgroup.version == 2 else "memory.oom_control"
        count += sum(read_counters(folder / name).get("oom_kill", 0) for folder in cgroup.folders())
    return count


def _machine(proc: Path) -> AvailableMemory:
    meminfo = read_counters(proc / "meminfo")
    if not meminfo and sys.platform != "linux":
        # A plan needs no more than a fair figure of what is free; measuring is refused there anyway.
        # Imported here: the bare interpreter of a child is read before anything heavy.
        import psutil

        memory = psutil.virtual_memory()
        return AvailableMemory(memory.available, memory.total, "available memory by psutil")
    try:
        # Only kernels before 3.14 and some sandboxes lack MemAvailable; free memory is then the safe reading.
        available_bytes = meminfo.get("MemAvailable", meminfo["MemFree"]) * KIB
        return AvailableMemory(available_bytes, meminfo["MemTotal"] * KIB, "MemAvailable")
    except KeyError as error:
        raise MeasurementError(
            f"{proc / 'meminfo'}: no {error.args[0]}; measuring needs Linux with /proc mounted"
        ) from error


def _process_limits() -> Iterator[AvailableMemory]:
    # Children inherit the limit but not what this process already holds, so all of it is theirs. RLIMIT_AS
    # also counts memory that is mapped and never touched (800 MB for torch), so it bites well before this.
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        soft_bytes, _ = resource.getrlimit(getattr(resource, name))
        if soft_bytes != resource.RLIM_INFINITY:
            yield AvailableMemory(soft_bytes, soft_bytes, name, PROCESS)


def _cgroup_limits(cgroup: Cgroup) -> Iterator[AvailableMemory]:
    limits: tuple[str, ...]
    if cgroup.version == 2:
        # Above memory.high the kernel throttles the process almost to a halt: for a plan it is a limit too.
        limits, usage, reclaimable = ("memory.max", "memory.high"), "memory.current", "inactive_file"
    else:
        limits, usage, reclaimable = (
            ("memory.limit_in_bytes",),
            "memory.usage_in_bytes",
            "total_inactive_file",
        )
    for folder in cgroup.folders():
        used_bytes = read_number(folder / usage) or 0
        spare_bytes = read_counters(folder / "memory.stat").get(reclaimable, 0)
        for name in limits:
            limit_bytes = read_number(folder / name)
            if limit_bytes is not None and limit_bytes < _NO_LIMIT:
                free_bytes = max(limit_bytes - used_bytes + spare_bytes, 0)
                yield AvailableMemory(
                    min(free_bytes, limit_bytes),
                    limit_bytes,
                    f"cgroup v{cgroup.version} {name} of {cgroup.name_of(folder)}",
                    scope_of(folder),
                )
