"""Millions of short items in three files, read by range or by position without becoming resident.

An item is a text (UTF-8) or a small set of numbers.

``<stem>.bytes``    the elements of all items behind each other; of sets ``<stem>.u4``
``<stem>.lengths``  elements per item: uint8, or uint16 or uint32 where one item needs it; padded with zeros
                    to whole blocks of BLOCK items
``<stem>.starts``   int64 per block: where its first item begins, in elements

One byte per text and eight per block stand in for eight bytes per text. The items are read with pread
and not through a map: a random batch through a map would make 16 pages resident for each text
(fault-around), and after one epoch the whole file would count as memory of the measured process.
"""

from __future__ import annotations

import os
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray
from xclass.errors import DataError

BLOCK = 64

_SUFFIXES = {"u1": "bytes", "u4": "u4", "u8": "u8"}
_WIDTHS: dict[int, type[np.unsignedinteger[Any]]] = {1: np.uint8, 2: np.uint16, 4: np.uint32}
_COPY_BYTES = 1 << 20

_Scalar = TypeVar("_Scalar", bound=np.generic)
ByteArray = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.unsignedinteger[Any]]


def store_files(stem: str, dtype: type[np.generic] = np.uint8) -> tuple[str, str, str]:
    """Names of the three files of a store."""
    return f"{stem}.{_SUFFIXES[np.dtype(dtype).str[1:]]}", f"{stem}.lengths", f"{stem}.starts"


class TextStore:
    """Read-only access to a finished store; every method is safe in several threads.

    Memory: O(batch) anonymous; up to one byte per text (2 or 4 where one is longer than 255 or 65,535) and
    eight per block of mapped, reclaimable pages.
    """

    def __init__(
        self, folder: Path, stem: str, *, num_texts: int, dtype: type[np.generic] = np.uint8
    ) -> None:
        """Open the files; the caller has checked their sizes against the manifest."""
        elements_name, lengths_name, starts_name = store_files(stem, dtype)
        self.num_texts = num_texts
        self._dtype = np.dtype(dtype)
        self._path = folder / elements_name
        self._elements_fd = _open(self, self._path)
        self._lengths_fd = _open(self, folder / lengths_name)
        self._starts = map_array(folder / starts_name, np.int64)
        size_bytes = (folder / lengths_name).stat().st_size
        width = size_bytes // (max(1, len(self._starts)) * BLOCK)
        lengths = map_array(folder / lengths_name, _WIDTHS.get(width, np.uint8))
        self._lengths: Lengths = lengths.reshape(-1, BLOCK)
        self.mapped_bytes = self._lengths.nbytes + self._starts.nbytes

    def slice(self, start: int, stop: int) -> tuple[npt.NDArray[Any], IntArray]:
        """Texts ``start <= i < stop``, read in one go.

        Returns:
            ``bytes_``: shape (total,), uint8 (or the store's type); ``offsets``: shape (stop - start + 1,),
            int64.
        """
        assert 0 <= start <= stop <= self.num_texts
        offsets = np.zeros(stop - start + 1, np.int64)
        if stop == start:
            return np.zeros(0, self._dtype), offsets
        block, skipped = divmod(start, BLOCK)
        lengths = self._read(self._lengths_fd, self._lengths.dtype, block * BLOCK, skipped + stop - start)
        np.cumsum(lengths[skipped:], out=offsets[1:])
        first = int(self._starts[block]) + int(lengths[:skipped].sum(dtype=np.int64))
        return self._read(self._elements_fd, self._dtype, first, int(offsets[-1])), offsets

    def gather(self, positions: IntArray) -> tuple[npt.NDArray[Any], IntArray]:
        """The texts at ``positions``, shape (B,), int64, in that order; returns as :meth:`slice` does."""
        block, slot = np.divmod(positions, BLOCK)
        lengths = self._lengths[block]
        sizes = lengths[np.arange(len(positions)), slot].astype(np.int64)
        before = np.arange(BLOCK) < slot[:, None]
        first = self._starts[block] + (lengths * before).sum(axis=1, dtype=np.int64)
        offsets = np.zeros(len(positions) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        size = self._dtype.itemsize
        elements = read_pieces(self._elements_fd, first * size, sizes * size).view(self._dtype)
        if len(elements) != offsets[-1]:
            raise self._damaged()
        return elements, offsets

    def elements_at(self, places: IntArray) -> npt.NDArray[Any]:
        """Single elements, numbered through all items, in the order of ``places``."""
        size = self._dtype.itemsize
        if len(places) and len(places) == places[-1] - places[0] + 1 and (np.diff(places) == 1).all():
            return self._read(self._elements_fd, self._dtype, int(places[0]), len(places))
        elements = read_pieces(self._elements_fd, places * size, np.full(len(places), size))
        if len(elements) != len(places) * size:
            raise self._damaged()
        return elements.view(self._dtype)

    def read_blocks(self, blocks: IntArray) -> tuple[npt.NDArray[Any], Lengths]:
        """Whole blocks of BLOCK items.

        Args:
            blocks: shape (B,), int64, distinct and rising.

        Returns:
            Elements of all of their items behind each other, and lengths of shape (B, BLOCK), 0 where the
            last block has no item.
        """
        lengths = self._lengths[blocks]
        size = self._dtype.itemsize
        sizes = lengths.sum(axis=1, dtype=np.int64)
        elements = read_pieces(self._elements_fd, self._starts[blocks] * size, sizes * size)
        if len(elements) != int(sizes.sum()) * size:
            raise self._damaged()
        return elements.view(self._dtype), lengths

    def block_starts(self) -> IntArray:
        """Elements before each block, int64, mapped."""
        return self._starts

    def bytes_before(self, position: int) -> int:
        """Bytes of the first ``position`` texts."""
        block, skipped = divmod(position, BLOCK)
        size = self._dtype.itemsize
        if not skipped:
            return int(self._starts[block]) * size if block < len(self._starts) else self._path.stat().st_size
        return size * (int(self._starts[block]) + int(self._lengths[block, :skipped].sum(dtype=np.int64)))

    def text(self, position: int) -> str:
        """One text."""
        return self.slice(position, position + 1)[0].tobytes().decode()

    def texts(self, start: int, stop: int) -> list[str]:
        """Texts ``start <= i < stop``."""
        return _decoded(*self.slice(start, stop))

    def texts_at(self, positions: IntArray) -> list[str]:
        """The texts at ``positions``, shape (B,), int64, in that order."""
        return _decoded(*self.gather(positions))

    def _read(self, descriptor: int, dtype: np.dtype[Any], first: int, num_elements: int) -> npt.NDArray[Any]:
        array = np.empty(num_elements, dtype)
        buffer = array.view(np.uint8).data
        done = 0
        while done < len(buffer):
            got = os.preadv(descriptor, [buffer[done:]], first * dtype.itemsize + done)
            if got == 0:
                raise self._damaged()
            done += got
        return array

    def _damaged(self) -> DataError:
        return DataError(
            f"{self._path}: ends early: the data changed while it was read; "
            f"delete {self._path.parent} to prepare it again"
        )


def map_array(path: Path, dtype: type[_Scalar]) -> npt.NDArray[_Scalar]:
    """A raw file as a read-only array of one dimension; its pages are reclaimable."""
    if path.stat().st_size == 0:
        return np.zeros(0, dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))


def _open(owner: object, path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


class TextWriter:
    """Writes a store front to back.

    Memory: O(1) beside what is appended.
    """

    def __init__(self, folder: Path, stem: str, *, dtype: type[np.generic] = np.uint8) -> None:
        """Create the three files."""
        elements, lengths, starts = (folder / name for name in store_files(stem, dtype))
        self._elements, self._starts = elements.open("xb"), starts.open("xb")
        self._lengths_path, self._lengths = lengths, lengths.open("xb")
        self._width: type[np.unsignedinteger[Any]] = np.uint8
        self.num_texts = 0
        self.num_elements = 0

    def append(self, elements: npt.NDArray[Any], lengths: npt.NDArray[np.integer[Any]]) -> None:
        """Add texts: their UTF-8 behind each other, and how many bytes each has; or sets in the same way."""
        if not len(lengths):
            return
        starts = np.cumsum(lengths, dtype=np.int64)
        assert len(elements) == starts[-1]
        starts -= lengths
        starts += self.num_elements
        self._widen(int(lengths.max()))
        first_of_block = -self.num_texts % BLOCK
        self._starts.write(starts[first_of_block::BLOCK].tobytes())
        self._lengths.write(np.ascontiguousarray(lengths, self._width).data)
        self._elements.write(np.ascontiguousarray(elements).data)
        self.num_texts += len(lengths)
        self.num_elements += len(elements)

    def finish(self) -> None:
        """Pad to a whole block and close."""
        self._lengths.write(bytes(-self.num_texts % BLOCK * np.dtype(self._width).itemsize))
        self.close()

    def close(self) -> None:
        """Close without padding, as on a failure."""
        for file in (self._elements, self._lengths, self._starts):
            file.close()

    def _widen(self, longest: int) -> None:
        """Rewrite the lengths so far in a wider type, where a longer text comes; twice in all at most."""
        if longest <= np.iinfo(self._width).max:
            return
        wide = next(width for width in _WIDTHS.values() if longest <= np.iinfo(width).max)
        self._lengths.close()
        narrow = self._lengths_path.with_suffix(".narrow")
        self._lengths_path.rename(narrow)
        self._lengths = self._lengths_path.open("xb")
        with narrow.open("rb") as old:
            while part := old.read(_COPY_BYTES):
                self._lengths.write(np.frombuffer(part, self._width).astype(wide).data)
        narrow.unlink()
        self._width = wide


def _decoded(bytes_: npt.NDArray[Any], offsets: IntArray) -> list[str]:
    whole = bytes_.tobytes()
    return [whole[first:last].decode() for first, last in pairwise(offsets.tolist())]


def read_pieces(descriptor: int, starts: IntArray, sizes: npt.NDArray[np.integer[Any]]) -> ByteArray:
    """Pieces of a file behind each other; shorter than asked where the file ends early."""
    pieces = zip(starts.tolist(), sizes.tolist(), strict=True)
    return np.frombuffer(b"".join([os.pread(descriptor, size, start) for start, size in pieces]), np.uint8)


def gather_pieces(buffer: npt.NDArray[_Scalar], starts: IntArray, sizes: IntArray) -> npt.NDArray[_Scalar]:
    """Pieces ``buffer[starts[i]:starts[i] + sizes[i]]`` behind each other.

    Memory: 16 bytes per element gathered; callers pass bounded chunks.
    """
    ends = np.cumsum(sizes)
    index = np.repeat(starts - (ends - sizes), sizes)
    index += np.arange(len(index))
    pieces: npt.NDArray[_Scalar] = buffer[index]
    return pieces
