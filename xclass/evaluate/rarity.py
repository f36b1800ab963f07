"""How rare each class is in training: propensities, and the borders of head, torso and tail."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from xclass.data.base import IntArray
from xclass.evaluate.places import Float64Array

_BLOCK_CLASSES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Propensities:
    """How likely a true class was noted as one: the rarer in training, the less.

    Source: Jain, Prabhu and Varma, "Extreme multi-label loss functions for recommendation, tagging, ranking
    and other missing label applications", KDD 2016, section 4 and table 2: p = 1 / (1 + c exp(-a log(n + b)))
    with c = (log N - 1) (b + 1)^a, where n counts the class's training examples and N all of them. a = 0.55,
    b = 1.5 are theirs for all data sets but two.
    """

    a: float
    b: float
    num_examples: int
    """N, each counted once."""

    def weights(self, counts: IntArray) -> Float64Array:
        """1 / p of classes with so many training examples; at least 1."""
        c = max(0.0, log(self.num_examples) - 1.0) * (self.b + 1.0) ** self.a
        weights: Float64Array = 1.0 + c * (counts + self.b) ** -self.a
        return weights

    def words(self) -> str:
        """What a reader must know to compute them again."""
        return (
            f"propensities with a = {self.a:g}, b = {self.b:g} over {self.num_examples:,} training examples"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RarityBand:
    """Classes ``start <= id < stop``, which are those of one third of the training examples, about."""

    start: int
    stop: int
    words: str
    """Which classes these are."""


def rarity_bands(counts_C: IntArray) -> tuple[RarityBand, RarityBand, RarityBand]:
    """Head, torso and tail: the most frequent classes that hold a third of the training examples, and so on.

    Classes with equally many examples are of one band, so that a band may be more or less than a third. With
    two different counts there is no torso; with one there are no bands.

    Args:
        counts_C: training examples per class, non-increasing, as a data source gives them.

    Memory: 8 MiB at a time.

    Source: bins of equal volume as in Mittal et al., "DECAF: deep extreme classification with label
    features", WSDM 2021, section 5 ("quantile analysis").
    """
    total, edges = int(counts_C.sum()), _edges(counts_C)
    which = ("most frequent", "next", "rarest")
    first, second, last = (
        RarityBand(start=start, stop=stop, words=_words(counts_C, start, stop, total, name))
        for name, (start, stop) in zip(which, pairwise(edges), strict=True)
    )
    return first, second, last


def _edges(counts_C: IntArray) -> tuple[int, int, int, int]:
    """Where the bands begin, and where the last ends; each is where counts change."""
    num_classes = len(counts_C)
    least_head = _num_above(counts_C, int(counts_C[0]))
    most_head = _num_above(counts_C, int(counts_C[-1]) + 1)
    if least_head == num_classes:
        return 0, 0, 0, 0
    total = int(counts_C.sum())
    head, tail = (min(max(_border(counts_C, total * third // 3), least_head), most_head) for third in (1, 2))
    if head == most_head > least_head:
        head = _num_above(counts_C, int(counts_C[head - 1]) + 1)
    if tail <= head < most_head:
        tail = _num_above(counts_C, int(counts_C[head]))
    return 0, head, tail, num_classes


def _words(counts_C: IntArray, start: int, stop: int, total: int, which: str) -> str:
    if start == stop:
        return "no class: too many are equally frequent in training"
    most, least = int(counts_C[start]), int(counts_C[stop - 1])
    each = f"{most:,}" if most == least else f"{least:,} to {most:,}"
    share = int(counts_C[start:stop].sum()) / max(total, 1)
    return (
        f"the {which} {stop - start:,} classes, of {each} training examples each, {share * 100:.0f} % of all"
    )


def _border(counts_C: IntArray, volume: int) -> int:
    """The class from which on the examples before it are nearest to that volume, equals kept together."""
    before = 0
    for start in range(0, len(counts_C), _BLOCK_CLASSES):
        block = counts_C[start : start + _BLOCK_CLASSES]
        in_block = int(block.sum())
        if before + in_block > volume:
            at = start + int(np.searchsorted(np.cumsum(block), volume - before, side="right"))
            return _between_equals(counts_C, at, volume)
        before += in_block
    return len(counts_C)


def _between_equals(counts_C: IntArray, at: int, volume: int) -> int:
    """The nearer end of the run of classes that are as frequent as this one."""
    count = int(counts_C[at])
    first, last = (_num_above(counts_C, least) for least in (count + 1, count))
    volume_of_first = int(counts_C[:first].sum())
    volume_of_last = volume_of_first + count * (last - first)
    return first if volume - volume_of_first <= volume_of_last - volume else last


def _num_above(counts_C: IntArray, least: int) -> int:
    """How many classes have at least so many examples, by bisection."""
    low, high = 0, len(counts_C)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if counts_C[middle] >= least else (low, middle)
    return low
