"""From the nearest examples to the classes that they vote for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.inverted.search import NOTHING
from xclass.data.base import FloatArray, IntArray

_LEAST_VOTE = np.float32(1e-6)
"""Of an example on the other side: so that no sum falls below a single vote, and order stays."""
_GROWTH = 4

Nearest = Callable[[Any, int], tuple[FloatArray, IntArray]]
"""Queries and a number -> cosines (Q, number), falling, and rows; -1 where fewer were found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Votes:
    """The classes of the training examples."""

    classes: npt.NDArray[np.uint32]
    """Of all examples behind each other."""
    starts_N: IntArray | None
    """Where those of each example begin, shape (N + 1,); None: each has one."""
    num_classes: int
    num_examples: int
    neighbours: int

    @property
    def mapped_bytes(self) -> int:
        """Of both files."""
        return self.classes.nbytes + (0 if self.starts_N is None else self.starts_N.nbytes)

    def count(self, queries: Any, k: int, nearest: Nearest) -> Answers:
        """The k classes with the most votes.

        Where the nearest examples have fewer than k classes, further examples are asked for: each of their
        classes follows behind with its best cosine, which no vote is below.
        """
        num_queries = queries.shape[0]
        classes_QK = np.full((num_queries, k), -1, np.int64)
        scores_QK = np.full((num_queries, k), NOTHING, np.float32)
        waiting = np.arange(num_queries)
        number = min(self.neighbours, self.num_examples)
        while len(waiting):
            cosines, rows = nearest(queries[waiting], number)
            classes_QK[waiting], scores_QK[waiting] = self._ballot(cosines, rows, k)
            is_short = (classes_QK[waiting, -1] < 0) & (rows[:, -1] >= 0)
            waiting = waiting[is_short] if number < self.num_examples else waiting[:0]
            number = min(_GROWTH * number, self.num_examples)
        return Answers(classes_QK=classes_QK, scores_QK=scores_QK)

    def _ballot(self, cosines_QN: FloatArray, rows_QN: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        queries, classes, places, votes = self._pairs(cosines_QN, rows_QN)
        # By query and class, the nearest example first.
        order = np.lexsort((places, classes, queries))
        queries, classes, places = queries[order], classes[order], places[order]
        votes = votes[order]
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (queries[1:] != queries[:-1]) | (classes[1:] != classes[:-1])
        starts = np.flatnonzero(is_first)
        counted = np.where(is_first | (places < self.neighbours), votes, 0)
        sums = np.add.reduceat(counted, starts) if len(starts) else counted
        queries, classes = queries[starts], classes[starts]
        order = np.lexsort((classes, -sums, queries))
        queries, classes, sums = queries[order], classes[order], sums[order]
        ranks = np.arange(len(queries)) - np.searchsorted(queries, queries)
        kept = ranks < k
        classes_QK = np.full((len(rows_QN), k), -1, np.int64)
        scores_QK = np.full((len(rows_QN), k), NOTHING, np.float32)
        classes_QK[queries[kept], ranks[kept]] = classes[kept]
        scores_QK[queries[kept], ranks[kept]] = sums[kept]
        return classes_QK, scores_QK

    def _pairs(
        self, cosines_QN: FloatArray, rows_QN: IntArray
    ) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        """Query, class, place of the example among the nearest, and vote, for each class of each example."""
        queries, places = np.nonzero(rows_QN >= 0)
        rows = rows_QN[queries, places]
        votes = np.maximum(cosines_QN[queries, places], _LEAST_VOTE)
        if self.starts_N is None:
            return queries, self.classes[rows].astype(np.int64), places, votes
        starts = self.starts_N[rows]
        sizes = self.starts_N[rows + 1] - starts
        ends = np.cumsum(sizes)
        pairs = np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
        classes = self.classes[pairs].astype(np.int64)
        return np.repeat(queries, sizes), classes, np.repeat(places, sizes), np.repeat(votes, sizes)
