"""The value of a run for a sweep that searches: its best metric among the methods that keep to a limit.

It comes from records alone. So a sweep that goes on after a kill, whose seeded sampler asks for the same runs
again, gives it the same answers without measuring, and needs no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

from xclass.objective.config import ACCURACY, ObjectiveConfig
from xclass.records.record import Pass, Phase, Record, Verdict

_REFUSED = {Verdict.DOES_NOT_FIT, Verdict.OUT_OF_MEMORY}
_WORST = -1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveValue:
    """What a run, or one method of it, is worth."""

    value: float
    """0 to 1 where it keeps to the limit: the metric; -1 to 0 where not; NaN where nothing tells."""
    method: str = ""
    """Empty where no method has a value."""
    peak_bytes: int | None = None
    """Measured peak of its serve phase."""

    @property
    def is_within(self) -> bool:
        """It was measured and keeps to the limit."""
        return self.value >= 0.0


def objective_value(records: Iterable[Record], objective: ObjectiveConfig) -> ObjectiveValue:
    """What a run is worth.

    A method over the limit is worth ``limit / peak - 1``, which lies below everything that keeps to it and
    rises as it comes nearer, so that a search finds its way back. What was refused or ran out of memory is a
    result: by its planned peak, and -1 if even that keeps to the limit. What failed tells nothing.

    Args:
        records: of one run.
        objective: metric, limit and method.

    Returns:
        The best over the methods; NaN where none has a value.
    """
    by_method: dict[str, list[Record]] = {}
    for record in records:
        is_wanted = objective.method in (None, record.method)
        if record.phase is Phase.SERVE and record.pass_ is Pass.RSS and is_wanted:
            by_method.setdefault(record.method, []).append(record)
    found = [_of_method(repeats, objective) for repeats in by_method.values()]
    found = [one for one in found if one.value == one.value]
    return max(found, key=lambda one: one.value, default=ObjectiveValue(value=nan))


def _of_method(repeats: list[Record], objective: ObjectiveConfig) -> ObjectiveValue:
    method, verdicts = repeats[0].method, {record.verdict for record in repeats}
    if verdicts == {Verdict.MEASURED}:
        return _measured(repeats, objective)
    if not verdicts & _REFUSED:
        return ObjectiveValue(value=nan, method=method)
    planned = max((record.predicted or {}).get("peak_bytes") or 0 for record in repeats)
    value = _beyond(planned, objective.serving_ram_bytes)
    return ObjectiveValue(value=_WORST if value is None else value, method=method)


def _measured(repeats: list[Record], objective: ObjectiveConfig) -> ObjectiveValue:
    method = repeats[0].method
    peaks = [record.memory.peak_rss_bytes for record in repeats if record.memory is not None]
    metrics = [value for record in repeats if (value := _metric(record, objective.metric)) is not None]
    if not peaks or not metrics:
        return ObjectiveValue(value=nan, method=method)
    beyond = _beyond(max(peaks), objective.serving_ram_bytes)
    value = metrics[0] if beyond is None else beyond
    return ObjectiveValue(value=value, method=method, peak_bytes=max(peaks))


def _beyond(peak_bytes: int, limit_bytes: int | None) -> float | None:
    """Between -1 and 0; None where the peak keeps to the limit."""
    if limit_bytes is None or peak_bytes <= limit_bytes:
        return None
    return limit_bytes / peak_bytes - 1.0


def _metric(record: Record, name: str) -> float | None:
    if record.accuracy is not None:
        accuracies = {ACCURACY: record.accuracy.at_1, f"{ACCURACY}_at_1": record.accuracy.at_1,
                      f"{ACCURACY}_at_5": record.accuracy.at_5}  # fmt: skip
        if name in accuracies:
            return accuracies[name]
    return next((metric.value for metric in record.metrics if metric.key == name), None)
