"""Seconds as ``a + b * work`` with a, b >= 0: two free numbers, fitted on relative errors, in plain Python.

A power law fitted to logarithms would hide the fixed part ``a`` in its exponent, and with it the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_Point = tuple[float, float]

_FEWEST_POINTS = 3
"""That are kept where small ones are left out."""
_WORTH_LEAVING_OUT = 0.5
"""Small points go where the worst residual of the others is then at most this share of what it was."""
_TOLERATED_SHARE = 0.1
"""Worst residual below which no point is left out: times of one configuration repeat to about that.

Source: benchmarks/records/measure/repeats.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeFit:
    """A fitted law."""

    fixed_seconds: float
    """a, spent whatever the size."""
    seconds_per_work: float
    """b."""
    num_points: int
    """That it was fitted on."""
    num_left_out: int = 0
    """Smallest points that follow another law: what they work on fits the cache of the processor."""

    def seconds(self, work: float) -> float:
        """Of so much work."""
        return self.fixed_seconds + self.seconds_per_work * work


def fit_time(points: Sequence[_Point]) -> TimeFit:
    """The law with the least sum of squared relative errors, above a change of regime where there is one.

    What fits the cache is up to three times as fast per value as what does not: of the points at the small
    end as few are left out as halve the worst residual of the others, where that can be done with three left.

    Args:
        points: (work, seconds), seconds above 0, in any order; at least one.

    Returns:
        The fit; of a single point the line through it and the origin.

    Source: Venkataraman et al., "Ernest", NSDI 2016: terms of known cost with coefficients of at least 0.
    """
    kept = sorted(points)
    fit = _fit(kept)
    worst = _worst_residual(fit, kept)
    if worst <= _TOLERATED_SHARE:
        return fit
    for num_left_out in range(1, len(kept) - _FEWEST_POINTS + 1):
        larger = kept[num_left_out:]
        above = _fit(larger)
        if _worst_residual(above, larger) <= _WORTH_LEAVING_OUT * worst:
            return replace(above, num_left_out=num_left_out)
    return fit


def _fit(points: Sequence[_Point]) -> TimeFit:
    """Least squares of ``(a + b w) / t - 1``, on the border where one coefficient would be negative."""
    ones = [1.0 / seconds for _, seconds in points]
    works = [work / seconds for work, seconds in points]
    sum_11, sum_1w = _dot(ones, ones), _dot(ones, works)
    sum_ww, sum_1, sum_w = _dot(works, works), sum(ones), sum(works)
    determinant = sum_11 * sum_ww - sum_1w**2
    fixed = slope = -1.0
    if determinant > 1e-12 * sum_11 * sum_ww:
        fixed = (sum_1 * sum_ww - sum_w * sum_1w) / determinant
        slope = (sum_w * sum_11 - sum_1 * sum_1w) / determinant
    if fixed < 0.0 or slope < 0.0:
        candidates = [(0.0, sum_w / sum_ww)] if sum_ww else []
        if slope < 0.0 <= fixed or not sum_ww:
            candidates = [(sum_1 / sum_11, 0.0)]
        fixed, slope = candidates[0]
    return TimeFit(fixed_seconds=fixed, seconds_per_work=slope, num_points=len(points))


def _worst_residual(fit: TimeFit, points: Sequence[_Point]) -> float:
    return max(abs(fit.seconds(work) / seconds - 1.0) for work, seconds in points)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
