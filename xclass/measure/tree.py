"""What a process and its descendants hold together, pages that several of them share counted once.

Resident sizes of a tree do not add up: right after a fork of 360 MB two processes show 360 MB each and hold
360 MB together. The kernel divides each page by the number of processes that map it (PSS), so that sums of
PSS are true; pages shared with strangers (libc) count with their part only.

Source: man proc_pid_smaps(5) "Pss"; Documentation/filesystems/proc.rst, smaps_rollup (Linux 4.14); man
proc_pid_task(5), "children" (Linux 3.5, CONFIG_PROC_CHILDREN).
"""

from __future__ import annotations

import sys
from pathlib import Path

from xclass.measure.cgroups import read_counters
from xclass.units import KIB


def descendants(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Processes that a process started, theirs included; without those that ended or cannot be seen.

    About 15 us per thread where the kernel lists children; elsewhere psutil looks through all processes.
    """
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = children_of(waiting.pop(), proc)
        found += children
        waiting += children
    return found


def tree_bytes(pids: list[int], proc: Path = Path("/proc")) -> int:
    """Bytes that these processes hold together: their summed PSS.

    Each reading walks the pages of a process, 7 to 9 ms at 1.2 GB; one that has ended counts nothing. Where
    there is no Linux, for a service alone, their resident bytes, what they share counted with each.
    """
    if sys.platform != "linux":
        return sum(_resident_bytes(pid) for pid in pids)
    return sum(read_counters(proc / str(pid) / "smaps_rollup").get("Pss", 0) * KIB for pid in pids)


def own_tree_bytes(pids: list[int], proc: Path = Path("/proc")) -> int:
    """Bytes of these processes but for pages of files, which the kernel could drop: anonymous and shared.

    One process is read in 26 us from its status; of several the pages are walked (:func:`tree_bytes`),
    because a forked child shows its parent's pages as its own.

    Source: man proc_pid_smaps(5), "Pss_Anon", "Pss_Shmem" (Linux 5.4); where a kernel lacks them the whole
    Pss counts.
    """
    if len(pids) == 1:
        status = read_counters(proc / str(pids[0]) / "status")
        return (status.get("RssAnon", 0) + status.get("RssShmem", 0)) * KIB
    rollups = [read_counters(proc / str(pid) / "smaps_rollup") for pid in pids]
    return sum(
        (rollup["Pss_Anon"] + rollup.get("Pss_Shmem", 0) if "Pss_Anon" in rollup else rollup.get("Pss", 0))
        * KIB
        for rollup in rollups
    )


def children_of(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Processes that a process started itself and that have not been waited for; empty where it has ended."""
    listed: list[int] = []
    try:
        for thread in (proc / str(pid) / "task").iterdir():
            listed += [int(word) for word in (thread / "children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        # No such file in this kernel, or the thread ended between the two looks.
        return _children_by_psutil(pid)
    except OSError:
        return []
    return listed


def _resident_bytes(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _children_by_psutil(pid: int) -> list[int]:
    # Imported here: the bare interpreter of a child is read before anything heavy.
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
