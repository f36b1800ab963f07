"""A keyed pseudo-random order of 0 .. size-1 that stores nothing.

An epoch over 35 million examples needs an order; ``numpy.random.permutation`` would store 8 bytes for
each, and that would be counted as memory of the classifier that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xclass.data.base import IntArray

_NUM_ROUNDS = 6
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT = np.uint64(32)


class Permutation:
    """A bijection of [0, size) onto itself, evaluated only where it is asked.

    A Feistel network over the grid ``rows x columns`` with ``rows = ceil(sqrt(size))`` and the fewest
    columns that cover ``size``; a result past ``size`` is walked on until it falls inside. The grid
    exceeds ``size`` by less than one row, so that almost nothing walks. An affine map would be cheaper,
    but it visits every class-ordered file in an arithmetic progression.

    Memory: O(1) held; about 40 B per position while called.

    Source: J. Black and P. Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, methods 2
    (cycle walking) and 3 (generalised Feistel); the round function is the finaliser of splitmix64.
    """

    def __init__(self, size: int, key: Sequence[int]) -> None:
        """Draw the round keys.

        Args:
            size: number of positions, from 1 to 2**60.
            key: non-negative integers, e.g. ``(seed, epoch)``; equal keys give equal orders.
        """
        assert 1 <= size <= 1 << 60
        self.size = size
        self._rows = np.uint64(math.isqrt(size - 1) + 1)
        self._columns = np.uint64(-(-size // int(self._rows)))
        self._round_keys = np.random.SeedSequence(list(key)).generate_state(_NUM_ROUNDS, np.uint64)

    def __call__(self, positions: IntArray) -> IntArray:
        """Where each position goes.

        Args:
            positions: shape (B,), int64, each in [0, size).

        Returns:
            Shape (B,), int64, each in [0, size); distinct for distinct positions.
        """
        images = self._walk_once(positions.astype(np.uint64))
        while (outside := np.flatnonzero(images >= np.uint64(self.size))).size:
            images[outside] = self._walk_once(images[outside])
        return images.astype(np.int64)

    def _walk_once(self, cells: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
        row, column = cells // self._columns, cells % self._columns
        for number, key in enumerate(self._round_keys):
            if number % 2 == 0:
                row = (row + _scramble(column ^ key)) % self._rows
            else:
                column = (column + _scramble(row ^ key)) % self._columns
        cell: np.typing.NDArray[np.uint64] = row * self._columns + column
        return cell


class EpochOrder:
    """A permutation for every epoch; the last is kept, as drawing its keys costs as much as a small batch.

    Safe in several threads: two that draw the same epoch draw the same order.
    """

    def __init__(self, size: int, key: Sequence[int]) -> None:
        """Keep the settings.

        Args:
            size: number of positions, from 1 to 2**60.
            key: non-negative integers; the epoch comes behind them.
        """
        self._size = size
        self._key = tuple(key)
        self._last: tuple[int, Permutation] | None = None

    def of(self, epoch: int) -> Permutation:
        """The order of this epoch."""
        known = self._last
        if known is None or known[0] != epoch:
            known = (epoch, Permutation(self._size, (*self._key, epoch)))
            self._last = known
        return known[1]


def _scramble(x: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    """Well mixed values below 2**32, so that adding a row or column number cannot overflow."""
    x = (x ^ (x >> np.uint64(30))) * _MULTIPLIER_1
    x = (x ^ (x >> np.uint64(27))) * _MULTIPLIER_2
    return x >> _SHIFT
