"""Peak bytes of one phase of one variant: its points, the fit on all of them, and every hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from xclass.projection.byte_fit import ByteFit, fit_bytes
from xclass.projection.hold_outs import (
    PEAK,
    AllowedError,
    Miss,
    Observed,
    allowed_error,
    as_held_out,
    roll,
    within,
)
from xclass.projection.points import Point, extrapolation_of
from xclass.projection.result import ByteRange, HeldOut
from xclass.sizing.plan import PhasePlan
from xclass.units import MIB, format_bytes

_FLOOR_BYTES = 3 * MIB
"""No interval is closer. Source: bases of one variant in benchmarks/records lie up to 2.2 MiB apart on one
machine, and the kernel's counter is off by up to 0.75 MiB."""
_FLOOR_SHARE = 0.002
"""Of a peak, to be added: equal runs differ by it. Source: benchmarks/records/measure/repeats."""
UNKNOWN_ERROR = AllowedError(
    share=0.051,
    words="no hold-out in these runs: the worst of 115 closed forms in benchmarks/records/measure/ledger was "
    "5.1 % off, base included",
)


class ByteSeries:
    """The points of one variant and phase."""

    def __init__(self, points: Sequence[Point]) -> None:
        """Take the points, of which there is at least one."""
        self.points = sorted(points, key=lambda point: point.size)

    @cached_property
    def fit(self) -> ByteFit:
        """On all points."""
        return fit_bytes(self.points)

    @cached_property
    def misses(self) -> list[Miss]:
        """Every hold-out."""
        observed = [Observed(point=point, quantity=PEAK, measured=point.peak_bytes) for point in self.points]
        return roll(observed, _predict)

    @property
    def largest(self) -> Point:
        """By values of the table."""
        return self.points[-1]

    def extrapolation_to(self, axes: tuple[int, int, int]) -> float:
        """How far a size lies beyond the points."""
        return extrapolation_of(axes, [point.axes for point in self.points])

    def measured_at(self, plan: PhasePlan, axes: tuple[int, int, int]) -> Point | None:
        """The point of this very size, if there is one: equal in every component."""
        for point in self.points:
            if point.axes == axes and point.plan.regime.components == plan.regime.components:
                return point
        return None

    def error_at(self, extrapolation: float, others: Sequence[Miss]) -> AllowedError:
        """Of a projection from all points; ``others`` are hold-outs of other variants."""
        return allowed_error(extrapolation, self.misses, others, unknown=UNKNOWN_ERROR)

    def held_out(self, others: Sequence[Miss]) -> list[HeldOut]:
        """Every hold-out, with the interval that what was seen allowed."""
        found = []
        for miss in self.misses:
            own, pooled = (within(misses, miss.seen_size) for misses in (self.misses, others))
            error = allowed_error(miss.extrapolation, own, pooled, unknown=UNKNOWN_ERROR)
            found.append(as_held_out(miss, error, least=least_bytes(miss.predicted)))
        return found


def least_bytes(peak_bytes: float) -> float:
    """Half the width that no interval of a peak goes below."""
    return _FLOOR_BYTES + _FLOOR_SHARE * peak_bytes


def byte_range(value: int, error: AllowedError) -> tuple[ByteRange, str]:
    """A peak with its interval, and where that comes from."""
    least = least_bytes(value)
    low, high = error.range_of(value, least=least)
    floor = f"never closer than {format_bytes(_FLOOR_BYTES)} + {_FLOOR_SHARE:.1%}, by which equal runs differ"
    words = error.words_of(value, least=least, least_words=floor)
    return ByteRange(value=value, low=int(low), high=round(high)), words


def measured_range(point: Point) -> tuple[ByteRange, str]:
    """A measured peak with what its repeats spread over."""
    value = point.peak_bytes
    least = least_bytes(value)
    low, high = min([*point.peaks, value - least]), max([*point.peaks, value + least])
    count = "once" if len(point.peaks) == 1 else f"{len(point.peaks)} times"
    words = f"measured {count}; equal runs differ by {format_bytes(_FLOOR_BYTES)} + {_FLOOR_SHARE:.1%}"
    return ByteRange(value=value, low=int(low), high=round(high)), words


def _predict(seen: Sequence[Observed], unseen: Observed) -> float:
    return fit_bytes([one.point for one in seen]).peak_bytes(unseen.point.plan)
