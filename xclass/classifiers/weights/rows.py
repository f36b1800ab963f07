"""Class vectors as rows that sums are added to, whatever format they are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import numpy as np

from xclass.classifiers.weights.bfloat16 import BitsArray, round_nearest, round_stochastic, to_float32
from xclass.classifiers.weights.config import HEAD_CLASSES
from xclass.data.base import FloatArray, IntArray, batch_ranges

_SETTLED_CLASSES = 1 << 12


class Rows(Protocol):
    """C rows of D values."""

    shape: tuple[int, int]

    def add(self, classes_U: IntArray, sums_UD: FloatArray) -> None:
        """Add to distinct rows, given in rising order."""
        ...

    def block(self, start: int, stop: int) -> AbstractContextManager[FloatArray]:
        """Rows ``start .. stop - 1`` as float32 to be changed in place; written back when the block ends."""
        ...


class FloatRows:
    """Rows of a float32 array, in memory or mapped."""

    def __init__(self, array_CD: FloatArray) -> None:
        self._array_CD = array_CD
        self.shape: tuple[int, int] = (array_CD.shape[0], array_CD.shape[1])

    def add(self, classes_U: IntArray, sums_UD: FloatArray) -> None:
        """Add to distinct rows, given in rising order; rows without gaps are not gathered first."""
        first, last = (int(classes_U[0]), int(classes_U[-1])) if len(classes_U) else (0, -1)
        if last - first + 1 == len(classes_U):
            self._array_CD[first : last + 1] += sums_UD
        else:
            self._array_CD[classes_U] += sums_UD

    @contextmanager
    def block(self, start: int, stop: int) -> Iterator[FloatArray]:
        """The rows themselves."""
        yield self._array_CD[start:stop]


class Bfloat16Rows:
    """Rows of a table of bfloat16 bits, the first ones kept in float32 until :meth:`settle`.

    Stochastic rounding is right on average, but its error grows with the square root of the additions. For
    the classes beyond the head, of which a data set of millions of classes has few examples each, it stays
    near one unit in the last place.

    Memory:
        ``4 D min(C, 65536)`` bytes beside the table.
    """

    def __init__(self, bits_CD: BitsArray, seed: int) -> None:
        """Start from the table's values.

        Args:
            bits_CD: uint16; changed in place.
            seed: of stochastic rounding.
        """
        self._bits_CD = bits_CD
        self.shape: tuple[int, int] = (bits_CD.shape[0], bits_CD.shape[1])
        self._head_HD = to_float32(bits_CD[:HEAD_CLASSES])
        self._generator = np.random.default_rng(seed)

    def add(self, classes_U: IntArray, sums_UD: FloatArray) -> None:
        """Add to distinct rows, given in rising order."""
        cut = int(np.searchsorted(classes_U, len(self._head_HD)))
        self._head_HD[classes_U[:cut]] += sums_UD[:cut]
        tail = classes_U[cut:]
        values = to_float32(self._bits_CD[tail])
        values += sums_UD[cut:]
        self._bits_CD[tail] = round_stochastic(values, self._generator)

    @contextmanager
    def block(self, start: int, stop: int) -> Iterator[FloatArray]:
        """A copy, rounded back to nearest (below the head: to the table, at most one rounding more)."""
        cut = min(max(start, len(self._head_HD)), stop)
        values = np.empty((stop - start, self.shape[1]), dtype=np.float32)
        values[: cut - start] = self._head_HD[start:cut]
        to_float32(self._bits_CD[cut:stop], out=values[cut - start :])
        yield values
        self._head_HD[start:cut] = values[: cut - start]
        self._bits_CD[cut:stop] = round_nearest(values[cut - start :])

    def settle(self) -> None:
        """Round the head into the table, in blocks: rounding takes three temporary copies."""
        for start, stop in batch_ranges(len(self._head_HD), _SETTLED_CLASSES):
            self._bits_CD[start:stop] = round_nearest(self._head_HD[start:stop])
