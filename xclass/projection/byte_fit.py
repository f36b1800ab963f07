"""The few free numbers of a projection of bytes: a base, and one factor per component, expected 1.00.

A closed form that is right needs no fit. What is fitted is how far it is from right: a ridge towards 1.00
keeps a component there that the points cannot tell from others, or from the error of the kernel's counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median_low

from xclass.projection.points import Point
from xclass.shapes import MAPPED
from xclass.sizing.plan import PhasePlan
from xclass.units import MIB

_PRIOR_SHARE = 0.02
"""How far a factor may leave 1.00 for nothing: what benchmarks/ledger.py holds the closed forms to."""
_CODE_PRIOR_SHARE = 1.0
"""The same for pages of code, of which the closed form has the most that was seen, a constant. So an offset
that does not grow with the size goes here, and not into what is multiplied by the classes."""
_NOISE_SHARE = 0.002
"""Of peak - base, by which equal runs differ. Source: benchmarks/records/measure/repeats."""
_NOISE_BYTES = 2 * MIB
"""What no point is more exact than: pages of code and of files come in groups, and fixed buffers of libraries
are in no closed form. Without it, small sizes bend factors of what is multiplied by the classes: at 8x up to
2.3 % of the peak. Source: gaps of -2.6 to +1.7 MB in benchmarks/records/measure/ledger.
"""
_CODE = f"program code{MAPPED}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteFit:
    """What the points of a variant say of one phase."""

    base_bytes: int
    factors: dict[str, float] = field(default_factory=dict)
    """Component -> factor; 1.00 for any that is not here."""

    def components(self, plan: PhasePlan) -> dict[str, int]:
        """Bytes of each component of a closed form, with its factor."""
        factors = self.factors_of(plan)
        return {name: round(size * factors[name]) for name, size in plan.regime.components.items()}

    def factors_of(self, plan: PhasePlan) -> dict[str, float]:
        """Component of a closed form -> its factor."""
        return {name: self.factors.get(name, 1.0) for name in plan.regime.components}

    def peak_bytes(self, plan: PhasePlan) -> int:
        """Base and components of a closed form."""
        return self.base_bytes + sum(self.components(plan).values())


def fit_bytes(points: Sequence[Point]) -> ByteFit:
    """Base: the median of the measured ones; factors: least squares with a ridge towards 1.00, none negative.

    Args:
        points: of one variant and phase, at least one.
    """
    names = list(dict.fromkeys(name for point in points for name in point.plan.regime.components))
    fixed: set[str] = set()
    while True:
        free = [name for name in names if name not in fixed]
        moved = _solve(*_equations(points, free, fixed))
        factors = dict.fromkeys(fixed, 0.0) | {n: 1.0 + d for n, d in zip(free, moved, strict=True)}
        negative = {name for name, factor in factors.items() if factor < 0.0}
        if not negative:
            base = median_low(point.base_bytes for point in points)
            return ByteFit(base_bytes=base, factors={name: factors[name] for name in names})
        fixed |= negative


def _equations(
    points: Sequence[Point], free: list[str], fixed: set[str]
) -> tuple[list[list[float]], list[float]]:
    """Normal equations of the distances of the free factors from 1.00."""
    priors = [_CODE_PRIOR_SHARE if name == _CODE else _PRIOR_SHARE for name in free]
    matrix = [
        [1.0 / prior**2 if row == column else 0.0 for column in range(len(free))]
        for row, prior in enumerate(priors)
    ]
    right = [0.0] * len(free)
    for point in points:
        components = point.plan.regime.components
        noise = max(point.counter_error_bytes, _NOISE_BYTES, _NOISE_SHARE * point.over_base_bytes)
        sizes = [components.get(name, 0) / noise for name in free]
        expected = sum(size for name, size in components.items() if name not in fixed)
        gap = (point.over_base_bytes - expected) / noise
        for row, size in enumerate(sizes):
            right[row] += size * gap
            for column, other in enumerate(sizes):
                matrix[row][column] += size * other
    return matrix, right


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss-Jordan elimination; the ridge makes the matrix positive definite: no pivoting is needed."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot, row in enumerate(rows):
        scale = row[pivot]
        row[:] = [value / scale for value in row]
        for other in rows:
            if other is not row and other[pivot]:
                factor = other[pivot]
                other[:] = [value - factor * own for value, own in zip(other, row, strict=True)]
    return [row[-1] for row in rows]
