"""What the closed form explains of a measured peak: from one record to a few numbers, and nothing else.

The report prints them, ``benchmarks/ledger.py`` holds them to bars. Predicted is what the plan wrote into the
record before the run, measured is the kernel's high-water mark over the measured base.
"""

from __future__ import annotations

from dataclasses import dataclass

from xclass.records.record import Record, Verdict
from xclass.units import MIB

TINY_BYTES = 10_000_000
"""Below it a ratio of peak - base says nothing: one page of code more or less moves it by percents."""
EQUAL_RUNS_BYTES = 4 * MIB
"""Peaks of equal runs differ by it. Source: bases of one method in benchmarks/records lie up to 3.7 MiB apart
on one machine (within hours 1), and the kernel's counter is off by up to 0.75 MiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedPeak:
    """Predicted, held and measured bytes of one phase, all over the base."""

    predicted_bytes: int
    """Sum of the components at the worst moment, as the plan had it."""
    held_bytes: int | None
    """What the method's own objects held when the phase ended; None where it was not counted."""
    measured_bytes: int
    """Peak of resident memory less the base; at least 0."""
    peak_bytes: int
    """The same with the base."""

    @property
    def gap_bytes(self) -> int:
        """Measured less predicted: what no component explains, or, negative, what was promised too much."""
        return self.measured_bytes - self.predicted_bytes

    @property
    def unexplained_bytes(self) -> int:
        """Bytes that no component explains."""
        return max(0, self.gap_bytes)

    @property
    def over_predicted_bytes(self) -> int:
        """Bytes that the components promise and that were not seen."""
        return max(0, -self.gap_bytes)

    @property
    def explained_share(self) -> float:
        """``1 - max(0, measured - predicted) / measured``, from 0 to 1; 1 where nothing was measured."""
        return 1.0 - self.unexplained_bytes / self.measured_bytes if self.measured_bytes else 1.0

    @property
    def ratio(self) -> float | None:
        """Measured over predicted; None where nothing was predicted."""
        return self.measured_bytes / self.predicted_bytes if self.predicted_bytes else None

    @property
    def is_tiny(self) -> bool:
        """Both are below :data:`TINY_BYTES`: the gap is then judged against the whole peak."""
        return max(self.measured_bytes, self.predicted_bytes) < TINY_BYTES

    @property
    def gap_share(self) -> float:
        """``|gap|`` as a share of measured peak - base; where that is tiny, of the whole peak."""
        whole = self.peak_bytes if self.is_tiny else self.measured_bytes
        return abs(self.gap_bytes) / whole if whole else 0.0

    def is_within(self, tolerance_share: float) -> bool:
        """Whether the gap, in either direction, is at most this share: 0.02 is 2 %."""
        return self.gap_share <= tolerance_share


def explain_peak(record: Record) -> ExplainedPeak | None:
    """What the closed form explains of the peak of one record.

    Args:
        record: of any pass and phase.

    Returns:
        None where there is nothing to compare: no closed form, no kernel reading (a traced pass), or a phase
        that did not end, whose peak says nothing about the form.
    """
    memory, predicted = record.memory, record.predicted
    if record.verdict is not Verdict.MEASURED or memory is None or not predicted:
        return None
    return ExplainedPeak(
        predicted_bytes=int(predicted["over_base_bytes"]),
        held_bytes=None if record.held is None else sum(record.held.values()),
        measured_bytes=max(0, memory.over_base_bytes),
        peak_bytes=memory.peak_rss_bytes,
    )
