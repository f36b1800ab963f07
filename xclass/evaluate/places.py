"""At which place of the answers each true class stands: all that ranked metrics need to know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xclass.data.base import ClassSets, IntArray, batch_ranges

_BLOCK_QUERIES = 4096
"""Compared at a time, so that comparing adds nothing to the peak of the phase that it is part of."""

Float64Array = npt.NDArray[np.float64]
PlaceArray = npt.NDArray[np.int16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Pairs of query and true class, and where the class was answered.

    Attributes:
        truth: of Q queries, T pairs in all.
        place_T: shape (T,), int16; first place of each true class among the answers, from 0; ``num_places``
            where it is not among them.
        num_places: K, answers per query.
    """

    truth: ClassSets
    place_T: PlaceArray
    num_places: int

    @property
    def num_queries(self) -> int:
        """Queries asked."""
        return len(self.truth)

    def per_query(self, values_T: npt.NDArray[np.generic]) -> Float64Array:
        """Sum of the values of each query's pairs, shape (Q,)."""
        sums_Q: Float64Array = np.add.reduceat(values_T.astype(np.float64), self.truth.starts[:-1])
        return sums_Q

    def first_places(self) -> PlaceArray:
        """Place of each query's first right answer."""
        first_Q: PlaceArray = np.minimum.reduceat(self.place_T, self.truth.starts[:-1])
        return first_Q


def find_places(answers_QK: IntArray, truth: ClassSets) -> Places:
    """Look every true class up among the answers to its query.

    Args:
        answers_QK: shape (Q, K), int64, K >= 1; classes from the best down, -1 where there is no answer. A
            class that is answered twice counts once, at its better place.
        truth: of the same queries.

    Raises:
        ValueError: no queries, no answers per query, or shapes that do not belong together.

    Memory: 2 T bytes; 9 K bytes for each pair of 4096 queries at a time.
    """
    if answers_QK.ndim != 2 or answers_QK.shape[1] < 1 or len(truth) != len(answers_QK) or not len(truth):
        raise ValueError(f"answers of shape {answers_QK.shape} do not answer {len(truth)} queries")
    num_places = answers_QK.shape[1]
    place_T = np.empty(len(truth.classes), dtype=np.int16)
    for start, stop in batch_ranges(len(truth), _BLOCK_QUERIES):
        starts = truth.starts[start : stop + 1]
        first, last = int(starts[0]), int(starts[-1])
        query_T = np.repeat(np.arange(start, stop), np.diff(starts))
        classes_T = truth.classes[first:last]
        # "No answer" is wrong whatever the truth holds.
        is_there_TK = (answers_QK[query_T] == classes_T[:, None]) & (classes_T >= 0)[:, None]
        found_T = is_there_TK.argmax(axis=1)
        place_T[first:last] = np.where(is_there_TK.any(axis=1), found_T, num_places)
    return Places(truth=truth, place_T=place_T, num_places=num_places)
