"""Any table as chunks of rows: which reader its name or ``data.format`` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from xclass.data.table_files import InputFile
from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.delimited import read_delimited
from xclass.data.text.json_lines import read_json_lines
from xclass.data.text.rows import Rows
from xclass.data.text.streams import DigestedFile, text_lines
from xclass.errors import ConfigError, DataError

_ENDINGS = {
    "tsv": TableFormat.tsv, "tab": TableFormat.tsv, "txt": TableFormat.tsv,
    "csv": TableFormat.csv,
    "jsonl": TableFormat.jsonl, "ndjson": TableFormat.jsonl, "json": TableFormat.jsonl,
    "parquet": TableFormat.parquet, "pq": TableFormat.parquet,
}  # fmt: skip


def format_of(file: InputFile, config: TextConfig) -> TableFormat:
    """How the rows of a file are written.

    Raises:
        ConfigError: its name does not say so, and neither does the config.
    """
    if config.format is not None:
        return config.format
    ending = file.path.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in _ENDINGS:
        raise ConfigError(
            "data.path",
            file.path,
            allowed=f"names that end in {', '.join(_ENDINGS)}, all but Parquet also with .gz",
            remedy="say how it is written: data.format=tsv, csv, jsonl or parquet",
        )
    return _ENDINGS[ending]


def read_table(
    file: InputFile, config: TextConfig, progress: Callable[[int], None], digests: dict[str, str]
) -> Iterator[Rows]:
    """All rows of one file.

    Args:
        file: what to read.
        config: how.
        progress: told the bytes read so far.
        digests: is given the SHA-256 of the file, by its path, once it was read to the end.

    Raises:
        DataError: a row that cannot be used; or the file changed meanwhile.
    """
    kind = format_of(file, config)
    if kind is TableFormat.parquet:
        from xclass.data.text.parquet import read_parquet

        yield from read_parquet(file, config, progress, digests)
        return
    try:
        raw = DigestedFile(file, progress)
    except OSError as error:
        raise DataError(f"{file.path}: cannot be read ({error.strerror or error})") from error
    with closing(raw):
        lines = text_lines(raw, file.path)
        if kind is TableFormat.jsonl:
            yield from read_json_lines(lines, file.path, config)
        else:
            yield from read_delimited(lines, file.path, config, kind)
        digests[file.path] = raw.finish()
