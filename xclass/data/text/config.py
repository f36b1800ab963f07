"""Settings of ``data=text``, and what its batches cost. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from xclass.data.cache import cache_folder, check_cache
from xclass.data.table_files import InputFile, absolute, input_files, prepared_facts, prepared_folder
from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.errors import ConfigError
from xclass.shapes import DATA_BATCHES, MAPPED, ProblemShape

FORMAT_VERSION = 1

_BYTES_PER_ROW = 40
"""Of a table that nobody has read yet: a product name and its class."""
_ROWS_PER_CLASS = 4
_INDEX = f"index of the texts{MAPPED}"


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


@dataclass(kw_only=True, slots=True)
class TextConfig(DataTraits):
    """Which files, which of their columns, and what is held out."""

    name: ClassVar[str] = "text"
    entry: ClassVar[str] = "xclass.data.text.entry"
    inputs: ClassVar[InputKind] = InputKind.texts
    most_classes: ClassVar[int | None] = None

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
    """tsv and csv: one character between columns; null: a tab or a comma."""
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
        if self.path is not None:
            self.path = absolute("data.path", self.path)
        if self.test_path is not None:
            self.test_path = absolute("data.test_path", self.test_path)
        if not 0.0 < self.test_share <= 0.5:
            raise ConfigError(
                "data.test_share", self.test_share, allowed="above 0, to 0.5", remedy="0.1 is the default"
            )
        for key in ("text_column", "class_column"):
            self._check_column(key, getattr(self, key))
        if self.text_column == self.class_column:
            raise ConfigError(
                "data.class_column",
                self.class_column,
                allowed="another column than data.text_column",
                remedy="name the column of the class",
            )
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
        """All classes that there are; of a table that was not prepared yet an estimate from its size."""
        known = self.known_facts()
        if known is not None:
            return int(known["num_classes"])
        return max(
            2, sum(file.size_bytes for file in self.train_files()) // _BYTES_PER_ROW // _ROWS_PER_CLASS
        )

    def check_files(self) -> None:
        """Refuse files that are not here, before anything is started.

        Raises:
            ConfigError: naming the key.
        """
        self.train_files()
        self.test_files()

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

    def num_train(self, num_classes: int) -> int:
        """Training examples: of all classes exact once they are prepared, else about so many per class."""
        known = self.known_facts()
        if known is None:
            return _ROWS_PER_CLASS * num_classes
        # The most frequent classes have more: at least this many.
        share = min(1.0, num_classes / int(known["num_classes"]))
        return max(num_classes, round(int(known["num_train"]) * share))

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: batches, and mapped pages of the index.

        Memory: see :class:`xclass.data.text.source.TextSource`.
        """
        return {DATA_BATCHES: 0, _INDEX: 0}

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Index of the held-out texts, mapped: a random sample touches all of it."""
        return {_INDEX: 0}
