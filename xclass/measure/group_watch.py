"""Watches a capped group from outside, and takes off its cap what its processes use and others pay for.

The libraries of Python and faiss are in memory before the child starts, charged to whoever read them first. A
server of that size would hold them too, so at every moment the cap is the size that was asked for, less the
resident file pages of the processes that the group is not charged for.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType

from xclass.errors import MeasurementError
from xclass.measure.caps import GroupCap, GroupUsage
from xclass.measure.status import read_status
from xclass.measure.subgroup import processes_of

_INTERVAL_SECONDS = 0.05


def _error_bytes() -> int:
    """By how much memory.stat may be behind, and 1 MiB for the moment between two readings.

    Source: kernel mm/memcontrol.c, ``memcg_vmstats_needs_flush``: 64 changes per CPU.
    """
    return (1 << 20) + 64 * (os.cpu_count() or 1) * os.sysconf("SC_PAGE_SIZE")


class GroupWatch:
    """A thread that looks at the group 20 times a second until the end of the block."""

    def __init__(self, cap: GroupCap) -> None:
        """Prepare; nothing is read before the block."""
        self._cap = cap
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="group-watch", daemon=True)
        self._last_elsewhere_bytes = 0
        self._tolerance_bytes = _error_bytes()
        self.taken_off_bytes = 0
        """Of file pages that the processes use and others are charged for: the most that was seen."""
        self.peak_anon_bytes = 0
        """Most anonymous memory seen."""
        self.highest: GroupUsage | None = None
        """The moment of most use that was seen; of several, that with most anonymous memory."""

    def __enter__(self) -> GroupWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Look once, now."""
        with self._lock:
            before = self._file_bytes()
            usage = self._cap.usage()
            # Between two readings pages come and go: the lesser one cannot blame a page that is gone.
            elsewhere = min(before, self._file_bytes()) - usage.mapped_bytes
            self._take_off(min(elsewhere, self._last_elsewhere_bytes))
            self._last_elsewhere_bytes = elsewhere
            self.peak_anon_bytes = max(self.peak_anon_bytes, usage.anon_bytes)
            highest = self.highest
            if highest is None or _order(usage) > _order(highest):
                self.highest = usage

    def _take_off(self, elsewhere_bytes: int) -> None:
        excess = elsewhere_bytes - self.taken_off_bytes
        if excess > self._tolerance_bytes:
            self.taken_off_bytes += excess
            self._cap.take_off(excess)

    def _file_bytes(self) -> int:
        total = 0
        for pid in processes_of(self._cap.folder):
            try:
                status = read_status(pid)
            except MeasurementError:
                continue  # it has just ended
            total += status.file_bytes + status.shmem_bytes
        return total

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            self.look()


def _order(usage: GroupUsage) -> tuple[int, int]:
    return usage.usage_bytes, usage.anon_bytes
