"""Ranked metrics as means over queries, each with several true classes or one.

Every metric is a sum of what queries gained over a sum of what they could have gained; that is how the
extreme-classification repository states the propensity-scored ones, and all others fit the same form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xclass.evaluate.bootstrap import Ratio
from xclass.evaluate.places import Float64Array, Places
from xclass.evaluate.rarity import RarityBand
from xclass.records.metric import MetricName

BoolArray = npt.NDArray[np.bool_]

_BAND_NAMES = (MetricName.HEAD_RECALL, MetricName.TORSO_RECALL, MetricName.TAIL_RECALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedMetric:
    """A metric that is a ratio; None where no query takes part, and the note says why."""

    name: MetricName
    k: int
    ratio: Ratio | None
    note: str | None = None


class RankMetrics:
    """All ranked metrics of one method's answers.

    Memory: about 60 bytes per pair of query and true class, and what the caller keeps of them.
    """

    def __init__(self, places: Places) -> None:
        """Keep the places and count true classes per query."""
        self._places = places
        self._num_true_Q: Float64Array = np.diff(places.truth.starts).astype(np.float64)
        self._ones_Q = np.ones(places.num_queries)

    def by_query(self, k: int) -> Iterator[RankedMetric]:
        """Precision, recall and nDCG at k.

        nDCG is DCG with gain 1 for a true class and discount log2(place + 1), places from 1, over the DCG of
        an answer that puts true classes first. Source: Järvelin and Kekäläinen, "Cumulated gain-based
        evaluation of IR techniques", ACM TOIS 20 (2002), 422-446; Prabhu and Varma, "FastXML", KDD 2014.
        """
        found_Q = self._places.per_query(self._is_within(k))
        yield RankedMetric(
            name=MetricName.PRECISION, k=k, ratio=Ratio(gained_Q=found_Q / k, possible_Q=self._ones_Q)
        )
        recall = Ratio(gained_Q=found_Q / self._num_true_Q, possible_Q=self._ones_Q)
        yield RankedMetric(name=MetricName.RECALL, k=k, ratio=recall)
        gained_Q = self._places.per_query(self._is_within(k) * self._discounts())
        ndcg = Ratio(gained_Q=gained_Q / self._ideals(k), possible_Q=self._ones_Q)
        yield RankedMetric(name=MetricName.NDCG, k=k, ratio=ndcg)

    def propensity_scored(self, k: int, weights_T: Float64Array, words: str) -> Iterator[RankedMetric]:
        """PSP and PSnDCG at k, each over the best that any answer could reach.

        Args:
            k: answers that are looked at.
            weights_T: 1 / propensity of the class of each pair.
            words: what they were computed from.

        Source: Jain, Prabhu and Varma, KDD 2016, section 6; normalised as the extreme classification
        repository's tables are.
        """
        places, is_within_T = self._places, self._is_within(k)
        best_T, rank_T = self._best_first(weights_T)
        is_best_T = rank_T < k
        gained_Q = places.per_query(is_within_T * weights_T)
        possible_Q = places.per_query(is_best_T * best_T)
        yield RankedMetric(
            name=MetricName.PSP, k=k, ratio=Ratio(gained_Q=gained_Q, possible_Q=possible_Q), note=words
        )
        ideal_Q = self._ideals(k)
        gained_Q = places.per_query(is_within_T * weights_T * self._discounts()) / ideal_Q
        possible_Q = places.per_query(is_best_T * best_T / np.log2(rank_T + 2.0)) / ideal_Q
        yield RankedMetric(
            name=MetricName.PSNDCG, k=k, ratio=Ratio(gained_Q=gained_Q, possible_Q=possible_Q), note=words
        )

    def reciprocal_rank(self) -> RankedMetric:
        """MRR: one over the place of the first right answer; 0 where there is none among all K.

        Source: Voorhees, "The TREC-8 question answering track report", 1999.
        """
        first_Q, num_places = self._places.first_places(), self._places.num_places
        gained_Q = np.where(first_Q < num_places, 1.0 / (first_Q + 1.0), 0.0)
        return RankedMetric(
            name=MetricName.MRR,
            k=num_places,
            ratio=Ratio(gained_Q=gained_Q, possible_Q=self._ones_Q),
            note=f"a right answer that is not among the first {num_places} counts 0",
        )

    def macro(self, k: int) -> RankedMetric:
        """Mean over the classes that queries are of: of each, the share of its queries that found it.

        Every class counts the same, however many queries it has. Queries are drawn again with the weights
        that they have here.
        """
        _, class_T, num_queries_U = np.unique(
            self._places.truth.classes, return_inverse=True, return_counts=True
        )
        weights_T = 1.0 / num_queries_U[class_T]
        note = f"over the {len(num_queries_U):,} classes that these queries are of"
        return RankedMetric(name=MetricName.MACRO_RECALL, k=k, ratio=self._recall_of(k, weights_T), note=note)

    def by_rarity(self, k: int, bands: tuple[RarityBand, RarityBand, RarityBand]) -> Iterator[RankedMetric]:
        """Share of the true classes of head, torso and tail that are among the first k answers."""
        classes_T = self._places.truth.classes
        for name, band in zip(_BAND_NAMES, bands, strict=True):
            is_of_band_T = (classes_T >= band.start) & (classes_T < band.stop)
            if not is_of_band_T.any():
                words = band.words if band.start == band.stop else f"no query is of {band.words}"
                yield RankedMetric(name=name, k=k, ratio=None, note=words)
                continue
            yield RankedMetric(name=name, k=k, ratio=self._recall_of(k, is_of_band_T), note=band.words)

    def _recall_of(self, k: int, weights_T: npt.NDArray[np.generic]) -> Ratio:
        per_query = self._places.per_query
        return Ratio(gained_Q=per_query(self._is_within(k) * weights_T), possible_Q=per_query(weights_T))

    def _is_within(self, k: int) -> BoolArray:
        is_within_T: BoolArray = self._places.place_T < k
        return is_within_T

    def _discounts(self) -> Float64Array:
        discount_T: Float64Array = 1.0 / np.log2(self._places.place_T + 2.0)
        return discount_T

    def _ideals(self, k: int) -> Float64Array:
        """DCG of an answer that begins with true classes."""
        sums_K = np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))
        ideal_Q: Float64Array = sums_K[np.minimum(self._num_true_Q, k).astype(np.int64) - 1]
        return ideal_Q

    def _best_first(self, weights_T: Float64Array) -> tuple[Float64Array, npt.NDArray[np.int64]]:
        """Weights of each query's classes, the largest first, and the rank of each within its query."""
        starts = self._places.truth.starts
        num_true_Q = np.diff(starts)
        query_T = np.repeat(np.arange(len(num_true_Q)), num_true_Q)
        order = np.lexsort((-weights_T, query_T))
        return weights_T[order], np.arange(len(query_T)) - starts[query_T]
