"""What each of several processes measured that trained a head together, each with a slice of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xclass.records.memory import MemoryReading


@dataclass(kw_only=True, slots=True)
class RankReading:
    """One rank of a phase; the record's own ``memory`` and ``held`` are those of the rank with the most."""

    rank: int
    """From 0."""
    num_classes: int | None = None
    """Classes of its slice."""
    seconds: float | None = None
    memory: MemoryReading | None = None
    """None where it ended before it could report."""
    held: dict[str, int] | None = None
    num_threads: int | None = None
    """That it computed with."""
    end: str | None = None
    """How it ended where it did not report: ``killed by SIGKILL``."""

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> RankReading:
        """Read a JSON object back."""
        memory = document.get("memory")
        return cls(**{**document, "memory": None if memory is None else MemoryReading.from_json(memory)})


def ranks_peak_bytes(ranks: list[RankReading]) -> int | None:
    """Sum of the ranks' peaks: what one machine needs for all of them; None where one has none.

    Never below what they held together, and above it where they peaked at different moments or share pages
    of libraries.
    """
    peaks = [rank.memory.peak_rss_bytes for rank in ranks if rank.memory]
    return sum(peaks) if ranks and len(peaks) == len(ranks) else None
