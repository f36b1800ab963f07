"""Rows of Apache Parquet, a batch at a time. Needs the extra ``parquet``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xclass.data.table_files import InputFile
from xclass.data.text.config import TextConfig
from xclass.data.text.json_lines import names_of, text_of
from xclass.data.text.rows import RowFilter, Rows
from xclass.data.text.streams import check_unchanged
from xclass.errors import DataError

_BATCH_ROWS = 1 << 12


def read_parquet(
    file: InputFile, config: TextConfig, progress: Callable[[int], None], digests: dict[str, str]
) -> Iterator[Rows]:
    """Rows in chunks; only the two columns are read.

    Memory: pages of the two columns of one row group, not more than the group has.

    Raises:
        DataError: pyarrow is missing, the file is no Parquet, or a column is missing or of another type.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"{file.path}: Parquet needs the package pyarrow: pip install 'xclass[parquet]'")
    pq = importlib.import_module("pyarrow.parquet")
    arrow_error = importlib.import_module("pyarrow").ArrowException
    rows = RowFilter(config, file.path)
    row = 0
    try:
        with Path(file.path).open("rb") as raw:
            # The file is read twice, as Parquet is not read front to back.
            digests[file.path] = hashlib.file_digest(raw, "sha256").hexdigest()
        with pq.ParquetFile(file.path, pre_buffer=False) as table:
            _check_columns(table.schema_arrow.names, file.path, config)
            columns = [config.text_column, config.class_column]
            for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
                yield _rows(batch, row + 1, rows)
                row += batch.num_rows
                progress(file.size_bytes * row // max(1, table.metadata.num_rows))
    except (OSError, arrow_error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{file.path}:{row + 1}: {reason}; the file is cut short or no Parquet: write it again"
        ) from error
    check_unchanged(file)


def _rows(batch: Any, first: int, rows: RowFilter) -> Rows:
    config = rows.config
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    numbers = range(first, first + batch.num_rows)
    places = [f"{rows.path}:{number}" for number in numbers]
    texts, values = (columns[name].to_pylist() for name in (config.text_column, config.class_column))
    return rows.from_lists(
        numbers,
        [text_of(text, place, config) for text, place in zip(texts, places, strict=True)],
        [names_of(value, place, config) for value, place in zip(values, places, strict=True)],
    )


def _check_columns(names: list[str], path: str, config: TextConfig) -> None:
    for name in (config.text_column, config.class_column):
        if names.count(name) != 1:
            wrong = "twice a" if name in names else "no"
            shown = ", ".join(found[:40] for found in names[:20])
            raise DataError(
                f"{path}: {wrong} column named {name}; there are: {shown}; name them with "
                "data.text_column=... data.class_column=..."
            )
