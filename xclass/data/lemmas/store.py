"""Millions of short texts in three files, read by range or by position without becoming resident.

``<stem>.bytes``    UTF-8 of all texts behind each other
``<stem>.lengths``  uint8 per text, padded with zeros to whole blocks of BLOCK texts
``<stem>.starts``   int64 per block: where its first text begins in ``.bytes``

One byte per text and eight per block stand in for eight bytes per text. The texts are read with pread
and not through a map: a random batch through a map would make 16 pages resident for each text
(fault-around), and after one epoch the whole file would count as memory of the measured process.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray
from xclass.errors import DataError

BLOCK = 64
MAX_TEXT_BYTES = 255

_Scalar = TypeVar("_Scalar", bound=np.generic)
ByteArray = npt.NDArray[np.uint8]


def store_files(stem: str) -> tuple[str, str, str]:
    """Names of the three files of a store."""
    return f"{stem}.bytes", f"{stem}.lengths", f"{stem}.starts"


class TextStore:
    """Read-only access to a finished store; every method is safe in several threads.

    Memory: O(batch) anonymous; up to one byte per text and eight per block of mapped, reclaimable pages.
    """

    def __init__(self, folder: Path, stem: str, *, num_texts: int) -> None:
        """Open the files; the caller has checked their sizes against the manifest."""
        bytes_name, lengths_name, starts_name = store_files(stem)
        self.num_texts = num_texts
        self._path = folder / bytes_name
        self._bytes_fd = _open(self, self._path)
        self._lengths_fd = _open(self, folder / lengths_name)
        self._lengths = map_array(folder / lengths_name, np.uint8).reshape(-1, BLOCK)
        self._starts = map_array(folder / starts_name, np.int64)
        self.mapped_bytes = self._lengths.nbytes + self._starts.nbytes

    def slice(self, start: int, stop: int) -> tuple[ByteArray, IntArray]:
        """Texts ``start <= i < stop``, read in one go.

        Returns:
            ``bytes_``: shape (total,), uint8; ``offsets``: shape (stop - start + 1,), int64.
        """
        assert 0 <= start <= stop <= self.num_texts
        offsets = np.zeros(stop - start + 1, np.int64)
        if stop == start:
            return np.zeros(0, np.uint8), offsets
        block, skipped = divmod(start, BLOCK)
        lengths = self._read(self._lengths_fd, block * BLOCK, skipped + stop - start)
        np.cumsum(lengths[skipped:], out=offsets[1:])
        first = int(self._starts[block]) + int(lengths[:skipped].sum(dtype=np.int64))
        return self._read(self._bytes_fd, first, int(offsets[-1])), offsets

    def gather(self, positions: IntArray) -> tuple[ByteArray, IntArray]:
        """The texts at ``positions``, shape (B,), int64, in that order; returns as :meth:`slice` does."""
        block, slot = np.divmod(positions, BLOCK)
        lengths = self._lengths[block]
        sizes = lengths[np.arange(len(positions)), slot].astype(np.int64)
        before = np.arange(BLOCK) < slot[:, None]
        first = self._starts[block] + (lengths * before).sum(axis=1, dtype=np.int64)
        offsets = np.zeros(len(positions) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        bytes_ = read_pieces(self._bytes_fd, first, sizes)
        if len(bytes_) != offsets[-1]:
            raise self._damaged()
        return bytes_, offsets

    def bytes_before(self, position: int) -> int:
        """Bytes of the first ``position`` texts."""
        block, skipped = divmod(position, BLOCK)
        if not skipped:
            return int(self._starts[block]) if block < len(self._starts) else self._path.stat().st_size
        return int(self._starts[block]) + int(self._lengths[block, :skipped].sum(dtype=np.int64))

    def text(self, position: int) -> str:
        """One text."""
        return self.slice(position, position + 1)[0].tobytes().decode()

    def _read(self, descriptor: int, first: int, size: int) -> ByteArray:
        buffer = np.empty(size, np.uint8)
        done = 0
        while done < size:
            got = os.preadv(descriptor, [buffer.data[done:]], first + done)
            if got == 0:
                raise self._damaged()
            done += got
        return buffer

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

    def __init__(self, folder: Path, stem: str) -> None:
        """Create the three files."""
        self._bytes, self._lengths, self._starts = ((folder / name).open("xb") for name in store_files(stem))
        self.num_texts = 0
        self.num_bytes = 0

    def append(self, bytes_: ByteArray, lengths: ByteArray) -> None:
        """Add texts: their UTF-8 behind each other, and how many bytes each has."""
        if not len(lengths):
            return
        starts = np.cumsum(lengths, dtype=np.int64)
        assert len(bytes_) == starts[-1]
        starts -= lengths
        starts += self.num_bytes
        first_of_block = -self.num_texts % BLOCK
        self._starts.write(starts[first_of_block::BLOCK].tobytes())
        self._lengths.write(lengths.data)
        self._bytes.write(bytes_.data)
        self.num_texts += len(lengths)
        self.num_bytes += len(bytes_)

    def finish(self) -> None:
        """Pad to a whole block and close."""
        self._lengths.write(bytes(-self.num_texts % BLOCK))
        self.close()

    def close(self) -> None:
        """Close without padding, as on a failure."""
        for file in (self._bytes, self._lengths, self._starts):
            file.close()


def read_pieces(descriptor: int, starts: IntArray, sizes: npt.NDArray[np.integer[Any]]) -> ByteArray:
    """Pieces of a file behind each other; shorter than asked where the file ends early."""
    pieces = zip(starts.tolist(), sizes.tolist(), strict=True)
    return np.frombuffer(b"".join([os.pread(descriptor, size, start) for start, size in pieces]), np.uint8)


def gather_pieces(buffer: ByteArray, starts: IntArray, sizes: IntArray) -> ByteArray:
    """Pieces ``buffer[starts[i]:starts[i] + sizes[i]]`` behind each other.

    Memory: 16 bytes per byte gathered; callers pass bounded chunks.
    """
    ends = np.cumsum(sizes)
    index = np.repeat(starts - (ends - sizes), sizes)
    index += np.arange(len(index))
    pieces: ByteArray = buffer[index]
    return pieces
