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
_PART_BYTES, _BLOCK_BYTES = 340_000, 1_540
"""Per class of an example: one part of a read of sets, and the block of 64 examples around a random one."""
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

        With texts of t bytes, lengths of w bytes (1, 2 or 4: of the longest text) and c classes per example:

        Memory: ``threads * scan_batch * (45 + t)`` or, in steps, ``batch * (64 (2 w + 1) + 170 + 4 t)``,
        whichever is more; anonymous. Where c > 1 or classes are left out ``threads * (scan_batch *
        (64 (2 w + 1) + 170 + 2 t) + 340,000 c)`` or besides ``1,540 c batch``, and 1/4 B per example where
        classes are left out. Mapped, so reclaimable: 1/8 B per example (starts of blocks), w B where steps read in random order or classes are
        left out, and 1 1/8 B for the sets where c > 1 or classes are left out.
        """
        known = self._known(shape.num_classes)
        t, c = known.text_bytes, known.classes_per_example
        scan = shape.scan_batch_size * (45 + t)
        step = shape.batch_size * (64 * (2 * known.length_bytes + 1) + 170 + 4 * t)
        per_example = 1 / 8 + (known.length_bytes if has_steps or known.is_restricted else 0)
        if not known.is_plain:
            scan = shape.scan_batch_size * (64 * (2 * known.length_bytes + 1) + 170 + 2 * t) + _PART_BYTES * c
            step += _BLOCK_BYTES * c * shape.batch_size
            per_example += 9 / 8
        kept = shape.num_examples // 4 if known.is_restricted else 0
        batches = round(max(shape.threads * scan, step if has_steps else 0.0))
        return {DATA_BATCHES: batches + kept, _INDEX: round(per_example * shape.num_examples)}

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Index of the held-out texts, mapped: a random sample touches all of it (fault-around, 64 KiB)."""
        known = self._known(shape.num_classes)
        per_text = known.length_bytes + 1 / 8 + (0 if known.is_plain else 9 / 8)
        return {_INDEX: round(per_text * known.num_test)}

    def _known(self, num_classes: int) -> _Known:
        known = self.known_facts()
        if known is None:
            share = self.test_share
            return _Known(
                text_bytes=_BYTES_PER_ROW,
                length_bytes=1,
                classes_per_example=1.0,
                num_test=round(_ROWS_PER_CLASS * num_classes * share / (1 - share)),
                is_restricted=False,
            )
        num_examples = max(1, int(known["num_examples"]))
        return _Known(
            text_bytes=known["files"]["train.bytes"]["size_bytes"] / num_examples,
            length_bytes=max(1, known["files"]["train.lengths"]["size_bytes"] // num_examples),
            classes_per_example=int(known["num_train"]) / num_examples,
            num_test=int(known["num_test"]),
            is_restricted=num_classes < int(known["num_classes"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What the closed form needs of a prepared table, or the guess for one that was not read yet."""

    text_bytes: float
    length_bytes: int
    """Of the length of one text: 1, 2 or 4."""
    classes_per_example: float
    num_test: int
    is_restricted: bool
    """Classes are left out."""

    @property
    def is_plain(self) -> bool:
        """Every example has one class, and all are kept."""
        return self.classes_per_example == 1.0 and not self.is_restricted
