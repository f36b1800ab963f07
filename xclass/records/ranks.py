"""What one of several processes measured that trained a head together, each with a slice of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xclass.records.memory import MemoryReading


@dataclass(kw_only=True, slots=True)
class RankReading:
    """One rank of a phase; the record's own ``memory`` and ``held`` are the sums over all of them.

    A sum of peaks is what a machine must have that all of them run on: it is never below what they held
    together, and above it where they peaked at different moments or share pages of libraries.
    """

    rank: int
    """From 0."""
    num_classes: int
    """Classes of its slice."""
    predicted_over_base_bytes: int | None = None
    """Closed form of its peak over its base; None where the plan was made for no ranks."""
    memory: MemoryReading | None = None
    """None where it ended before it could report."""
    held: dict[str, int] | None = None
    seconds: float | None = None
    sent_bytes: int | None = None
    """What it handed to others in the collectives of the phase, framing of the network not counted."""
    received_bytes: int | None = None
    predicted_sent_bytes: int | None = None
    """Closed form of ``sent_bytes`` over all steps."""
    end: str | None = None
    """How it ended where it did not report: ``killed by SIGKILL``."""

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> RankReading:
        """Read a JSON object back."""
        memory = document.get("memory")
        return cls(**{**document, "memory": None if memory is None else MemoryReading.from_json(memory)})
