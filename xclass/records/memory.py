"""Resident memory of a process during one phase, as the kernel states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True, slots=True)
class MemorySplit:
    """Resident bytes of a process at one moment, as /proc/PID/status splits them."""

    rss_bytes: int
    anon_bytes: int
    file_bytes: int
    shmem_bytes: int
    swap_bytes: int


@dataclass(kw_only=True, slots=True)
class MemoryReading:
    """What the kernel saw during one phase (RSS pass only)."""

    interpreter: MemorySplit
    """Before the engine was imported."""
    base: MemorySplit
    """After imports and warm-up, before any data: what every run of this engine costs."""
    end: MemorySplit
    """When the phase ended."""
    peak_rss_bytes: int
    """VmHWM, reset at the start of the phase: never sampled; true to ``machine.rss_counter_error_bytes``."""
    peak_anon_bytes: int
    """Most anonymous memory: sampled from outside, and at least peak_rss - largest file + shmem seen."""
    peak_file_bytes: int
    """Most file pages seen by the sampler: reclaimable, they can be dropped and read again."""
    peak_shmem_bytes: int
    sampled_peak_rss_bytes: int
    """What the sampler alone would have reported; the gap to peak_rss_bytes is what samplers miss."""
    num_samples: int
    num_processes: int = 1
    """Most processes seen at one moment, the child's own children and theirs counted."""
    peak_tree_bytes: int | None = None
    """Most that all of them held together, pages that several share counted once (sum of PSS); sampled. None
    where the child was alone, whose exact peak is peak_rss_bytes."""

    @property
    def over_base_bytes(self) -> int:
        """What the phase itself took: peak less base."""
        return self.peak_rss_bytes - self.base.rss_bytes

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> MemoryReading:
        """Read a JSON object back."""
        splits = {name: MemorySplit(**document[name]) for name in ("interpreter", "base", "end")}
        return cls(**{**document, **splits})
