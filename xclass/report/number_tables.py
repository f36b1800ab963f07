"""The numbers of a report as tables for other programs: numbers.csv and, with pyarrow, numbers.parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xclass.errors import RecordError
from xclass.records.store import write_text

CSV_FILE, PARQUET_FILE = "numbers.csv", "numbers.parquet"
NO_PARQUET = f"no {PARQUET_FILE}: it needs pyarrow; install the extra: pip install 'xclass[parquet]'"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell. Source:
https://owasp.org/www-community/attacks/CSV_Injection"""


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one line per row under all keys that occur; what a row lacks, and null, stays empty.

    Args:
        path: the file.
        rows: of summary.json and of projections. Text that a spreadsheet would run is preceded by an
            apostrophe: names of data and classes are not ours.

    Raises:
        RecordError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=_keys(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Write the same as typed columns.

    Returns:
        False where pyarrow is not installed: nothing is written.

    Raises:
        RecordError: it cannot be written.
    """
    if find_spec("pyarrow") is None:
        return False
    # 40 MB of libraries, for this file alone.
    import pyarrow
    from pyarrow import parquet

    columns = {key: [row.get(key) for row in rows] for key in _keys(rows)}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table(columns), temporary)
        temporary.replace(path)
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be written: {error}; free space there or choose another"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
