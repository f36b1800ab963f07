"""Accuracy as it was measured, and apart from it a trend over the number of classes, which is a guess.

No law says what accuracy a larger size has: it depends on the data, the budget and how close classes lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from xclass.projection.points import Point


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredAccuracy:
    """Share of held-out queries whose first answer was right, at one size."""

    variant: str
    data: str
    classes: int
    dim: int
    num_queries: int
    at_1: float
    low: float
    """Of the 95 % Wilson interval."""
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyTrend:
    """How accuracy changed with the number of classes where it was measured; all beyond is a guess."""

    per_decade: float
    """Added to the share for ten times as many classes; negative where it falls."""
    per_decade_error: float
    """Half of its 95 % interval, as far as the queries are what moves it."""
    fewest_classes: int
    most_classes: int
    dim: int
    num_sizes: int
    at_most_classes: float
    """The line's share at ``most_classes``."""

    def at(self, classes: int) -> float:
        """The guess for a number of classes, from 0 to 1."""
        share = self.at_most_classes + self.per_decade * math.log10(classes / self.most_classes)
        return min(1.0, max(0.0, share))


def accuracies_of(points: Sequence[Point]) -> list[MeasuredAccuracy]:
    """One per size, fewest classes first; repeats answer the same queries, so that the first stands for all.

    Args:
        points: of the serve phase of one variant.
    """
    found = []
    for point in sorted(points, key=lambda point: point.axes):
        record = point.records[0]
        if record.accuracy is not None:
            found.append(
                MeasuredAccuracy(
                    variant=point.variant,
                    data=record.data,
                    classes=record.classes,
                    dim=record.dim,
                    num_queries=record.accuracy.num_queries,
                    at_1=record.accuracy.at_1,
                    low=record.accuracy.at_1_low,
                    high=record.accuracy.at_1_high,
                )
            )
    return found


def trend_of(measured: Sequence[MeasuredAccuracy]) -> AccuracyTrend | None:
    """A straight line over the logarithm of the classes, at the dimension of the largest size.

    Args:
        measured: of one variant.

    Returns:
        None where fewer than two numbers of classes were measured at that dimension.
    """
    if not measured:
        return None
    largest = max(measured, key=lambda one: one.classes)
    alike = [one for one in measured if one.dim == largest.dim]
    sizes = [math.log10(one.classes) for one in alike]
    if len(set(sizes)) < 2:
        return None
    middle, level = fmean(sizes), fmean(one.at_1 for one in alike)
    slope = sum((x - middle) * (one.at_1 - level) for x, one in zip(sizes, alike, strict=True))
    square = sum((x - middle) ** 2 for x in sizes)
    slope /= square
    halves = [(one.high - one.low) / 2 for one in alike]
    error = math.hypot(*((x - middle) * half for x, half in zip(sizes, halves, strict=True))) / square
    return AccuracyTrend(
        per_decade=slope,
        per_decade_error=error,
        fewest_classes=min(one.classes for one in alike),
        most_classes=largest.classes,
        dim=largest.dim,
        num_sizes=len(set(sizes)),
        at_most_classes=level + slope * (math.log10(largest.classes) - middle),
    )
