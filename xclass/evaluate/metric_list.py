"""From answers to everything but the accuracy that a record says of them: one list of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from xclass.data.base import ClassSets, DataSource, FloatArray, IntArray
from xclass.evaluate.bootstrap import Bootstrap, GroupedRatio
from xclass.evaluate.confidence import confidence_metrics
from xclass.evaluate.places import find_places
from xclass.evaluate.rank_metrics import RankedMetric, RankMetrics
from xclass.evaluate.rarity import Propensities, rarity_bands
from xclass.records.metric import Metric, MetricName, untold

_KS = (1, 3, 5)
"""Looked at besides all answers; those are what the field reports."""


def further_metrics(
    source: DataSource,
    *,
    classes_QK: IntArray,
    scores_QK: FloatArray,
    truth: ClassSets,
    propensity: tuple[float, float],
    threshold: float,
    seed: int,
) -> list[Metric]:
    """Every metric of one method's answers, each with a 95 % interval.

    Args:
        source: knows how often each class occurs in training.
        classes_QK: shape (Q, K), int64; classes from the best down, -1 where there is no answer.
        scores_QK: shape (Q, K).
        truth: of the same queries; at least one.
        propensity: a and b of :class:`xclass.evaluate.rarity.Propensities`.
        threshold: confidence that coverage asks for.
        seed: of the bootstrap; equal seeds give equal intervals.

    Memory: about 100 bytes per pair of query and true class, 2 MiB for each of 30 metrics, and 8 C bytes of
    class counts.
    """
    num_places = classes_QK.shape[1]
    ks = sorted({k for k in (*_KS, num_places) if k <= num_places})
    places = find_places(classes_QK, truth)
    counts_C = source.class_counts()
    propensities = Propensities(a=propensity[0], b=propensity[1], num_examples=source.num_examples)
    weights_T = propensities.weights(counts_C[truth.classes])
    bands = rarity_bands(counts_C)
    ranked = RankMetrics(places)
    of_rarity = [k for k in ks if k in (1, num_places)]
    found = chain(
        (one for k in ks for one in ranked.by_query(k)),
        (one for k in ks for one in ranked.propensity_scored(k, weights_T, propensities.words())),
        [ranked.reciprocal_rank()],
        (ranked.macro(k) for k in of_rarity),
        (one for k in of_rarity for one in ranked.by_rarity(k, bands)),
    )
    is_right_Q = places.first_places() == 0
    return [
        *_with_intervals(found, Bootstrap(len(truth), seed)),
        *confidence_metrics(scores_QK, is_right_Q, threshold=threshold, seed=seed),
    ]


def _with_intervals(found: Iterator[RankedMetric], bootstrap: Bootstrap) -> Iterator[Metric]:
    """Columns per query are held of one metric at a time; what is kept of each is by groups."""
    kept: list[tuple[MetricName, int, str | None, GroupedRatio | None]] = []
    for one in found:
        grouped = None if one.ratio is None else bootstrap.group_ratio(one.ratio)
        kept.append((one.name, one.k, one.note, grouped))
    intervals = iter(bootstrap.intervals([ratio for *_, ratio in kept if ratio is not None]))
    for name, k, note, ratio in kept:
        if ratio is None:
            yield untold(name, note, k=k)
            continue
        low, high, kind = next(intervals)
        yield Metric(
            name=name, k=k, value=ratio.value, low=low, high=high, num_queries=ratio.num_queries,
            interval=kind, note=note,
        )  # fmt: skip
