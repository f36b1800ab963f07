"""One .npy file that several ranks write and read their rows of: whole, in the order of all classes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.ranks.ranks import Ranks
from xclass.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class SlicedArray:
    """Rows of an array that is larger than what this rank holds of it.

    Attributes:
        rows: shape (n, ...), contiguous; what is written, and what is read into.
        first_row: place of the first of them among all.
        num_rows: of all ranks.
    """

    rows: npt.NDArray[Any]
    first_row: int
    num_rows: int


def reserve_file(path: Path, array: SlicedArray) -> None:
    """Make the file for all rows: header and room; for one rank to do before any writes.

    Raises:
        OSError: the disk is full.
    """
    shape = (array.num_rows, *array.rows.shape[1:])
    header = {
        "descr": np.lib.format.dtype_to_descr(array.rows.dtype),
        "fortran_order": False,
        "shape": shape,
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        first_byte = file.tell()
        num_bytes = array.num_rows * _row_bytes(array)
        if num_bytes:
            os.posix_fallocate(file.fileno(), first_byte, num_bytes)


def write_rows(path: Path, array: SlicedArray) -> None:
    """Write this rank's rows and have them on the disk; others may write theirs at the same time.

    Memory:
        nothing: from the array into the kernel's pages.

    Raises:
        OSError: the disk fails.
    """
    with path.open("r+b", buffering=0) as file:
        at = _first_byte(path, file, array) + array.first_row * _row_bytes(array)
        view = _bytes_of(array)
        while view.nbytes:
            written = os.pwrite(file.fileno(), view, at)
            view, at = view[written:], at + written
        os.fsync(file.fileno())


def save_sliced(path: Path, array: SlicedArray, ranks: Ranks) -> None:
    """Make the file and write the rows of all ranks; all of them call this.

    Raises:
        OSError: the disk is full, or fails.
    """
    if ranks.rank == 0:
        reserve_file(path, array)
    ranks.wait()
    write_rows(path, array)
    ranks.wait()


def read_rows(path: Path, array: SlicedArray) -> None:
    """Fill the array with its rows.

    Raises:
        ModelError: no such file, or not of all rows of this type.
    """
    try:
        with path.open("rb", buffering=0) as file:
            first_byte = _first_byte(path, file, array)
            wanted = first_byte + array.num_rows * _row_bytes(array)
            if os.fstat(file.fileno()).st_size != wanted:
                raise ModelError(f"{path}: not {wanted} bytes long; the checkpoint is damaged, remove it")
            at = first_byte + array.first_row * _row_bytes(array)
            view = _bytes_of(array)
            while view.nbytes:
                done = os.preadv(file.fileno(), [view], at)
                if not done:
                    raise ModelError(f"{path}: became shorter while it was read; remove the checkpoint")
                view, at = view[done:], at + done
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; the checkpoint is damaged, remove it") from error


def _first_byte(path: Path, file: Any, array: SlicedArray) -> int:
    """Where the values begin; the header must be that of the array."""
    try:
        version = np.lib.format.read_magic(file)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError as error:
        raise ModelError(f"{path}: {error}; the checkpoint is damaged, remove it") from error
    expected = (array.num_rows, *array.rows.shape[1:])
    if version != (1, 0) or is_fortran or shape != expected or dtype != array.rows.dtype:
        raise ModelError(
            f"{path}: {dtype} of shape {shape}, not {array.rows.dtype} of {expected}; the checkpoint is of "
            "another problem, remove it"
        )
    first_byte: int = file.tell()
    return first_byte


def _row_bytes(array: SlicedArray) -> int:
    return int(np.prod(array.rows.shape[1:], dtype=np.int64)) * array.rows.itemsize


def _bytes_of(array: SlicedArray) -> memoryview:
    assert array.rows.flags.c_contiguous
    return array.rows.reshape(-1).view(np.uint8).data
