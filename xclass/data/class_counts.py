"""How often each class number occurs among rows that are read in parts, and where a number has its place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

_LOW = 1 << 24
"""Numbers below it are counted in a table, as catalogues number their classes; others are sorted, which costs
ten times the time."""
_BUFFERED = 1 << 19


class ClassCounter:
    """Counts rows per class number, 0 or more.

    Memory: 9 B up to the largest number that is below 2**24, at most 300 MiB while the table grows; of larger
    ones about 90 B per class and 20 MiB.
    """

    def __init__(self) -> None:
        """Nothing counted yet."""
        self._low = np.zeros(0, np.int64)
        self._is_seen = np.zeros(0, np.bool_)
        self._numbers, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._waiting: list[tuple[IntArray, IntArray]] = []
        self._num_waiting = 0

    def add(self, numbers: IntArray, is_counted: npt.NDArray[np.bool_]) -> None:
        """Add a part.

        Args:
            numbers: shape (P,), int64.
            is_counted: shape (P,); the others are seen but not counted.
        """
        if len(numbers) and numbers.max() < _LOW:
            self._grow(int(numbers.max()) + 1)
            self._is_seen[numbers] = True
            np.add.at(self._low, numbers[is_counted], 1)
            return
        distinct, places = np.unique(numbers, return_inverse=True)
        self._waiting.append((distinct, np.bincount(places[is_counted], minlength=len(distinct))))
        self._num_waiting += len(distinct)
        # Not after every part: each joining costs the sorting of all classes.
        if self._num_waiting > max(_BUFFERED, len(self._numbers) // 2):
            self._join()

    def result(self) -> tuple[IntArray, IntArray]:
        """Distinct numbers, rising, and how many counted rows have each; 0 for some."""
        low = np.flatnonzero(self._is_seen)
        self._waiting.append((low, self._low[low]))
        self._join()
        return self._numbers, self._counts

    def _grow(self, size: int) -> None:
        if size > len(self._low):
            added = min(_LOW, max(size, 2 * len(self._low))) - len(self._low)
            self._low = np.append(self._low, np.zeros(added, np.int64))
            self._is_seen = np.append(self._is_seen, np.zeros(added, np.bool_))

    def _join(self) -> None:
        numbers = np.concatenate([self._numbers, *(found for found, _ in self._waiting)])
        counts = np.concatenate([self._counts, *(found for _, found in self._waiting)])
        self._waiting, self._num_waiting = [], 0
        order = np.argsort(numbers, kind="stable")
        numbers, counts = numbers[order], counts[order]
        firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
        self._numbers = numbers[firsts]
        self._counts = np.add.reduceat(counts, firsts) if len(firsts) else counts


class Places:
    """Number of a class -> its place among the distinct ones.

    Memory: 4 B up to the largest number below 2**24; nothing where one is larger, and a slower search.
    """

    def __init__(self, numbers: IntArray) -> None:
        """Keep the distinct numbers, which rise."""
        self._numbers = numbers
        self._table: npt.NDArray[np.int32] | None = None
        if len(numbers) and numbers[-1] < _LOW:
            self._table = np.full(int(numbers[-1]) + 1, -1, np.int32)
            self._table[numbers] = np.arange(len(numbers), dtype=np.int32)

    def of(self, numbers: IntArray) -> IntArray:
        """The place of each, all of which are among the distinct ones."""
        if self._table is not None:
            return self._table[numbers].astype(np.int64)
        return np.searchsorted(self._numbers, numbers)
