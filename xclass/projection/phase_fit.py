"""All that the points of one variant say of one phase: bytes, times, and what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from xclass.projection.byte_fit import ByteFit, fit_bytes
from xclass.projection.byte_series import PEAK, byte_series
from xclass.projection.hold_outs import Series
from xclass.projection.kinks import byte_kinks, time_kinks
from xclass.projection.points import Point, extrapolation_of
from xclass.projection.time_series import TimeSeries, time_series
from xclass.shapes import ProblemShape
from xclass.sizing.plan import PhasePlan
from xclass.units import format_count


class PhaseFit:
    """The points of one variant and phase, smallest first, and what is fitted on them."""

    def __init__(self, points: Sequence[Point]) -> None:
        """Take the points, of which there is at least one."""
        self.points = sorted(points, key=lambda point: point.size)

    @property
    def largest(self) -> Point:
        """By values of the table."""
        return self.points[-1]

    @cached_property
    def bytes_fit(self) -> ByteFit:
        """Base and factors from all points."""
        return fit_bytes(self.points)

    @cached_property
    def peaks(self) -> Series:
        """Peak bytes."""
        return byte_series(self.points)

    @cached_property
    def times(self) -> dict[str, TimeSeries]:
        """Quantity -> what was timed."""
        return time_series(self.points)

    @property
    def series(self) -> dict[str, Series]:
        """All of them."""
        return {PEAK: self.peaks, **self.times}

    @cached_property
    def caveats(self) -> tuple[str, ...]:
        """Kinks of bytes and times."""
        kinks = [line for quantity, series in self.times.items() for line in time_kinks(quantity, series)]
        return (*byte_kinks(self.points), *kinks)

    def caveats_at(self, shape: ProblemShape) -> tuple[str, ...]:
        """What a reader of a projection to this size must know beside its interval."""
        smallest = self.points[0].shape
        if shape.num_classes * shape.dim >= smallest.num_classes * smallest.dim:
            return self.caveats
        size = f"{format_count(smallest.num_classes)} classes x {smallest.dim}"
        return (*self.caveats, f"below the smallest measured size, {size}: no hold-out looks that way")

    def extrapolation_to(self, axes: tuple[int, int, int]) -> float:
        """How far a size lies beyond the points."""
        return extrapolation_of(axes, [point.axes for point in self.points])

    def measured_at(self, plan: PhasePlan, axes: tuple[int, int, int]) -> Point | None:
        """The point of this very size, if there is one: equal in every component."""
        components = plan.regime.components
        return next(
            (one for one in self.points if one.axes == axes and one.plan.regime.components == components),
            None,
        )
