"""One way of counting right answers, with its interval: what a record keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite


class MetricName(StrEnum):
    """What is counted; formulas and sources stand in :mod:`xclass.evaluate.rank_metrics`."""

    PRECISION = "precision"
    """Of the first k answers those that are true classes of the query."""
    RECALL = "recall"
    """Of a query's true classes those among the first k answers."""
    NDCG = "ndcg"
    PSP = "psp"
    """Precision at k that counts a rare class for more (propensity-scored)."""
    PSNDCG = "psndcg"
    MRR = "mrr"
    """One over the place of the first right answer."""
    MACRO_RECALL = "macro_recall"
    """Mean over classes, each counted the same; at k = 1 with one class per query the macro accuracy."""
    HEAD_RECALL = "head_recall"
    TORSO_RECALL = "torso_recall"
    TAIL_RECALL = "tail_recall"
    CALIBRATION_ERROR = "calibration_error"
    """How far a calibrated confidence is from the share that is right."""
    COVERAGE = "coverage"
    """Share of queries answered with a confidence of at least the threshold."""
    COVERED_ACCURACY = "covered_accuracy"
    """Share of these whose first answer is right."""


class IntervalKind(StrEnum):
    """Where an interval comes from; all are of 95 %."""

    WILSON = "wilson"
    BOOTSTRAP = "bootstrap"
    """Queries drawn again, with a seed."""


@dataclass(kw_only=True, slots=True)
class Metric:
    """One value with its interval; all three are null where it cannot be told, and ``note`` says why."""

    name: MetricName
    k: int | None
    """Answers that are looked at; None where the number is not a part of the metric."""
    value: float | None
    low: float | None
    high: float | None
    num_queries: int
    """Queries that it is of: those that have a class of the tail, the half that nothing was fitted on ..."""
    interval: IntervalKind | None
    note: str | None = None
    """What it depends on besides the answers: borders, propensities, threshold; or why there is no value."""

    def __post_init__(self) -> None:
        """Refuse what no report can show.

        Raises:
            ValueError: an unknown name, a value outside of its interval or of 0 to 1, or half an interval.
        """
        self.name = MetricName(self.name)
        self.interval = None if self.interval is None else IntervalKind(self.interval)
        found = [x for x in (self.low, self.value, self.high) if x is not None]
        is_whole = len(found) == (3 if self.interval else 0)
        # A hair beyond 1 is what sums of floats give.
        is_within = found == sorted(found) and all(isfinite(x) and -1e-9 <= x <= 1 + 1e-9 for x in found)
        if not (is_whole and is_within):
            raise ValueError(f"metric {self.key}: {found} is no value with its interval")

    @property
    def key(self) -> str:
        """``ndcg_at_5``, or the bare name where there is no k."""
        return str(self.name) if self.k is None else f"{self.name}_at_{self.k}"


def untold(name: MetricName, reason: str | None, *, k: int | None = None) -> Metric:
    """A metric that has no value here, and why."""
    return Metric(name=name, k=k, value=None, low=None, high=None, num_queries=0, interval=None, note=reason)
