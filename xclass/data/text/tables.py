"""Any table as chunks of rows: by the reader that its name or ``data.format`` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from xclass.data.table_files import InputFile
from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.delimited import read_delimited
from xclass.data.text.json_lines import read_json_lines
from xclass.data.text.rows import Rows
from xclass.data.text.streams import DigestedFile, text_lines
from xclass.errors import DataError


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
    kind = config.format_of(file)
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
