"""Times of one phase of one variant: seconds of each quantity against its work, and how wrong that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from xclass.projection.hold_outs import AllowedError, Kind, Miss, Observed, Series
from xclass.projection.points import Point
from xclass.projection.result import Basis, ProjectedTime, TimeRange
from xclass.projection.time_fit import TimeFit, fit_time
from xclass.projection.time_forms import TimeTerm, measured_times, time_terms

_FLOOR_SHARE = 0.15
"""No interval is closer: single times of equal runs on a shared machine differ by as much.

Source: benchmarks/records/measure/repeats.
"""
_UNKNOWN = AllowedError(
    share=2.0,
    words="no hold-out in these runs: what fits the cache of a processor is up to three times as fast as "
    "what does not",
)


def fit_series(observed: Sequence[Observed]) -> TimeFit:
    """Seconds against work."""
    return fit_time([(one.work, one.measured) for one in observed])


def _predict(seen: Sequence[Observed], unseen: Observed) -> float:
    return fit_series(seen).seconds(unseen.work)


def time_series(points: Sequence[Point]) -> dict[str, Series]:
    """Quantity -> its series, of points of one variant and phase; what no record measured is not there."""
    observed: dict[str, list[Observed]] = {}
    for point in points:
        works = {term.quantity: term.work for term in terms_of(point)}
        for quantity, seconds in _seconds_of(point).items():
            if quantity in works:
                one = Observed(point=point, measured=seconds, work=works[quantity])
                observed.setdefault(quantity, []).append(one)
    return {quantity: Series(_kind(quantity), ones) for quantity, ones in observed.items()}


def terms_of(point: Point) -> list[TimeTerm]:
    """What took time in the phase of a point."""
    facts = point.records[0].data_facts
    return time_terms(point.config, point.method, point.shape, facts)[point.phase]


def project_time(
    term: TimeTerm, series: Series, point: Point | None, extrapolation: float, others: Sequence[Miss]
) -> ProjectedTime:
    """One time, measured at ``point`` or projected from the series."""
    measured = next((one.measured for one in series.observed if one.point is point), None)
    if measured is None:
        value = fit_series(series.observed).seconds(term.work)
        low, high, words = series.interval(value, series.error_at(extrapolation, others))
    else:
        value = measured
        low, high, words = series.interval(value, AllowedError(share=0.0, words="measured here"))
    return ProjectedTime(
        quantity=term.quantity,
        meaning=term.meaning,
        seconds=TimeRange(value=value, low=low, high=high),
        form=term.form,
        basis=Basis.PROJECTED if measured is None else Basis.MEASURED,
        error_words=words,
    )


def _kind(quantity: str) -> Kind:
    return Kind(
        quantity=quantity,
        predict=_predict,
        least=lambda value: _FLOOR_SHARE * value,
        least_words=f"equal runs differ by {_FLOOR_SHARE * 100:.0f} %",
        fewest_sizes=2,
        unknown=_UNKNOWN,
    )


def _seconds_of(point: Point) -> Mapping[str, float]:
    """Medians over the repeats."""
    found: dict[str, list[float]] = {}
    for record in point.records:
        for quantity, seconds in measured_times(record).items():
            found.setdefault(quantity, []).append(seconds)
    return {quantity: median(seconds) for quantity, seconds in found.items()}
