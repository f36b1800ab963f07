"""How much of the machine others took while a child ran."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

OTHERS_SHARE = "others_cpu_share"
"""Key in the conditions of a record: of all processor time, what other processes and the kernel took."""


class Disturbance:
    """Measures from its making to :meth:`share`."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._busy = _busy_seconds() - _own_seconds()

    def share(self) -> float:
        """0 to 1."""
        others = _busy_seconds() - _own_seconds() - self._busy
        cores = len(os.sched_getaffinity(0))
        return max(0.0, others / (cores * (time.monotonic() - self._begun)))


def _busy_seconds() -> float:
    """Of all processors since the start of the machine, idle and iowait left out. Source: proc(5)."""
    values = [int(word) for word in Path("/proc/stat").read_text(encoding="utf-8").split()[1:9]]
    return float(sum(values[:3]) + sum(values[5:])) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Of this process and of children that have ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)
