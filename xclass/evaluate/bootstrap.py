"""Intervals of means over queries: a share by Wilson's formula, all else by drawing queries again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xclass.evaluate.intervals import wilson
from xclass.evaluate.places import Float64Array
from xclass.records.metric import IntervalKind

NUM_DRAWS = 1000
"""Resamples: the ends of a 95 % interval are then ranks 25 and 975."""
_MOST_UNITS = 4096
"""More queries are drawn in as many equal groups: queries come in random order, and sums are all that is
needed, so that the spread is the same and time and memory are bounded."""
_DRAWS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A mean over queries, of values between 0 and 1: sum of ``gained_Q`` over sum of ``possible_Q``.

    Attributes:
        gained_Q: float64, 0 to possible.
        possible_Q: float64; 0 where the query does not take part.
    """

    gained_Q: Float64Array
    possible_Q: Float64Array

    @property
    def num_queries(self) -> int:
        """Queries that take part."""
        return int(np.count_nonzero(self.possible_Q))

    @property
    def is_share(self) -> bool:
        """Every query that takes part is right or wrong and weighs the same."""
        is_whole = (self.gained_Q == 0) | (self.gained_Q == 1)
        return bool(is_whole.all() and ((self.possible_Q == 0) | (self.possible_Q == 1)).all())


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedRatio:
    """What is kept of a ratio: its value, and the sums of the groups that are drawn.

    Attributes:
        gained_U: float64, one per group.
        possible_U: float64, one per group.
        effective: queries of equal weight that would tell as much. Source: Kish, "Survey sampling", 1965,
            section 11.7.
    """

    gained_U: Float64Array
    possible_U: Float64Array
    num_queries: int
    effective: float
    is_share: bool

    @property
    def value(self) -> float:
        """The mean."""
        return float(self.gained_U.sum() / self.possible_U.sum())


class Bootstrap:
    """Queries drawn again with replacement, the same draws for every metric and method.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3 (percentiles).

    Memory: 32 KiB for each of 64 draws at a time, and the columns that are asked for, of 4096 groups.
    """

    def __init__(self, num_queries: int, seed: int) -> None:
        """Keep the seed; Q >= 1."""
        self._num_units = min(num_queries, _MOST_UNITS)
        self._starts = np.arange(self._num_units) * num_queries // self._num_units
        self._seed = seed

    def group(self, values_Q: Float64Array) -> Float64Array:
        """Sums of the groups that are drawn."""
        sums: Float64Array = np.add.reduceat(values_Q, self._starts)
        return sums

    def draw(self, columns_UM: Float64Array) -> Float64Array:
        """Sums of grouped columns in every draw, shape (draws, M)."""
        random = np.random.default_rng(self._seed)
        num_units = self._num_units
        parts = []
        for start in range(0, NUM_DRAWS, _DRAWS_AT_ONCE):
            num_draws = min(_DRAWS_AT_ONCE, NUM_DRAWS - start)
            drawn = random.integers(num_units, size=(num_draws, num_units))
            drawn += np.arange(num_draws)[:, None] * num_units
            times = np.bincount(drawn.ravel(), minlength=num_draws * num_units)
            parts.append(times.reshape(num_draws, num_units).astype(np.float64) @ columns_UM)
        sums: Float64Array = np.concatenate(parts)
        return sums

    def group_ratio(self, ratio: Ratio) -> GroupedRatio:
        """A ratio in which at least one query takes part, by groups."""
        return GroupedRatio(
            gained_U=self.group(ratio.gained_Q),
            possible_U=self.group(ratio.possible_Q),
            num_queries=ratio.num_queries,
            effective=float(ratio.possible_Q.sum() ** 2 / np.square(ratio.possible_Q).sum()),
            is_share=ratio.is_share,
        )

    def intervals(self, ratios: Sequence[GroupedRatio]) -> list[tuple[float, float, IntervalKind]]:
        """95 % interval of each ratio and where it comes from.

        A share has Wilson's. Where drawing again cannot move a mean (all queries gained the same), Wilson's
        holds as well: of values between 0 and 1 it is never too short.
        """
        columns = [side for ratio in ratios for side in (ratio.gained_U, ratio.possible_U)]
        sums = self.draw(np.stack(columns, axis=1))
        return [_interval(ratio, sums[:, 2 * at], sums[:, 2 * at + 1]) for at, ratio in enumerate(ratios)]


def percentiles(drawn: Float64Array) -> tuple[float, float]:
    """Ends of the middle 95 % of what was drawn."""
    ordered = np.sort(drawn)
    rank = len(ordered) * 25 // 1000
    return float(ordered[rank]), float(ordered[len(ordered) - 1 - rank])


def _interval(
    ratio: GroupedRatio, gained: Float64Array, possible: Float64Array
) -> tuple[float, float, IntervalKind]:
    value, kind = ratio.value, IntervalKind.BOOTSTRAP
    if not ratio.is_share:
        low, high = percentiles(gained[possible > 0] / possible[possible > 0])
    if ratio.is_share or high - low < 1e-9:
        low, high = wilson(value * ratio.effective, ratio.effective)
        kind = IntervalKind.WILSON
    return min(low, value), max(high, value), kind
