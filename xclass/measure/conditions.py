"""What a measurement depends on besides its config: what one looks up when two runs disagree."""

from __future__ import annotations

import os
import platform
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xclass.measure.cgroups import read_counters
from xclass.measure.limits import available_memory
from xclass.units import KIB

_OTHER_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")


def machine_conditions(proc: Path = Path("/proc")) -> dict[str, Any]:
    """The machine at this moment: read by the launcher before a child starts.

    Returns:
        ``began_at`` (UTC, ISO 8601), ``load_average`` (1 minute), ``available_bytes`` under the tightest
        limit, ``page_cache_bytes``.
    """
    return {
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": os.getloadavg()[0],
        "available_bytes": available_memory(proc).available_bytes,
        "page_cache_bytes": read_counters(proc / "meminfo").get("Cached", 0) * KIB,
    }


def process_conditions(proc: Path = Path("/proc")) -> dict[str, Any]:
    """This process at this moment: read by a child after its phase.

    Returns:
        ``allocator``; ``num_threads``; ``huge_page_bytes``, anonymous memory in transparent huge pages;
        counts since the process began: ``num_minor_faults``, ``num_major_faults`` (those that waited for a
        disk), ``num_involuntary_switches`` (others wanted the processor).

    Source: man getrusage(2); man proc_pid_smaps(5), "AnonHugePages".
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    rollup = read_counters(proc / "self" / "smaps_rollup")
    return {
        "allocator": _allocator(proc),
        "num_threads": len(list((proc / "self" / "task").iterdir())),
        "huge_page_bytes": rollup.get("AnonHugePages", 0) * KIB,
        "num_minor_faults": usage.ru_minflt,
        "num_major_faults": usage.ru_majflt,
        "num_involuntary_switches": usage.ru_nivcsw,
    }


def _allocator(proc: Path) -> str:
    """The allocator that is mapped into this process, whatever brought it there."""
    maps = (proc / "self" / "maps").read_text(encoding="utf-8", errors="replace")
    for name in _OTHER_ALLOCATORS:
        if name in maps:
            return name
    return " ".join(word for word in (*platform.libc_ver(), "malloc") if word)
