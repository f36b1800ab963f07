"""A .npy file that nobody sees and that is gone with this process, unless it is given a name."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.errors import ConfigError


class NamelessFile:
    """An array in a file without a name: a run that is killed leaves nothing behind.

    macOS has no such files: there it is a hidden one, deleted with this object, and what is killed leaves it.

    Source: man open(2), O_TMPFILE (Linux 3.11).
    """

    def __init__(self, folder: str, *, key: str) -> None:
        """Make it.

        Args:
            folder: where; it must be on the file system of its later name to be named without a copy.
            key: setting to blame.

        Raises:
            ConfigError: the folder cannot hold one.
        """
        self._descriptor = -1
        self._map: mmap.mmap | None = None
        self._name: str | None = None
        self.first_byte = 0
        """Where the values begin."""
        try:
            if hasattr(os, "O_TMPFILE"):
                self._descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o644)
            else:
                self._descriptor, self._name = tempfile.mkstemp(".partial", ".xclass-", folder)
                os.fchmod(self._descriptor, 0o644)
        except OSError as error:
            raise ConfigError(
                key,
                folder,
                allowed=f"a folder on a file system with O_TMPFILE ({error.strerror})",
                remedy="choose one on a local disk (ext4, xfs, btrfs)",
            ) from error

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        if self._name is not None:
            Path(self._name).unlink(missing_ok=True)

    @property
    def path(self) -> str:
        """What a library in this process can open it by."""
        return self._name or f"/proc/self/fd/{self._descriptor}"

    def map(self, size: tuple[int, int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Zeros of this size behind a .npy header, shared with the file."""
        self.reserve(size, dtype)
        self._map = mmap.mmap(self._descriptor, 0)
        return np.frombuffer(self._map, dtype=dtype, offset=self.first_byte).reshape(size)

    def reserve(self, size: tuple[int, int], dtype: npt.DTypeLike) -> None:
        """Write the header and take the room: values begin at ``first_byte`` then.

        Raises:
            OSError: the disk is full. Without taking the room now, a store would end in SIGBUS later, as it
                does on macOS, where only the length can be set.
        """
        kind = np.dtype(dtype)
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": size}
        num_bytes = size[0] * size[1] * kind.itemsize
        with open(self._descriptor, "r+b", closefd=False) as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            self.first_byte = file.tell()
            end = self.first_byte + num_bytes
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, end)
            else:
                os.ftruncate(self._descriptor, end)

    def read(self, values: npt.NDArray[Any], offset: int) -> None:
        """Fill a contiguous array with what lies at a place; half the time of copying it out of the map."""
        view = values.data.cast("B")
        while view.nbytes:
            done = os.preadv(self._descriptor, [view], offset)
            assert done, "within the file"
            view, offset = view[done:], offset + done

    def write(self, values: npt.NDArray[Any], offset: int) -> int:
        """Write values at a place, past any map; where they end. The pages are the kernel's, not resident."""
        view = np.ascontiguousarray(values).data.cast("B")
        while view.nbytes:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        return offset

    def expect_scattered(self) -> None:
        """No reading ahead in the map from here on."""
        assert self._map is not None
        self._map.madvise(mmap.MADV_RANDOM)

    def leave_pages(self) -> None:
        """Unmap the map's pages: they stay in the file, dirty ones too, and count as resident no more."""
        assert self._map is not None
        self._map.madvise(mmap.MADV_DONTNEED)

    def save(self, path: Path) -> None:
        """Give it a name; copied only where that lies on another file system."""
        if self._map is not None:
            self._map.flush()
        folder = os.open(path.parent, os.O_RDONLY)
        source = self.path
        try:
            # Only with a directory descriptor does Python call linkat, which follows the link in /proc.
            os.link(source, path.name, dst_dir_fd=folder, follow_symlinks=True)
        except OSError:
            shutil.copyfile(source, path)
        finally:
            os.close(folder)
