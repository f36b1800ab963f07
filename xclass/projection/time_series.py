"""Times of one phase of one variant: seconds of each quantity against its work, and how wrong that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median

from xclass.classifiers.work import BATCH_QUERY, OPEN, QUERY, SAVE, STEP
from xclass.projection.hold_outs import AllowedError, Kind, Miss, Observed, Series
from xclass.projection.points import Point
from xclass.projection.result import Basis, ProjectedTime, TimeRange
from xclass.projection.time_fit import TimeFit, fit_time
from xclass.projection.time_forms import TimeTerm, measured_times, time_terms
from xclass.units import MIB

_FLOOR_SHARE = 0.30
"""No interval is closer: no single times of a shared machine are. Source: research/memory.md, "+-30 %"."""
_FLOOR_SECONDS = 0.005
"""Besides, of what happens once in a run: a tick of the scheduler, or a page that is read from the disk."""
_ONCE = (OPEN, SAVE)
_CACHED_BYTES = 64 * MIB
"""Class vectors up to here may lie in the last-level cache of a processor, whose size no record has; and a
file of as much is written to the page cache before the kernel waits for the disk."""
CACHED = (STEP, QUERY, BATCH_QUERY)
"""Quantities that go over the class vectors again and again."""
_CACHE_WORDS = "what fits the cache of a processor is up to three times as fast as what does not"
_PAGE_CACHE_WORDS = "a file that fits the page cache is written up to ten times as fast as a disk takes it"
_UNSEEN = {
    quantity: AllowedError(share=2.0, words=f"no measured size is beyond caches: {_CACHE_WORDS}")
    for quantity in CACHED
} | {SAVE: AllowedError(share=9.0, words=f"no measured size is beyond caches: {_PAGE_CACHE_WORDS}")}
"""What may come of a regime that no measured size was in.

Source: times of 8e3 to 1e6 classes in benchmarks/records/projection; xclass/projection/time_fit.py.
"""
_UNKNOWN = AllowedError(share=2.0, words=f"no hold-out in these runs: {_CACHE_WORDS}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a time is asked for."""

    extrapolation: float
    class_vectors_bytes: int


class TimeSeries(Series):
    """One of them."""

    @cached_property
    def fit(self) -> TimeFit:
        """Seconds against work, of all sizes."""
        return _fit(self.observed)


def _fit(observed: Sequence[Observed]) -> TimeFit:
    return fit_time([(one.work, one.measured) for one in observed])


def _predict(seen: Sequence[Observed], unseen: Observed) -> float:
    return _fit(seen).seconds(unseen.work)


def time_series(points: Sequence[Point]) -> dict[str, TimeSeries]:
    """Quantity -> its series, of points of one variant and phase; what no record measured is not there."""
    observed: dict[str, list[Observed]] = {}
    for point in points:
        works = {term.quantity: term.work for term in terms_of(point)}
        for quantity, seconds in _seconds_of(point).items():
            if quantity in works:
                one = Observed(point=point, measured=seconds, work=works[quantity])
                observed.setdefault(quantity, []).append(one)
    return {quantity: TimeSeries(_kind(quantity), ones) for quantity, ones in observed.items()}


def terms_of(point: Point) -> list[TimeTerm]:
    """What took time in the phase of a point."""
    facts = point.records[0].data_facts
    return time_terms(point.config, point.method, point.shape, facts)[point.phase]


def project_time(
    term: TimeTerm, series: TimeSeries, place: Place, point: Point | None, others: Sequence[Miss]
) -> ProjectedTime:
    """One time, measured at ``point`` or projected from the series to ``place``."""
    measured = next((one.measured for one in series.observed if one.point is point), None)
    if measured is None:
        value = series.fit.seconds(term.work)
        error = _beyond_cache(series.error_at(place.extrapolation, others), series, term, place)
        low, high, words = series.interval(value, error)
    else:
        value = measured
        low, high, words = series.interval(value, AllowedError(share=0.0, words="measured here"))
    return ProjectedTime(
        quantity=term.quantity,
        meaning=term.meaning,
        seconds=TimeRange(value=value, low=low, high=high),
        count=term.count,
        form=term.form,
        basis=Basis.PROJECTED if measured is None else Basis.MEASURED,
        error_words=words,
    )


def _beyond_cache(error: AllowedError, series: Series, term: TimeTerm, place: Place) -> AllowedError:
    """Wider, where every measured size fits the cache and the one that is asked about does not."""
    measured = max(one.point.shape.class_vectors_bytes for one in series.observed)
    is_leaving = measured <= _CACHED_BYTES < place.class_vectors_bytes
    unseen = _UNSEEN.get(term.quantity)
    return unseen if unseen and is_leaving and unseen.share > error.share else error


def _least_seconds(quantity: str, seconds: float) -> float:
    return _FLOOR_SHARE * seconds + (_FLOOR_SECONDS if quantity in _ONCE else 0.0)


def _kind(quantity: str) -> Kind:
    return Kind(
        quantity=quantity,
        predict=_predict,
        least=partial(_least_seconds, quantity),
        least_words=f"equal runs differ by {_FLOOR_SHARE * 100:.0f} %{_once_words(quantity)}",
        fewest_sizes=2,
        unknown=_UNKNOWN,
    )


def _once_words(quantity: str) -> str:
    return f" + {_FLOOR_SECONDS * 1000:.0f} ms" if quantity in _ONCE else ""


def _seconds_of(point: Point) -> Mapping[str, float]:
    """Medians over the repeats."""
    found: dict[str, list[float]] = {}
    for record in point.records:
        for quantity, seconds in measured_times(record).items():
            found.setdefault(quantity, []).append(seconds)
    return {quantity: median(seconds) for quantity, seconds in found.items()}
