"""Settings of ``data=text``, and what its batches cost. Standard library only."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from xclass.data.cache import cache_folder, check_cache
from xclass.data.file_settings import check_files, check_test_share, classes_of
from xclass.data.table_files import InputFile, input_files, prepared_facts, prepared_folder
from xclass.data.text.reading import Reading
from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

FORMAT_VERSION = 3
CLASS_STARTS = "class_starts.i8"
"""int64: training pairs of all classes before each one, and of all."""

_BYTES_PER_ROW = 40
"""Of a table that nobody has read yet: a product name and its class."""
_NAME_BYTES = 16.0
"""Of the name of a class of such a table."""


class TableFormat(StrEnum):
    """How the rows of a table are written."""

    tsv = "tsv"
    """A line per row, columns between tabs, nothing quoted."""
    csv = "csv"
    """As spreadsheets write it: columns between commas, quoted where needed."""
    jsonl = "jsonl"
    """A JSON object per line."""
    parquet = "parquet"
    """Apache Parquet; needs the extra parquet."""


_ENDINGS = {
    "tsv": TableFormat.tsv,
    "tab": TableFormat.tsv,
    "txt": TableFormat.tsv,
    "csv": TableFormat.csv,
    "jsonl": TableFormat.jsonl,
    "ndjson": TableFormat.jsonl,
    "json": TableFormat.jsonl,
    "parquet": TableFormat.parquet,
    "pq": TableFormat.parquet,
}


@dataclass(kw_only=True, slots=True)
class TextConfig(DataTraits):
    """Which files, which of their columns, and what is held out."""

    name: ClassVar[str] = "text"
    entry: ClassVar[str] = "xclass.data.text.entry"
    inputs: ClassVar[InputKind] = InputKind.texts

    path: str | None = None
    """The table of training examples: a file (.tsv, .csv, .jsonl, .parquet; but Parquet also .gz), or a
    folder of such; it must be named. Short on the command line: ``path=FILE``."""
    test_path: str | None = None
    """The table of test examples; null: a part of ``path`` is held out. Short: ``test=FILE``."""
    format: TableFormat | None = None
    """tsv, csv, jsonl or parquet; null: as the name of the file ends."""
    text_column: str = "text"
    """Name of the column that holds the text."""
    class_column: str = "class"
    """Name of the column that holds the class, or several."""
    class_separator: str | None = None
    """What stands between several classes of one row, e.g. ``;``; null: all of the column is one class. Lists
    in JSON Lines and Parquet are several classes without it."""
    header: bool = True
    """tsv and csv: the first line names the columns; false: they are numbered, from 1."""
    delimiter: str | None = None
    """tsv and csv: one character between columns, or ``tab``; null: a tab or a comma."""
    skip_incomplete: bool = False
    """Leave out (and count) rows without a text or a class, in place of refusing them."""
    test_share: float = 0.1
    """Share of ``path`` that is held out where there is no ``test_path``: above 0, to 0.5."""
    cache: str | None = None
    """Folder of the prepared data; null: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``."""

    def __post_init__(self) -> None:
        """Refuse what no table can have; whether the files exist is asked when they are read.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_cache(self.cache)
        self.path, self.test_path = check_files(self.path, self.test_path)
        check_test_share(self.test_share)
        for key in ("text_column", "class_column"):
            self._check_column(key, getattr(self, key))
        if self.text_column == self.class_column:
            raise ConfigError(
                "data.class_column",
                self.class_column,
                allowed="another column than data.text_column",
                remedy="name the column of the class",
            )
        if self.delimiter in ("tab", "\\t"):
            self.delimiter = "\t"
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ConfigError(
                "data.delimiter",
                repr(self.delimiter),
                allowed="one character, no quote and no line end",
                remedy='e.g. data.delimiter=";"',
            )
        if self.class_separator == "":
            raise ConfigError(
                "data.class_separator", "''", allowed="one character or more", remedy="null means one class"
            )

    def _check_column(self, key: str, column: str) -> None:
        is_number = column.isdecimal() and int(column) >= 1
        if not column or not (self.header or is_number):
            raise ConfigError(
                f"data.{key}",
                column,
                allowed="the number of a column, from 1, with data.header=false",
                remedy="e.g. data.text_column=1 data.class_column=2",
            )

    @property
    def default_classes(self) -> int:
        """All classes that there are, once the table is prepared.

        Raises:
            ConfigError: nobody has counted them yet, or the table is not here.
        """
        if self.known_facts() is None:
            self.train_files()
        return classes_of(self.known_facts())

    @property
    def most_classes(self) -> int | None:
        """Classes that there are; None until the table is prepared."""
        return (self.known_facts() or {}).get("num_classes")

    def check_files(self) -> None:
        """Refuse files that are not here or that nothing here can read, before anything is started.

        Raises:
            ConfigError: naming the key.
        """
        for key, files in (("data.path", self.train_files()), ("data.test_path", self.test_files())):
            for file in files:
                is_parquet = self.format_of(file, key) is TableFormat.parquet
                if is_parquet and importlib.util.find_spec("pyarrow") is None:
                    raise ConfigError(
                        key,
                        file.path,
                        allowed="tsv, csv or jsonl without the package pyarrow",
                        remedy="pip install 'xclass[parquet]'",
                    )

    def format_of(self, file: InputFile, key: str = "data.path") -> TableFormat:
        """How the rows of a file are written.

        Raises:
            ConfigError: its name does not say so, and neither does ``format``.
        """
        if self.format is not None:
            return self.format
        ending = file.path.lower().removesuffix(".gz").rpartition(".")[2]
        if ending not in _ENDINGS:
            raise ConfigError(
                key,
                file.path,
                allowed=f"names that end in {', '.join(_ENDINGS)}; all but Parquet also with .gz",
                remedy="say how it is written: data.format=tsv, csv, jsonl or parquet",
            )
        return _ENDINGS[ending]

    def train_files(self) -> list[InputFile]:
        """The files of ``path``, in order.

        Raises:
            ConfigError: there is none.
        """
        return input_files("data.path", self.path)

    def test_files(self) -> list[InputFile]:
        """The files of ``test_path``; none without one.

        Raises:
            ConfigError: there is none.
        """
        return input_files("data.test_path", self.test_path) if self.test_path is not None else []

    def folder(self) -> Path:
        """Of the prepared data: named for the files (path, size, time of change) and for the settings."""
        files = [*self.train_files(), *self.test_files()]
        settings = [
            FORMAT_VERSION, self.test_path is None, self.format, self.text_column, self.class_column,
            self.class_separator, self.header, self.delimiter, self.skip_incomplete,
            self.test_share if self.test_path is None else None,
        ]  # fmt: skip
        return prepared_folder(cache_folder(self.cache), "text", files, settings)

    def known_facts(self) -> dict[str, Any] | None:
        """Counts of the prepared data; None where it is not prepared, or its files are not here."""
        return None if self.path is None else prepared_facts(self.folder)

    def mean_name_bytes(self) -> float:
        """Exact for all classes once the table is prepared, before that guessed."""
        if (known := self.known_facts()) is None:
            return _NAME_BYTES
        return float(known["files"]["names.bytes"]["size_bytes"] / known["num_classes"])

    def num_train(self, num_classes: int) -> int:
        """Training examples: exact once the table is prepared, before that guessed from its size.

        Of more classes than there are, which only a projection asks for, as many for each as on average.
        """
        known = self.known_facts()
        if known is None:
            return max(num_classes, self._num_bytes() // _BYTES_PER_ROW)
        existing = int(known["num_classes"])
        with (self.folder() / CLASS_STARTS).open("rb") as starts:
            starts.seek(8 * min(num_classes, existing))
            return int.from_bytes(starts.read(8), "little") * max(num_classes, existing) // existing

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: :meth:`xclass.data.text.reading.Reading.memory_terms`."""
        return self._reading(shape.num_classes).memory_terms(shape, has_steps=has_steps)

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The same for serving: :meth:`xclass.data.text.reading.Reading.query_terms`."""
        return self._reading(shape.num_classes).query_terms()

    def _reading(self, num_classes: int) -> Reading:
        known = self.known_facts()
        if known is not None:
            return Reading.of_manifest(known, num_classes)
        num_test = round(self.num_train(num_classes) * self.test_share / (1 - self.test_share))
        return Reading(text_bytes=_BYTES_PER_ROW, num_test=num_test)

    def _num_bytes(self) -> int:
        """Of the table; 0 where it is not here (any more)."""
        try:
            return sum(file.size_bytes for file in self.train_files())
        except ConfigError:
            return 0
