"""Rows of vectors in a file that may be larger than RAM, read by number without becoming resident."""

from __future__ import annotations

import os
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray, IntArray
from xclass.data.embeddings.layout import ArrayLayout
from xclass.errors import DataError

_TINY = np.float32(1e-30)


class VectorFile:
    """Read-only access to the rows of one array; every method is safe in several threads.

    The rows are read with pread and not through a map: a random batch through a map would make 16 pages
    resident for each row (fault-around), and after one epoch the whole file would count as memory of the
    process that is measured. What the kernel keeps of the file in its cache is the same in both cases.

    Memory: ``4 B D`` of the result, and the bytes of the rows once more where they are no float32.
    """

    def __init__(self, layout: ArrayLayout, *, unit_length: bool) -> None:
        """Open the file.

        Args:
            layout: of an array in two dimensions.
            unit_length: give each vector length 1, but for those of length 0.
        """
        self.num_rows, self.dim = layout.shape
        self._layout = layout
        self._unit_length = unit_length
        self._is_bfloat16 = layout.kind == "bf16"
        self._dtype = np.dtype("<u2" if self._is_bfloat16 else f"<{layout.kind}")
        self._row_bytes = self.dim * self._dtype.itemsize
        self._descriptor = os.open(layout.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, rows: IntArray) -> FloatArray:
        """The rows with these numbers, shape (B,), int64, in this order: shape (B, D), float32.

        Raises:
            DataError: the file ends early.
        """
        raw = np.empty((len(rows), self.dim), self._dtype)
        # Runs of neighbours in one go: a scan is one run, a random batch as many as it has rows.
        cuts = np.flatnonzero(np.diff(rows) != 1) + 1
        for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(rows)], strict=True):
            if last > first:
                self._fill(raw[first:last], int(rows[first]))
        return self._finished(raw)

    def read_raw(self, start: int, stop: int) -> npt.NDArray[Any]:
        """The rows ``start <= i < stop`` as they are stored; of bfloat16 as uint16."""
        raw = np.empty((stop - start, self.dim), self._dtype)
        self._fill(raw, start)
        return raw

    def to_float32(self, raw: npt.NDArray[Any]) -> FloatArray:
        """What was read raw as numbers, shape (B, D); itself where it is float32."""
        if self._is_bfloat16:
            return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused as such
            return raw.astype(np.float32, copy=False)

    def _finished(self, raw: npt.NDArray[Any]) -> FloatArray:
        vectors_BD = self.to_float32(raw)
        if self._unit_length:
            lengths_B = np.sqrt(np.einsum("bd,bd->b", vectors_BD, vectors_BD))
            vectors_BD /= np.maximum(lengths_B, _TINY)[:, None]
        return vectors_BD

    def _fill(self, target: npt.NDArray[Any], first_row: int) -> None:
        buffer = target.reshape(-1).view(np.uint8).data
        at = self._layout.offset_bytes + first_row * self._row_bytes
        done = 0
        while done < len(buffer):
            got = os.preadv(self._descriptor, [buffer[done:]], at + done)
            if got == 0:
                raise DataError(
                    f"{self._layout.path}: ends early at byte {at + done}: it changed after it was opened; "
                    "start again when it is complete"
                )
            done += got
