"""Class vectors on their way into an index: accumulated means, or those of a trained head, block by block."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from xclass.classifiers.class_ids import CLASS_IDS
from xclass.classifiers.model_folder import advise_kernel, map_class_vectors, read_manifest
from xclass.classifiers.nameless_file import NamelessFile
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES, RESIDENT_MEANS_BYTES
from xclass.classifiers.weights.bfloat16 import to_float32
from xclass.data.base import FloatArray, IntArray, batch_ranges
from xclass.errors import ModelError
from xclass.shapes import FLOAT32_BYTES, ProblemShape

_FAULT_AROUND_BYTES = 1 << 16
"""What one read fault maps of a file in the page cache.
Source: mm/memory.c, ``fault_around_bytes``, 64 KiB by default."""


class ClassVectors(Protocol):
    """C vectors of D values that are read in blocks, first to last."""

    def read(self, start: int, stop: int) -> FloatArray:
        """Rows ``start .. stop - 1``, float32, not to be changed, valid until the next call."""
        ...

    def release(self, stop: int) -> None:
        """Rows before ``stop`` will not be read again."""
        ...


def sample_rows(vectors: ClassVectors, rows_N: IntArray, num_classes: int) -> FloatArray:
    """Some rows, given in rising order, as a matrix of their own; every block is read once."""
    sample_ND: FloatArray | None = None
    for start, stop in batch_ranges(num_classes, ADD_CLASSES):
        first, last = np.searchsorted(rows_N, (start, stop))
        if last > first:
            block = vectors.read(start, stop)
            if sample_ND is None:
                # Filled in place: pieces put together at the end would all be there twice.
                sample_ND = np.empty((len(rows_N), block.shape[1]), dtype=np.float32)
            np.take(block, rows_N[first:last] - start, axis=0, out=sample_ND[first:last])
    assert sample_ND is not None, "at least one row"
    return sample_ND


class MeansInMemory:
    """A zeroed float32 matrix on pages of its own, whose front can be given back to the kernel.

    Memory:
        4 C D bytes, less what was released.
    """

    def __init__(self, rows: int, dim: int) -> None:
        self._row_bytes = dim * FLOAT32_BYTES
        self._map = mmap.mmap(-1, rows * self._row_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._released = 0
        self.array_CD: FloatArray = np.frombuffer(self._map, dtype=np.float32).reshape(rows, dim)

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows themselves."""
        return self.array_CD[start:stop]

    def release(self, stop: int) -> None:
        """Drop the pages of all rows before ``stop``; they must not be read again."""
        end = stop * self._row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
        if end > self._released:
            self._map.madvise(mmap.MADV_DONTNEED, self._released, end - self._released)
            self._released = end


class MeansInFile:
    """Rows that sums are added to (:class:`xclass.classifiers.weights.rows.Rows`), in a file without a name.

    Sums are added through a map, and then whole blocks read and written: a page fault for each 4 KiB costs
    more than copying them. Not the other way round: what is written in one go lies in pages of up to 2 MiB in
    the cache, and one fault in a map then makes all of it resident (Linux 6.18, mm/filemap.c).

    Memory:
        24 MiB of its pages are resident at most, or one block; the others are the kernel's, which writes them
        to the disk when it needs the memory.
    """

    def __init__(self, rows: int, dim: int, folder: str) -> None:
        """Make the file.

        Raises:
            ConfigError: ``index.folder`` cannot hold one.
            OSError: the disk has no room of 4 C D bytes.
        """
        self.shape = (rows, dim)
        self._row_bytes = dim * FLOAT32_BYTES
        self._file = NamelessFile(folder, key="index.folder")
        self._array_CD: FloatArray = self._file.map(self.shape, np.float32)
        self._file.expect_scattered()
        # So wide that no row lies in more than two of them.
        self._window_bytes = max(_FAULT_AROUND_BYTES, self._row_bytes)
        num_windows = (self._file.first_byte + rows * self._row_bytes) // self._window_bytes + 1
        self._touched = np.zeros(num_windows, dtype=np.bool_)

    def add(self, classes_U: IntArray, sums_UD: FloatArray) -> None:
        """Add to distinct rows, given in rising order."""
        start = 0
        while start < len(classes_U):
            stop = start + self._expect(classes_U[start:])
            rows = classes_U[start:stop]
            if rows[-1] - rows[0] + 1 == len(rows):
                self._array_CD[rows[0] : rows[-1] + 1] += sums_UD[start:stop]
            else:
                self._array_CD[rows] += sums_UD[start:stop]
            start = stop

    @contextmanager
    def block(self, start: int, stop: int) -> Iterator[FloatArray]:
        """A copy, written back when the block ends. No sums are added after it."""
        rows = self.read(start, stop)
        yield rows
        self._file.write(rows, self._file.first_byte + start * self._row_bytes)

    def read(self, start: int, stop: int) -> FloatArray:
        """A copy."""
        if self._touched.any():
            self.release(stop)
        rows = np.empty((stop - start, self.shape[1]), dtype=np.float32)
        self._file.read(rows, self._file.first_byte + start * self._row_bytes)
        return rows

    def release(self, stop: int) -> None:
        """Leave the pages to the kernel."""
        self._file.leave_pages()
        self._touched[:] = False

    def _expect(self, classes_U: IntArray) -> int:
        """Make room for the pages of as many of these rows as can be resident together, at least one."""
        firsts_U = (self._file.first_byte + classes_U * self._row_bytes) // self._window_bytes
        lasts_U = (self._file.first_byte + (classes_U + 1) * self._row_bytes - 1) // self._window_bytes
        fitting = self._fitting(firsts_U, lasts_U)
        if fitting < len(classes_U) and self._touched.any():
            self.release(self.shape[0])
            fitting = self._fitting(firsts_U, lasts_U)
        fitting = max(1, fitting)
        self._touched[firsts_U[:fitting]] = self._touched[lasts_U[:fitting]] = True
        return fitting

    def _fitting(self, firsts_U: IntArray, lasts_U: IntArray) -> int:
        """Rows whose windows fit beside those that are resident: each counts where it is new."""
        is_new = ~self._touched[firsts_U]
        is_new[1:] &= firsts_U[1:] != lasts_U[:-1]
        news_U = is_new + (lasts_U - firsts_U) * ~self._touched[lasts_U]
        left = RESIDENT_MEANS_BYTES // self._window_bytes - np.count_nonzero(self._touched)
        return int(np.searchsorted(np.cumsum(news_U), left, side="right"))


class MatrixRows:
    """Class vectors that are a matrix already."""

    def __init__(self, array_CD: FloatArray) -> None:
        self._array_CD = array_CD

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows themselves."""
        return self._array_CD[start:stop]

    def release(self, stop: int) -> None:
        """They are the index; nothing is given back."""


class RowsOfSlice:
    """Some of the vectors, from ``first`` on."""

    def __init__(self, vectors: ClassVectors, first: int) -> None:
        """Keep both."""
        self._vectors, self._first = vectors, first

    def read(self, start: int, stop: int) -> FloatArray:
        """As the vectors give them."""
        return self._vectors.read(self._first + start, self._first + stop)

    def release(self, stop: int) -> None:
        """Also what comes before the slice."""
        self._vectors.release(self._first + stop)


class HeadVectors:
    """The class vectors of a saved softmax head, mapped; bfloat16 values are widened block by block.

    Memory:
        24 MiB of file pages at most, and one block.
    """

    def __init__(self, folder: Path, shape: ProblemShape) -> None:
        """Open the model.

        Raises:
            ModelError: no softmax head, one of another size, or one whose rows are not classes 0 to C - 1.
        """
        manifest = read_manifest(folder, kind="linear")
        found, wanted = (manifest["num_classes"], manifest["dim"]), (shape.num_classes, shape.dim)
        if found != wanted:
            raise ModelError(
                f"{folder}: {found[0]} classes of {found[1]} values, not {wanted[0]} of {wanted[1]}; index a "
                "head of this problem"
            )
        if CLASS_IDS in manifest["files"]:
            raise ModelError(
                f"{folder / CLASS_IDS}: classes were dropped from this head, its rows are not classes 0 to "
                f"{found[0] - 1}; index the head that was trained"
            )
        self._stored_CD = map_class_vectors(folder, manifest)
        self._resident_bytes = 0

    def read(self, start: int, stop: int) -> FloatArray:
        """A copy for bfloat16, else the rows themselves."""
        rows = self._stored_CD[start:stop]
        self._resident_bytes += rows.nbytes
        if self._resident_bytes > RESIDENT_MEANS_BYTES:
            self.release(start)
        return to_float32(rows) if rows.dtype == np.uint16 else np.asarray(rows)

    def release(self, stop: int) -> None:
        """Leave the pages to the kernel."""
        advise_kernel(self._stored_CD, mmap.MADV_DONTNEED)
        self._resident_bytes = 0

    def lengths(self) -> dict[str, float]:
        """Least, median and greatest length of a class vector: how far inner product is from cosine."""
        num_classes = len(self._stored_CD)
        lengths_C = np.empty(num_classes, dtype=np.float32)
        for start, stop in batch_ranges(num_classes, ADD_CLASSES):
            rows = self.read(start, stop)
            lengths_C[start:stop] = np.sqrt(np.einsum("cd,cd->c", rows, rows))
        names = ("least", "median", "most")
        values = (lengths_C.min(), np.median(lengths_C), lengths_C.max())
        return {name: float(value) for name, value in zip(names, values, strict=True)}
