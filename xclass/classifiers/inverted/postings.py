"""Sparse rows turned round: for each feature the rows that have it, in 3 bytes per entry.

Rows are taken in blocks of 65 536, so that two bytes name a row of its block; a third is the code of its
weight. A block with ``n`` entries and M features takes ``3 n + 4 M`` bytes. Files are .npy and are mapped:

``posting_rows.npy``       uint16 per entry, blocks behind each other, rising within a list
``posting_codes.npy``      uint8 per entry
``posting_starts.npy``     uint32 (blocks, M + 1): where each list of a block begins in it
``posting_offsets.npy``    int64 (blocks + 1): where each block begins
``posting_weights.npy``    float32 (blocks, 256): the weight that each code of a block stands for
``posting_lengths.npy``    float32 (blocks): length of the longest row of a block

Source: inverted files, Zobel and Moffat, "Inverted files for text search engines", ACM Computing Surveys
2006, sections 3 and 8 (impacts in one byte).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.classifiers.inverted.memory import BLOCK_ROWS, ENTRIES, LISTS, num_blocks
from xclass.classifiers.model_folder import map_array
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError
from xclass.shapes import MAPPED

_ROWS, _CODES, _STARTS, _OFFSETS, _WEIGHTS, _LENGTHS = (
    f"posting_{part}.npy" for part in ("rows", "codes", "starts", "offsets", "weights", "lengths")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """The lists of up to 65 536 rows."""

    starts: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8]
    weights: FloatArray
    length: float
    """Of the longest row, as its codes have it."""

    @property
    def entry_bytes(self) -> int:
        """Of rows and codes."""
        return self.rows.nbytes + self.codes.nbytes

    @property
    def list_bytes(self) -> int:
        """Of what finds a list."""
        return self.starts.nbytes + self.weights.nbytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Postings:
    """A saved index, mapped; the arrays are those of the files."""

    starts: npt.NDArray[np.uint32]
    offsets: IntArray
    rows: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8]
    weights: FloatArray
    lengths: FloatArray

    @property
    def num_blocks(self) -> int:
        """Blocks of rows."""
        return len(self.starts)

    @property
    def num_columns(self) -> int:
        """M, features."""
        return int(self.starts.shape[1]) - 1

    def held_bytes(self) -> dict[str, int]:
        """The mapped files."""
        lists = self.starts.nbytes + self.offsets.nbytes + self.weights.nbytes + self.lengths.nbytes
        return {f"{ENTRIES}{MAPPED}": self.rows.nbytes + self.codes.nbytes, f"{LISTS}{MAPPED}": lists}


def make_block(pieces: Sequence[csr_array], num_columns: int) -> Block:
    """The lists of the rows of some matrices below each other.

    Args:
        pieces: float32, at most 65 536 rows in all, each with ``num_columns`` columns.
        num_columns: M.

    Memory:
        the block, and per entry of the largest piece 32 bytes.
    """
    counts_M = np.zeros(num_columns, np.int64)
    for piece in pieces:
        counts_M += np.bincount(piece.indices, minlength=num_columns)
    starts = np.zeros(num_columns + 1, np.uint32)
    np.cumsum(counts_M, out=starts[1:])
    rows, codes = np.empty(int(starts[-1]), np.uint16), np.empty(int(starts[-1]), np.uint8)
    weights = _codebook(pieces)
    next_M = starts[:-1].astype(np.int64)
    first_row, longest = 0, 0.0
    for piece in pieces:
        by_column = piece.tocsc()
        counts_M = np.diff(by_column.indptr)
        places = np.repeat(next_M - by_column.indptr[:-1], counts_M)
        places += np.arange(len(places))
        rows[places] = by_column.indices + first_row
        codes[places] = coded = _encode(by_column.data, weights)
        squares = np.bincount(by_column.indices, weights[coded].astype(np.float64) ** 2)
        longest = max(longest, float(squares.max(initial=0)))
        next_M += counts_M
        first_row += piece.shape[0]
    assert first_row <= BLOCK_ROWS
    return Block(starts=starts, rows=rows, codes=codes, weights=weights, length=math.sqrt(longest))


def save_postings(folder: Path, blocks: Sequence[Block]) -> None:
    """Write the six files, block by block."""
    sizes = [len(block.rows) for block in blocks]
    np.save(folder / _OFFSETS, np.cumsum([0, *sizes], dtype=np.int64), allow_pickle=False)
    lengths = np.array([block.length for block in blocks], np.float32)
    np.save(folder / _LENGTHS, lengths, allow_pickle=False)
    shape = (len(blocks), len(blocks[0].starts))
    _save_parts(folder / _ROWS, (block.rows for block in blocks), np.uint16, (sum(sizes),))
    _save_parts(folder / _CODES, (block.codes for block in blocks), np.uint8, (sum(sizes),))
    _save_parts(folder / _STARTS, (block.starts for block in blocks), np.uint32, shape)
    _save_parts(folder / _WEIGHTS, (block.weights for block in blocks), np.float32, (len(blocks), 256))


def open_postings(folder: Path, *, num_rows: int, num_columns: int) -> Postings:
    """Map a saved index.

    Raises:
        ModelError: a file is damaged or not of this index.
    """
    blocks = num_blocks(num_rows)
    offsets = np.array(map_array(folder / _OFFSETS, (blocks + 1,), np.int64))
    starts = map_array(folder / _STARTS, (blocks, num_columns + 1), np.uint32)
    if offsets[0] != 0 or (np.diff(offsets) != starts[:, -1]).any():
        raise ModelError(f"{folder / _OFFSETS}: not those of {_STARTS}; train the model again")
    num_entries = int(offsets[-1])
    return Postings(
        starts=starts,
        offsets=offsets,
        rows=map_array(folder / _ROWS, (num_entries,), np.uint16),
        codes=map_array(folder / _CODES, (num_entries,), np.uint8),
        weights=np.array(map_array(folder / _WEIGHTS, (blocks, 256))),
        lengths=np.array(map_array(folder / _LENGTHS, (blocks,))),
    )


def _codebook(pieces: Sequence[csr_array]) -> FloatArray:
    """Weights of the 256 codes: squares of evenly spaced numbers, up to the largest weight.

    Where there are negative weights, half of the codes are theirs. So the error of a small weight is small:
    ``w (1 / 255) sqrt(w_max / w)`` at most.
    """
    filled = [piece.data for piece in pieces if piece.nnz]
    low = min((float(data.min()) for data in filled), default=0.0)
    high = max((float(data.max()) for data in filled), default=0.0)
    roots = np.arange(256) / 255 if low >= 0 else np.arange(-127, 129) / 128
    weights: FloatArray = (max(high, -low) * roots * np.abs(roots)).astype(np.float32)
    return weights


def _encode(values: FloatArray, weights: FloatArray) -> npt.NDArray[np.uint8]:
    """The code of the nearest weight, by its root."""
    largest = weights[255] or np.float32(1)
    roots = np.sqrt(np.abs(values) / largest)
    codes = np.copysign(roots, values) * 128 + 127 if weights[0] < 0 else roots * 255
    nearest: npt.NDArray[np.uint8] = np.rint(codes).clip(0, 255).astype(np.uint8)
    return nearest


def _save_parts(
    path: Path, parts: Iterable[npt.NDArray[Any]], dtype: npt.DTypeLike, shape: tuple[int, ...]
) -> None:
    """One .npy file from arrays behind each other, without joining them in memory."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part.data)
