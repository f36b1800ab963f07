"""What the processes of a service hold, at most a second old: reading it walks their pages."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from xclass.errors import MeasurementError
from xclass.measure.status import read_status
from xclass.measure.tree import tree_bytes

_FRESH_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessMemory:
    """One process."""

    pid: int
    rss_bytes: int
    anon_bytes: int
    """Of it, what no file holds; all of it where the system (macOS) does not tell."""
    pss_bytes: int
    """Its pages, those that others map too with their part only: these add up."""

    def to_json(self) -> dict[str, int]:
        """All of them."""
        return asdict(self)


class MemoryReader:
    """Reads the processes of a service."""

    def __init__(self, pids: Callable[[], list[int]] | None = None) -> None:
        """Keep how the processes are found; None: this one alone."""
        self._pids = pids or (lambda: [os.getpid()])
        self._read_at = -_FRESH_SECONDS
        self._readings: list[ProcessMemory] = []
        self._turn = asyncio.Lock()

    async def read(self) -> list[ProcessMemory]:
        """All processes that run now; however many ask, one reading at a time is made for them."""
        async with self._turn:
            if time.monotonic() - self._read_at >= _FRESH_SECONDS:
                self._readings = await asyncio.to_thread(self._read)
                self._read_at = time.monotonic()
            return self._readings

    def _read(self) -> list[ProcessMemory]:
        readings = []
        for pid in self._pids():
            if sys.platform != "linux":
                rss_bytes = tree_bytes([pid])
                readings.append(
                    ProcessMemory(pid=pid, rss_bytes=rss_bytes, anon_bytes=rss_bytes, pss_bytes=rss_bytes)
                )
                continue
            try:
                status = read_status(pid)
            except MeasurementError:  # it ended meanwhile
                continue
            pss_bytes = tree_bytes([pid])
            readings.append(
                ProcessMemory(
                    pid=pid, rss_bytes=status.rss_bytes, anon_bytes=status.anon_bytes, pss_bytes=pss_bytes
                )
            )
        return readings
