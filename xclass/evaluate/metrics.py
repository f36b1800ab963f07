"""From answers and times to the accuracy and latency of a record."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.data.base import ClassSets, IntArray
from xclass.evaluate.intervals import percentile, wilson
from xclass.evaluate.places import find_places
from xclass.records.record import Accuracy, Latency

QUANTILE_PERCENTS = (*range(5, 100, 5), 99, 100)
"""Of a distribution of times: enough for a curve, its tail included."""


def accuracy(answers_QK: IntArray, truth: ClassSets) -> Accuracy:
    """Share of queries whose first answer is right, and of those with a right one among the first five.

    Args:
        answers_QK: shape (Q, K), int64, K >= 1; classes from the best down, -1 where there is no answer.
        truth: of the same queries; with several true classes each of them is right.

    Returns:
        Both shares with 95 % Wilson intervals; with K < 5 the second counts the K answers there are.

    Raises:
        ValueError: no queries, no answers per query, or shapes that do not belong together.

    Memory: 2 bytes per query and per pair of query and true class, see
        :func:`xclass.evaluate.places.find_places`.
    """
    places = find_places(answers_QK[..., :5], truth)
    first_Q, num_queries = places.first_places(), places.num_queries
    num_right_at_1 = int((first_Q == 0).sum())
    num_right_at_5 = int((first_Q < places.num_places).sum())
    at_1_low, at_1_high = wilson(num_right_at_1, num_queries)
    at_5_low, at_5_high = wilson(num_right_at_5, num_queries)
    return Accuracy(
        num_queries=num_queries,
        at_1=num_right_at_1 / num_queries,
        at_1_low=at_1_low,
        at_1_high=at_1_high,
        at_5=num_right_at_5 / num_queries,
        at_5_low=at_5_low,
        at_5_high=at_5_high,
    )


def latency(batch_size: int, batch_seconds: Sequence[float], *, num_queries: int | None = None) -> Latency:
    """How long batches of one size took, and how many queries that answers per second.

    Args:
        batch_size: queries per batch.
        batch_seconds: wall clock of each batch, at least one.
        num_queries: queries answered in all; needed only where the last batch was smaller.

    Returns:
        Nearest-rank percentiles (each is a time that was measured; under 100 batches p99 is the slowest
        one), and queries answered / total time: the mean rate, slow batches included.

    Raises:
        ValueError: no batches.
    """
    answered = batch_size * len(batch_seconds) if num_queries is None else num_queries
    # A batch below the resolution of the clock must not divide by zero.
    total_seconds = max(sum(batch_seconds), 1e-9)
    return Latency(
        batch_size=batch_size,
        num_batches=len(batch_seconds),
        p50_seconds=percentile(batch_seconds, 50),
        p95_seconds=percentile(batch_seconds, 95),
        p99_seconds=percentile(batch_seconds, 99),
        queries_per_second=answered / total_seconds,
        quantiles=quantiles(batch_seconds),
    )


def quantiles(seconds: Sequence[float]) -> list[list[float]]:
    """The distribution of some times, in rows of (percent, seconds).

    Args:
        seconds: at least one.

    Returns:
        The least at 0, nearest-rank percentiles (never interpolated), the most at 100; four digits each.
    """
    ordered = sorted(seconds)
    levels = [(0, ordered[0]), *((percent, percentile(ordered, percent)) for percent in QUANTILE_PERCENTS)]
    return [[percent, float(f"{value:.4g}")] for percent, value in levels]
