"""What leaner settings were measured to cost: recall, accuracy, time; from committed records, condensed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xclass.units import format_count, format_seconds

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
    """Share of the ten classes nearest by exact search that were found; with its 95 % interval."""
    recall_low: float | None = None
    recall_high: float | None = None
    accuracy: float | None = None
    """Share of held-out queries answered right; with its 95 % interval."""
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    accuracy_before: float | None = None
    p50_seconds: float | None = None
    """Median of a query asked alone."""
    p50_seconds_before: float | None = None
    steps_per_second: float | None = None
    steps_per_second_before: float | None = None
    room_share: float | None = None
    """Part of the mapped file that there was room for in memory."""
    equal_share: float | None = None
    """Queries that got the same answer as with all the room."""

    @property
    def words(self) -> str:
        """What it costs, in words, and where that was measured."""
        parts = []
        if self.recall is not None:
            parts.append(f"finds {100 * self.recall:.2f} % of the ten that exact search finds")
        if self.accuracy is not None and self.accuracy_before is not None:
            parts.append(f"{100 * self.accuracy:.1f} % right instead of {100 * self.accuracy_before:.1f} %")
        if self.equal_share is not None:
            parts.append(f"{100 * self.equal_share:.0f} % of the answers the same")
        if self.p50_seconds is not None and self.p50_seconds_before is not None:
            before = f"{format_seconds(self.p50_seconds_before)}{' of exact search' if self.recall else ''}"
            ratio = self.p50_seconds / self.p50_seconds_before
            parts.append(
                f"{ratio:.2g} x the time of a query ({format_seconds(self.p50_seconds)} instead of {before})"
            )
        if self.steps_per_second is not None:
            parts.append(
                f"{self.steps_per_second:.3g} steps a second instead of {self.steps_per_second_before:.3g}"
            )
        return f"{', '.join(parts)} ({self.data}, {format_count(self.classes)} classes x {self.dim})"


@cache
def measured_costs() -> dict[str, tuple[MeasuredCost, ...]]:
    """Option -> its measurements, the hardest data first."""
    costs: dict[str, tuple[MeasuredCost, ...]] = {}
    for line in json.loads(_FILE.read_text()):
        cost = MeasuredCost(**line)
        costs[cost.option] = (*costs.get(cost.option, ()), cost)
    return costs
