"""What leaner settings were measured to cost: recall, accuracy, time; from committed records, condensed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xclass.evaluate.intervals import wilson
from xclass.units import format_count, format_decimal_bytes, format_seconds, percent_decimals

_FILE = Path(__file__).with_name("measured_costs.json")
"""Made by scripts/condense_costs.py from benchmarks/records."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredCost:
    """One measurement of one option, beside what it was compared with (``_before``)."""

    option: str
    data: str
    classes: int
    dim: int
    source: str
    """The record."""
    recall: float | None = None
    """Share of the ten classes nearest by exact search that were found."""
    accuracy: float | None = None
    """Share of held-out queries answered right."""
    accuracy_before: float | None = None
    num_queries: int = 0
    """That both answered."""
    p50_seconds: float | None = None
    """Median of a query asked alone."""
    p50_seconds_before: float | None = None
    steps_per_second: float | None = None
    steps_per_second_before: float | None = None
    room_share: float | None = None
    """Part of the mapped file that there was room for in memory."""
    equal_share: float | None = None
    """Queries that got the same answer as with all the room."""
    disk_bytes_per_second: float | None = None
    """That the disk gave, where it is what one waits for."""

    @property
    def words(self) -> str:
        """Where it was measured, and what it costs there beside what it was compared with."""
        parts = []
        if self.recall is not None:
            parts.append(f"{100 * self.recall:.2f} % of the ten that exact search finds")
        if self.accuracy is not None and self.accuracy_before is not None:
            low, high = wilson(round(self.accuracy * self.num_queries), self.num_queries)
            digits = percent_decimals((high - low) / 2)
            before = f"{100 * self.accuracy_before:.{digits}f} % before"
            parts.append(f"{100 * self.accuracy:.{digits}f} % right ({before})")
        if self.equal_share is not None:
            parts.append(f"{100 * self.equal_share:.0f} % of the answers the same")
        if self.p50_seconds is not None:
            before = format_seconds(self.p50_seconds_before)
            compared = f"exact search {before}" if self.recall is not None else f"{before} before"
            parts.append(f"{format_seconds(self.p50_seconds)} a query ({compared})")
        if self.disk_bytes_per_second is not None:
            parts.append(f"from a disk of {format_decimal_bytes(self.disk_bytes_per_second)} a second")
        if self.steps_per_second is not None:
            parts.append(
                f"{self.steps_per_second:.3g} steps a second ({self.steps_per_second_before:.3g} before)"
            )
        return f"{self.data}, {format_count(self.classes)} x {self.dim}: {', '.join(parts)}"


@cache
def measured_costs() -> dict[str, tuple[MeasuredCost, ...]]:
    """Option -> its measurements, the hardest data first."""
    costs: dict[str, tuple[MeasuredCost, ...]] = {}
    for line in json.loads(_FILE.read_text()):
        cost = MeasuredCost(**line)
        costs[cost.option] = (*costs.get(cost.option, ()), cost)
    return costs
