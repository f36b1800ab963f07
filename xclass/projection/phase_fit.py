"""All that the points of one variant say of one phase: bytes, times, and what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from xclass.projection.byte_fit import ByteFit, fit_bytes
from xclass.projection.byte_series import PEAK, byte_series
from xclass.projection.hold_outs import Series
from xclass.projection.points import Point, extrapolation_of
from xclass.projection.time_series import time_series
from xclass.sizing.plan import PhasePlan


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
    def series(self) -> dict[str, Series]:
        """Quantity -> its series: the peak, and what was timed."""
        return {PEAK: byte_series(self.points), **time_series(self.points)}

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
