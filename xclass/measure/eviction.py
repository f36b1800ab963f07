"""Drops files from the page cache before a proof, and counts what stayed.

A page of a file that is in memory already is charged to the group that read it first: a model of 10 GB
"serves" under a cap of 100 MB as long as another process has just read it.

Source: man posix_fadvise(2), POSIX_FADV_DONTNEED: dirty pages and pages that somebody has mapped stay; man
mincore(2), which since Linux 5.2 says "resident" of every page of a file that the caller may not write.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xclass.errors import MeasurementError

_WINDOW_BYTES = 1 << 30
"""Looked at in one piece: a vector of one byte per page, 256 KiB."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """Of some files: their bytes, and how many of these are still in memory."""

    file_bytes: int
    cached_bytes: int

    @property
    def cached_share(self) -> float:
        """Still in memory, 0 to 1."""
        return self.cached_bytes / self.file_bytes if self.file_bytes else 0.0


def evict(files: Iterable[Path]) -> Eviction:
    """Write the files back and drop their pages.

    Args:
        files: read from here on by nobody who has not asked the disk.

    Returns:
        What is still cached: pages that another process has mapped cannot be dropped.

    Raises:
        MeasurementError: a file cannot be opened.
    """
    file_bytes = cached = 0
    for path in files:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MeasurementError(
                f"{path}: cannot be evicted ({error.strerror}); is the model complete and readable?"
            ) from error
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            size = os.fstat(fd).st_size
            file_bytes += size
            cached += _resident_bytes(fd, size)
        finally:
            os.close(fd)
    return Eviction(file_bytes, cached)


def cached_bytes(path: Path) -> int:
    """Bytes of one file that are in the page cache now; reads none of it.

    Raises:
        OSError: it cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _resident_bytes(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _resident_bytes(fd: int, size: int) -> int:
    """Through mincore on a map of the file: mapping alone reads nothing."""
    page_bytes = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    total = 0
    for start in range(0, size, _WINDOW_BYTES):
        length = min(_WINDOW_BYTES, size - start)
        # The mmap module gives no address of a read-only map.
        address = libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, fd, start)
        if address == ctypes.c_void_p(-1).value:
            raise MeasurementError(f"mmap of {length} bytes: {os.strerror(ctypes.get_errno())}")
        try:
            num_pages = -(-length // page_bytes)
            pages = ctypes.create_string_buffer(num_pages)
            if libc.mincore(address, length, pages) != 0:
                raise MeasurementError(f"mincore: {os.strerror(ctypes.get_errno())}")
        finally:
            libc.munmap(address, length)
        # Only the lowest bit means something.
        vector = pages.raw[:num_pages]
        total += sum(byte & 1 for byte in vector) * page_bytes
        total -= (-length % page_bytes) * (vector[-1] & 1)
    return total
