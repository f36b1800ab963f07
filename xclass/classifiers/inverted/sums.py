"""Sparse sums per class in one pass over the examples, whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from xclass.classifiers.inverted.memory import BLOCK_ROWS, PENDING_ENTRIES, PENDING_SHARE, UNIT_ROWS
from xclass.data.base import IntArray

_UNITS_PER_BLOCK = BLOCK_ROWS // UNIT_ROWS


class SparseSums:
    """One sparse row per class.

    A block of classes whose examples have all been seen is given away at once, so that data in the order of
    its classes never has more than one block of sums.

    Memory:
        8 bytes per (class, feature) that occurs, those of a unit twice more while it is added to; an eighth
        of the first and ``8 PENDING_ENTRIES`` for examples that wait, twice while they are joined; 8 bytes
        per class.
    """

    def __init__(
        self,
        counts_C: IntArray,
        num_columns: int,
        finish: Callable[[int, list[csr_array], npt.NDArray[np.int32]], None],
    ) -> None:
        """Keep the sizes.

        Args:
            counts_C: examples that each class will get, shape (C,).
            num_columns: M.
            finish: is given each block once, with its number, its sums in pieces of UNIT_ROWS classes, and
                how many examples each of its classes had.
        """
        self._num_columns = num_columns
        self._finish = finish
        self._left = counts_C.astype(np.int32)
        self._seen = np.zeros(len(counts_C), np.int32)
        self._sums: dict[int, csr_array] = {}
        self._pending: list[tuple[csr_array, IntArray]] = []
        self._num_pending = 0
        self._open_blocks = set(range(-(-len(counts_C) // BLOCK_ROWS)))

    def add(self, rows: csr_array, classes_B: IntArray) -> None:
        """Take a batch: shape (B, M), and the class of each row."""
        self._pending.append((rows, classes_B))
        self._num_pending += rows.nnz
        allowed = PENDING_ENTRIES + PENDING_SHARE * sum(sums.nnz for sums in self._sums.values())
        if self._num_pending > allowed:
            self._flush()
            for block in sorted({unit // _UNITS_PER_BLOCK for unit in self._sums}):
                if not self._left[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS].any():
                    self._close(block)

    def close(self) -> None:
        """Give away what is left; classes without examples get empty rows."""
        self._flush()
        for block in sorted(self._open_blocks):
            self._close(block)

    def _flush(self) -> None:
        """Add what waits to the sums, unit by unit."""
        if not self._pending:
            return
        rows = vstack([rows for rows, _ in self._pending], format="csr")
        classes = np.concatenate([classes for _, classes in self._pending])
        self._pending.clear()
        self._num_pending = 0
        np.add.at(self._seen, classes, np.int32(1))
        np.subtract.at(self._left, classes, np.int32(1))
        order = np.argsort(classes, kind="stable")
        units = classes[order] // UNIT_ROWS
        bounds = np.flatnonzero(np.diff(units, prepend=-1, append=units[-1] + 1))
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            unit = int(units[start])
            self._add_to_unit(unit, rows, order[start:stop], classes[order[start:stop]] - unit * UNIT_ROWS)

    def _add_to_unit(self, unit: int, rows: csr_array, chosen: IntArray, slots: IntArray) -> None:
        """``sums + S rows``, where S picks the rows of each class; ``slots`` rise."""
        size = self._unit_size(unit)
        starts = np.zeros(size + 1, np.int32)
        np.cumsum(np.bincount(slots, minlength=size), out=starts[1:])
        # Places of 64 bits would be those of the sums as well: scipy's sparse arrays never go back to 32.
        parts = np.ones(len(slots), np.float32), chosen.astype(np.int32), starts
        added = csr_array(parts, shape=(size, rows.shape[0])) @ rows
        known = self._sums.get(unit)
        self._sums[unit] = added if known is None else known + added
        assert self._sums[unit].indices.dtype == np.int32

    def _close(self, block: int) -> None:
        first, stop = block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, len(self._seen))
        units = range(first // UNIT_ROWS, -(-stop // UNIT_ROWS))
        pieces = [self._sums.pop(unit) if unit in self._sums else self._empty(unit) for unit in units]
        self._open_blocks.discard(block)
        self._finish(block, pieces, self._seen[first:stop])

    def _empty(self, unit: int) -> csr_array:
        return csr_array((self._unit_size(unit), self._num_columns), dtype=np.float32)

    def _unit_size(self, unit: int) -> int:
        return min(UNIT_ROWS, len(self._seen) - unit * UNIT_ROWS)
