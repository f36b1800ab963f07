"""What a search for copies of queries has found so far, and whether classes agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xclass.data.base import ClassSets, IntArray

_MAX_PAIRS = 1 << 17
"""Pairs of a batch that are looked at: where all texts are alike, more would only say so again."""
MAX_EXAMPLES = 3
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Pairs of a query and an example of one batch that are (nearly) the same.

    Attributes:
        queries: shape (P,), int64.
        examples: shape (P,), int64, places in the batch.
        is_exact: shape (P,).
    """

    queries: IntArray
    examples: IntArray
    is_exact: BoolArray


class Found:
    """Of each query, whether a copy was seen, a near copy, and of which class. Memory: 4 bytes per query."""

    def __init__(self, sets: ClassSets) -> None:
        """Nothing found yet.

        Args:
            sets: true classes of the queries.
        """
        self._sets = sets
        self._is_seen = np.zeros((2, 2, len(sets)), np.bool_)
        """By [is exact][is of the same class]."""
        self.examples: dict[bool, list[tuple[int, int, bool]]] = {True: [], False: []}
        """is exact -> (query, position of the example, is of the same class): the first few."""

    def add(self, matches: Matches, sets: ClassSets, start: int) -> None:
        """Take the matches of one batch.

        Args:
            matches: pairs.
            sets: true classes of the batch's examples.
            start: position of its first example.
        """
        is_same = _share_a_class(self._sets, matches.queries, sets, matches.examples)
        for is_exact in (True, False):
            kept = self.examples[is_exact]
            for pair in np.flatnonzero(matches.is_exact == is_exact)[: 100 * MAX_EXAMPLES]:
                query = int(matches.queries[pair])
                # A near copy of a query that has a copy is no news.
                is_new = query not in [one for one, _, _ in kept] and not self._is_seen[1, :, query].any()
                if is_new and len(kept) < MAX_EXAMPLES:
                    kept.append((query, start + int(matches.examples[pair]), bool(is_same[pair])))
        self._is_seen[matches.is_exact.astype(int), is_same.astype(int), matches.queries] = True

    def counts(self, *, is_exact: bool) -> tuple[int, int]:
        """Queries with a copy of the same class, and those whose copies are all of other classes."""
        other, same = self._is_seen[int(is_exact)]
        # A near copy of a query that has a copy is no news.
        is_open = True if is_exact else ~self._is_seen[1].any(axis=0)
        return int((same & is_open).sum()), int((other & ~same & is_open).sum())


def cap_pairs(items: IntArray, first: IntArray, last: IntArray) -> tuple[IntArray, IntArray]:
    """Each item beside every place of its range ``first <= place < last``; of too many, the first ones."""
    sizes = last - first
    fits = np.cumsum(sizes) <= _MAX_PAIRS
    items, first, sizes = items[fits], first[fits], sizes[fits]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(items, sizes), np.repeat(first, sizes) + within


def _share_a_class(
    ours: ClassSets, our_places: IntArray, theirs: ClassSets, their_places: IntArray
) -> BoolArray:
    """Whether the examples of each pair have a class in common."""
    our_pairs, our_classes = _classes_of(ours, our_places)
    their_pairs, their_classes = _classes_of(theirs, their_places)
    scale = int(max(ours.classes.max(initial=0), theirs.classes.max(initial=0))) + 1
    is_common = np.isin(our_pairs * scale + our_classes, their_pairs * scale + their_classes)
    return np.bincount(our_pairs[is_common], minlength=len(our_places)) > 0


def _classes_of(sets: ClassSets, places: IntArray) -> tuple[IntArray, IntArray]:
    """(pair, class) of every class of the examples at some places."""
    starts, sizes = sets.starts[places], np.diff(sets.starts)[places]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(np.arange(len(places)), sizes), sets.classes[np.repeat(starts, sizes) + within]
