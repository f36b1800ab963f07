"""Class numbers of rows, from an array, a Parquet column or lines of text, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xclass.data.base import IntArray, batch_ranges
from xclass.data.embeddings.config import classes_in
from xclass.data.embeddings.layout import ArrayLayout
from xclass.data.embeddings.parquet import parquet_classes
from xclass.data.line_chunks import LineFile
from xclass.errors import DataError

_CHUNK_ROWS = 1 << 18
_MAX_INT64 = (1 << 63) - 1

Sets = tuple[IntArray, IntArray]
"""Numbers of the classes of some rows behind each other, int64, and how many each row has."""


def read_classes(path: Path, column: str | None) -> Iterator[Sets]:
    """All rows of a file, in order.

    Args:
        path: .npy, .safetensors, .parquet; anything else is text with a line per row.
        column: tensor or column; None: the only one that can be.

    Raises:
        DataError: naming the file and the row or line.

    Memory: about 10 MiB, or that of a line.
    """
    if path.suffix == ".parquet":
        yield from parquet_classes(path, column)
    elif path.suffix in (".npy", ".safetensors"):
        yield from _of_array(classes_in(path, column))
    else:
        yield from _of_lines(path)


def _of_array(layout: ArrayLayout) -> Iterator[Sets]:
    """In two dimensions a row has several classes; a negative number is none."""
    num_rows, width = layout.shape[0], layout.shape[1] if len(layout.shape) == 2 else 1
    dtype = np.dtype(f"<{layout.kind}")
    row_bytes = width * dtype.itemsize
    for start, stop in batch_ranges(num_rows, max(1, _CHUNK_ROWS // max(1, width))):
        offset = layout.offset_bytes + start * row_bytes
        part = np.fromfile(layout.path, dtype, (stop - start) * width, offset=offset)
        if len(part) < (stop - start) * width:
            raise DataError(f"{layout.path}: ends early; it changed while it was read: start again")
        if layout.kind == "u8" and np.any(part > _MAX_INT64):
            row = start + int(np.argmax(part > _MAX_INT64)) // width
            raise DataError(f"{layout.path}: row {row}: a class number beyond {_MAX_INT64}; use int64")
        numbers = part.astype(np.int64).reshape(-1, width)
        is_class = numbers >= 0
        yield numbers[is_class], np.count_nonzero(is_class, axis=1)


def _of_lines(path: Path) -> Iterator[Sets]:
    for first_line, text in LineFile(path).chunks():
        lines = text.split(b"\n")[:-1]
        sizes = np.zeros(len(lines), np.int64)
        numbers: list[int] = []
        for place, line in enumerate(lines):
            words = line.replace(b",", b" ").split()
            sizes[place] = len(words)
            for word in words:
                # Python converts no digits beyond 4300; 19 hold every class number.
                if not word.isdigit() or len(word) > 19 or int(word) > _MAX_INT64:
                    shown = word[:40].decode("utf-8", "replace")
                    raise DataError(
                        f"{path}:{first_line + place}: {shown!r} is no class number; a line holds whole "
                        "numbers of at least 0, between commas or blanks"
                    )
                numbers.append(int(word))
        yield np.array(numbers, np.int64), sizes
