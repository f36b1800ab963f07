"""Measures one phase inside the child, and joins that with what the launcher saw from outside.

In the child, whose first lines these are::

    session = MemorySession()
    session.start()                      # before any engine is imported
    ...                                  # import torch or faiss, warm up on a toy size
    session.set_base()
    with session.phase() as meter:
        ...                              # the work
    send(meter.reading.to_json())

In the launcher::

    reading = PhaseMemory.from_json(received)
    memory = combine(reading, sampler.between(reading.begin_seconds, reading.end_seconds))
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from xclass.errors import MeasurementError
from xclass.measure.status import counter_error_bytes, read_status, reset_peak, trim_heap
from xclass.measure.timeline import Samples
from xclass.records.memory import MemoryReading, MemorySplit
from xclass.units import format_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseMemory:
    """What the child itself read of one phase; see :class:`~xclass.records.record.MemoryReading`."""

    interpreter: MemorySplit
    base: MemorySplit
    end: MemorySplit
    peak_rss_bytes: int
    begin_seconds: float
    end_seconds: float
    """``time.monotonic()`` stamps, taken inside the window that the peak covers."""

    @property
    def over_base_bytes(self) -> int:
        """What the phase took over the base."""
        return self.peak_rss_bytes - self.base.rss_bytes

    def to_json(self) -> dict[str, Any]:
        """A JSON object for the pipe to the launcher."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> PhaseMemory:
        """Read back what :meth:`to_json` gave."""
        splits = {name: MemorySplit(**document[name]) for name in ("interpreter", "base", "end")}
        return cls(**{**document, **splits})


class PhaseMeter:
    """Handle of a running phase: when it began, and, after it ended, what was read."""

    def __init__(self, begin_seconds: float) -> None:
        self.begin_seconds = begin_seconds
        self._reading: PhaseMemory | None = None

    @property
    def reading(self) -> PhaseMemory:
        """The reading; only after the ``with`` block, also where the block raised."""
        assert self._reading is not None, "the phase has not ended yet"
        return self._reading

    def _finish(self, reading: PhaseMemory) -> None:
        self._reading = reading


class MemorySession:
    """The child's own meter: :meth:`start`, :meth:`set_base`, then one :meth:`phase` or several in turn."""

    def __init__(self) -> None:
        self._interpreter: MemorySplit | None = None
        self._base: MemorySplit | None = None

    def start(self) -> None:
        """Read what the bare interpreter holds; call it before any engine is imported."""
        self._interpreter = read_status().split()

    def set_base(self) -> None:
        """Read what interpreter, imports and warm-up hold, after handing freed pages back."""
        trim_heap()
        self._base = read_status().split()

    @contextmanager
    def phase(self) -> Iterator[PhaseMeter]:
        """Measure the block: the peak is reset on entry and read, with the split, on exit.

        Nothing is trimmed here: what a phase freed but the allocator kept is still resident on a server.

        Raises:
            MeasurementError: the peak cannot be reset here.
        """
        assert self._interpreter is not None, "call start() first"
        assert self._base is not None, "call set_base() first"
        reset_peak()
        # Both stamps lie inside [reset, read]: a sample between them can never exceed the peak.
        meter = PhaseMeter(time.monotonic())
        try:
            yield meter
        finally:
            end_seconds = time.monotonic()
            status = read_status()
            meter._finish(
                PhaseMemory(
                    interpreter=self._interpreter,
                    base=self._base,
                    end=status.split(),
                    peak_rss_bytes=status.peak_rss_bytes,
                    begin_seconds=meter.begin_seconds,
                    end_seconds=end_seconds,
                )
            )


def combine(reading: PhaseMemory, samples: Samples, *, tolerance_bytes: int | None = None) -> MemoryReading:
    """Join the child's reading with the launcher's samples of the same window.

    The kernel keeps no high-water mark of the split, so the peak of anonymous memory is the largest of
    three lower bounds: the largest sampled, the one at the end, and the peak minus the most file and shared
    pages ever seen. The third is what saves a spike that fell between two samples; it overstates anonymous
    memory only if a mapping was read and dropped between two samples, which errs towards the larger server.

    Args:
        reading: from the child.
        samples: of [reading.begin_seconds, reading.end_seconds]; may be empty for a very short phase.
        tolerance_bytes: by how much kernel counters may disagree; None is this machine's own bound.

    Raises:
        MeasurementError: pages were swapped out, the peak lies below the base, or the samples exceed the
            peak: the number would be wrong and must not be used.
    """
    tolerance = counter_error_bytes() if tolerance_bytes is None else tolerance_bytes
    _refuse_unusable(reading, samples, tolerance)
    peak, end, maxima = reading.peak_rss_bytes, reading.end, samples.maxima
    mapped_bytes = max(maxima.mapped_bytes, end.file_bytes + end.shmem_bytes)
    if not samples.num_samples:
        mapped_bytes = max(mapped_bytes, reading.base.file_bytes + reading.base.shmem_bytes)
    anon_bytes = max(maxima.anon_bytes, end.anon_bytes, peak - mapped_bytes)
    return MemoryReading(
        interpreter=reading.interpreter,
        base=reading.base,
        end=end,
        peak_rss_bytes=peak,
        peak_anon_bytes=min(anon_bytes, peak),
        peak_file_bytes=min(max(maxima.file_bytes, end.file_bytes), peak),
        peak_shmem_bytes=min(max(maxima.shmem_bytes, end.shmem_bytes), peak),
        sampled_peak_rss_bytes=min(maxima.rss_bytes, peak),
        num_samples=samples.num_samples,
        num_processes=max(1, maxima.num_processes),
        peak_tree_bytes=maxima.tree_bytes or None,
    )


def _refuse_unusable(reading: PhaseMemory, samples: Samples, tolerance_bytes: int) -> None:
    swap_bytes = max(reading.base.swap_bytes, reading.end.swap_bytes, samples.maxima.swap_bytes)
    if swap_bytes > 0:
        raise MeasurementError(
            f"swap={format_bytes(swap_bytes)}: pages were swapped out, so resident memory is less than what "
            "was needed; turn swap off (swapoff -a) or use a smaller size"
        )
    if reading.peak_rss_bytes + tolerance_bytes < reading.base.rss_bytes:
        raise MeasurementError(
            f"peak={format_bytes(reading.peak_rss_bytes)}: below the base of "
            f"{format_bytes(reading.base.rss_bytes)}, so the kernel took pages away during the phase; "
            "free memory on this machine and measure again"
        )
    if samples.maxima.rss_bytes > reading.peak_rss_bytes + tolerance_bytes:
        raise MeasurementError(
            f"sampled={format_bytes(samples.maxima.rss_bytes)}: above the kernel's peak of "
            f"{format_bytes(reading.peak_rss_bytes)}; sample the very process and window of the reading"
        )
