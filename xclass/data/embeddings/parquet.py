"""Columns of a Parquet file, some rows at a time. Needs the extra ``parquet``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import FloatArray, IntArray
from xclass.errors import DataError

_BATCH_BYTES = 8 << 20
_CLASS_ROWS = 1 << 16


def parquet_vectors(path: Path, column: str | None, dim: int) -> Iterator[FloatArray]:
    """The vectors of a column of lists, in order: shape (B, dim), float32.

    Raises:
        DataError: naming file and row: a vector of another length or none at all, or no such column.

    Memory: about 8 MiB twice and the pages of Parquet that are unpacked, whatever the size of the file: it
    is read in a stream, and not by whole row groups.
    """
    file = _open(path)
    name = _column(file, column, path, is_wanted=_is_vectors, what="lists of floats", key="vector_column")
    done = 0
    batch_rows = max(1, _BATCH_BYTES // (4 * dim))
    for part in _parts(file, name, batch_rows, path):
        lengths = part.value_lengths().to_numpy(zero_copy_only=False)
        # A missing list has no length: nan.
        if part.null_count or np.any(lengths != dim):
            row = int(np.argmax(lengths != dim))
            length = lengths[row]
            found = "no vector" if length != length else f"a vector of {int(length)} numbers"
            raise DataError(
                f"{path}: row {done + row}: {found}, and dim={dim}; correct the row, or run with the dim "
                "that the vectors have"
            )
        flat = part.flatten()
        if flat.null_count:
            row = int(np.argmax(np.asarray(flat.is_null()))) // dim
            raise DataError(f"{path}: row {done + row}: a vector with a missing number; correct the row")
        yield flat.to_numpy(zero_copy_only=False).astype(np.float32, copy=False).reshape(-1, dim)
        done += len(part)


def parquet_classes(path: Path, column: str | None) -> Iterator[tuple[IntArray, IntArray]]:
    """Numbers of the classes of some rows behind each other, int64, and how many each row has.

    Raises:
        DataError: naming file and row: no class number, or no such column.
    """
    file = _open(path)
    name = _column(file, column, path, is_wanted=_is_classes, what="whole numbers", key="class_column")
    done = 0
    for part in _parts(file, name, _CLASS_ROWS, path):
        if part.null_count:
            row = int(np.argmax(np.asarray(part.is_null())))
            raise DataError(f"{path}: row {done + row}: no class; correct the row or leave it out")
        if hasattr(part, "value_lengths"):
            sizes = part.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
            numbers = part.flatten()
        else:
            sizes, numbers = np.ones(len(part), np.int64), part
        if numbers.null_count:
            raise DataError(f"{path}: rows from {done} on: a missing class in a list; correct them")
        yield numbers.to_numpy(zero_copy_only=False).astype(np.int64), sizes
        done += len(part)


def _open(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"{path}: Parquet needs pyarrow; pip install 'xclass[parquet]'") from error
    try:
        # Buffered: without it a whole row group of a column is held, however large it is.
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: no Parquet file or one that is cut short ({_line(error)})") from error


def _parts(file: Any, name: str, batch_rows: int, path: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=batch_rows, columns=[name], use_threads=False):
            yield batch.column(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read on ({_line(error)}); fetch the file again") from error


def _column(file: Any, column: str | None, path: Path, *, is_wanted: Any, what: str, key: str) -> str:
    schema = file.schema_arrow
    fitting = [field.name for field in schema if is_wanted(field.type) and column in (None, field.name)]
    if len(fitting) == 1:
        return str(fitting[0])
    there = ", ".join(f"{field.name} ({field.type})" for field in schema)
    remedy = f"choose one with data.{key}=..." if fitting else f"one must hold {what}"
    raise DataError(f"{path}: {len(fitting)} columns with {what}; it holds {there}: {remedy}")


def _is_vectors(kind: Any) -> bool:
    import pyarrow as pa

    return _is_list(kind) and pa.types.is_floating(kind.value_type)


def _is_classes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind.value_type if _is_list(kind) else kind))


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
