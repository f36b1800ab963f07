"""Peak bytes of one phase of one variant as a series, and how its intervals are made."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.projection.byte_fit import fit_bytes
from xclass.projection.hold_outs import AllowedError, Kind, Observed, Series
from xclass.projection.points import Point
from xclass.sizing.ledger import EQUAL_RUNS_BYTES
from xclass.units import format_bytes

PEAK = "peak_bytes"
"""The quantity of a hold-out that is not a time."""
_FLOOR_SHARE = 0.002
"""Of a peak, added to EQUAL_RUNS_BYTES for the closest of intervals: equal runs differ by it.

Source: benchmarks/records/measure/repeats.
"""
_EQUAL_RUNS = f"equal runs differ by {format_bytes(EQUAL_RUNS_BYTES)} + {_FLOOR_SHARE * 100:.1g} %"
_LEDGER_ERROR = AllowedError(
    share=0.051,
    words="no hold-out in these runs: the worst of 115 closed forms in benchmarks/records/measure/ledger was "
    "5.1 % off, base included, on one machine",
)
ESTIMATE_ERROR = AllowedError(
    share=0.25,
    words="no hold-out in these runs: the closed form is an estimate, of what a library takes or of how many "
    "weights the data asks for, and up to 25 % off",
)
"""Of methods whose trait says so. Source: tests/classifiers/test_library_estimates.py."""


def _predict(seen: Sequence[Observed], unseen: Observed) -> float:
    return fit_bytes([one.point for one in seen]).peak_bytes(unseen.point.plan)


def _least_bytes(peak_bytes: float) -> float:
    return EQUAL_RUNS_BYTES + _FLOOR_SHARE * peak_bytes


_KIND = Kind(
    quantity=PEAK, predict=_predict, least=_least_bytes, least_words=_EQUAL_RUNS, fewest_sizes=1,
    unknown=_LEDGER_ERROR,
)  # fmt: skip
"""One size is enough: the form is known, and what is fitted stays near 1.00."""


def byte_series(points: Sequence[Point]) -> Series:
    """The peaks of points of one variant and phase."""
    return Series(_KIND, [Observed(point=point, measured=point.peak_bytes) for point in points])


def measured_interval(point: Point) -> tuple[float, float, str]:
    """What the repeats of a point spread over, and how far equal runs differ."""
    value = point.peak_bytes
    least = _least_bytes(value)
    low, high = min([*point.peaks, value - least]), max([*point.peaks, value + least])
    count = "once" if len(point.peaks) == 1 else f"{len(point.peaks)} times"
    return low, high, f"measured {count}; {_EQUAL_RUNS}"
