"""Which groups of classes a picture shows, and some classes of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xclass.data.base import DataSource, IntArray
from xclass.data.counter_rng import stream_key, uniforms

SHOWN_GROUPS = 11
"""Rows that carry a name; the others share one: twelve in all are still read."""
_BLOCK_CLASSES = 1 << 16
_MAX_BLOCKS = 1 << 8
"""Of more classes than 16.8 million only evenly spaced blocks are looked through: a second, not an hour."""
_SAMPLE_STREAM = 0x5A3D1E


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRows:
    """The groups with a row of their own; all others have the row behind them.

    Attributes:
        groups_G: shape (G,), int64, by falling number of queries; equals by their number.
        num_others: groups, of those that the queries met or were answered with, without a row of their own.
    """

    groups_G: IntArray
    num_others: int

    @property
    def num_rows(self) -> int:
        """Rows of a picture."""
        return len(self.groups_G) + (self.num_others > 0)

    def rows(self, groups_B: IntArray) -> IntArray:
        """The row of each group."""
        order = np.argsort(self.groups_G)
        sorted_G = self.groups_G[order]
        place_B = np.minimum(np.searchsorted(sorted_G, groups_B), len(sorted_G) - 1)
        rows_B: IntArray = np.where(sorted_G[place_B] == groups_B, order[place_B], len(self.groups_G))
        return rows_B


def choose_groups(truth_Q: IntArray, answer_Q: IntArray) -> GroupRows:
    """The groups that most queries are of.

    Args:
        truth_Q: group of each query's class, at least one.
        answer_Q: group of each first answer; -1 for none.
    """
    met_G, counts_G = np.unique(truth_Q, return_counts=True)
    groups_G = met_G[np.lexsort((met_G, -counts_G))][:SHOWN_GROUPS]
    others = np.setdiff1d(np.union1d(met_G, answer_Q[answer_Q >= 0]), groups_G)
    return GroupRows(groups_G=groups_G, num_others=len(others))


def sample_classes(source: DataSource, chosen: GroupRows, num_each: int, seed: int) -> list[IntArray]:
    """At most ``num_each`` random classes of each row, without replacement, in rising order.

    Classes are drawn by a hash of their id: those with the least in each row, so that one pass is enough.

    Memory:
        about 80 bytes for each of 65 536 classes at a time, and 16 for each that is kept.
    """
    key = stream_key(seed, _SAMPLE_STREAM)
    num_rows = chosen.num_rows
    kept = [(np.empty(0, dtype=np.int64), np.empty(0)) for _ in range(num_rows)]
    # Of each row: a draw above this is not among its least any more; none is where there is no row.
    bounds_G = np.full(len(chosen.groups_G) + 1, np.inf)
    bounds_G[num_rows:] = -np.inf
    starts = range(0, source.num_classes, _BLOCK_CLASSES)
    for start in starts[:: -(-len(starts) // _MAX_BLOCKS)]:
        classes_B = np.arange(start, min(start + _BLOCK_CLASSES, source.num_classes), dtype=np.int64)
        rows_B, draws_B = chosen.rows(source.groups_of(classes_B)), uniforms(key, classes_B)
        low = np.flatnonzero(draws_B < bounds_G[rows_B])
        for row in np.unique(rows_B[low]):
            mine = low[rows_B[low] == row]
            ids = np.concatenate([kept[row][0], classes_B[mine]])
            draws = np.concatenate([kept[row][1], draws_B[mine]])
            least = np.argsort(draws, kind="stable")[:num_each]
            kept[row] = ids[least], draws[least]
            if len(least) == num_each:
                bounds_G[row] = draws[least[-1]]
    return [np.sort(ids) for ids, _ in kept]
