"""How many features the examples of a class have together, which sparse class means hold; known before a run.

Source: Heaps' law, Manning, Raghavan, Schuetze, "Introduction to Information Retrieval", 5.1.1: n examples
of f features each have ``f n ** h`` distinct ones. h belongs to the data, and with one for all a third to a
half of what the means take was promised (benchmarks/records/light_methods).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

DEFAULT_GROWTH = 0.5
"""Where nobody has counted."""
_MOST_CLASSES, _LEAST_CLASSES, _MOST_EXAMPLES, _MOST_FEATURES = 256, 8, 256, 1 << 16
_HASH_FACTOR, _HASHES = 2654435761, 1 << 32
"""Knuth, "The Art of Computer Programming", vol. 3, 6.4: multiplicative hashing."""
_SIZES = (2, 3, 4)
_CHUNK = 1 << 16


class GrowthSample:
    """Distinct features of at most 256 classes, of up to 256 examples each.

    A class belongs to it by the hash of its number, and fewer do as more classes come, so that no order of
    the examples favours any.

    Memory: 4 bytes per feature of at most 65 536 and one example: 0.3 MB.
    """

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._below = _HASHES
        self._distinct: dict[int, npt.NDArray[np.int32]] = {}
        self._num_examples: dict[int, int] = {}
        self._num_listed: dict[int, int] = {}
        self._num_distinct = 0

    def wanted(self, classes: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
        """Places of the classes that belong to the sample."""
        hashes = classes.astype(np.uint64) * np.uint64(_HASH_FACTOR) % np.uint64(_HASHES)
        while True:
            places = np.flatnonzero(hashes < self._below)
            new = dict.fromkeys(classes[places].tolist()).keys() - self._distinct.keys()
            if len(self._distinct) + len(new) <= _MOST_CLASSES:
                break
            self._narrow()
        for class_ in new:
            self._distinct[class_] = np.zeros(0, np.int32)
            self._num_examples[class_] = self._num_listed[class_] = 0
        return places

    def add(self, class_: int, features: npt.NDArray[np.int32]) -> None:
        """One example of a wanted class, with a feature as often as it is in it, shape (F,)."""
        if self._num_examples.get(class_, _MOST_EXAMPLES) >= _MOST_EXAMPLES:
            return
        if self._num_distinct >= _MOST_FEATURES:
            if len(self._distinct) > _LEAST_CLASSES:
                self._narrow()
            return
        known = np.union1d(self._distinct[class_], features)
        self._num_distinct += len(known) - len(self._distinct[class_])
        self._distinct[class_] = known
        self._num_listed[class_] += len(features)
        self._num_examples[class_] += 1

    def _narrow(self) -> None:
        """Half as many hashes; classes that no longer belong are forgotten."""
        self._below //= 2
        for class_ in [known for known in self._distinct if known * _HASH_FACTOR % _HASHES >= self._below]:
            self._num_distinct -= len(self._distinct.pop(class_))
            del self._num_examples[class_], self._num_listed[class_]

    def exponent(self) -> float:
        """h, from 0 to 1, with which ``f n ** h`` gives all distinct features that were found."""
        found = [class_ for class_, num in self._num_examples.items() if num > 1]
        numbers = np.array([self._num_examples[class_] for class_ in found], np.float64)
        listed = np.array([self._num_listed[class_] for class_ in found], np.float64)
        distinct = sum(len(self._distinct[class_]) for class_ in found)
        if not listed.sum():
            return DEFAULT_GROWTH
        low, high = 0.0, 1.0
        for _ in range(20):
            middle = (low + high) / 2
            is_too_many = float((listed / numbers * numbers**middle).sum()) > distinct
            low, high = (low, middle) if is_too_many else (middle, high)
        return round(low, 4)


def ngram_hashes(text: str) -> npt.NDArray[np.int32]:
    """Of the n-grams of 2 to 4 characters, both boundaries counted: those of the bag by default."""
    text = f"<{text}>"
    hashes = [hash(text[at : at + size]) for size in _SIZES for at in range(len(text) - size + 1)]
    return np.array(hashes, np.int64).astype(np.int32)


def growth_over_classes(exponent: float, num_classes: int, counts: Callable[[int, int], IntArray]) -> float:
    """The exponent that gives the mean over classes from the mean number of examples.

    Classes of one size have it already; of unequal ones the mean of ``n ** h`` is less than that of the mean
    to the power of h: 30 000 lemmas have 0.48 where a class has 0.53.

    Args:
        exponent: h within a class.
        num_classes: C.
        counts: gives the examples of the classes from a first to a last one.
    """
    total, grown = 0, 0.0
    for start in range(0, num_classes, _CHUNK):
        part = counts(start, min(num_classes, start + _CHUNK))
        total += int(part.sum())
        grown += float((part.astype(np.float64) ** exponent).sum())
    mean = total / num_classes
    return math.log(grown / num_classes) / math.log(mean) if mean > 1 else exponent
