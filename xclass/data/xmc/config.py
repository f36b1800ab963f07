"""Settings of ``data=xmc``, and what its batches cost. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from xclass.data.cache import cache_folder, check_cache
from xclass.data.file_settings import (
    check_files,
    check_test_share,
    classes_of,
    num_train_of,
    number_name_bytes,
    one_file,
    query_index_bytes,
)
from xclass.data.table_files import InputFile, prepared_facts, prepared_folder
from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.shapes import DATA_BATCHES, MAPPED, ProblemShape

FORMAT_VERSION = 2
_ENTRY_BYTES = 8
"""Of a feature in a row: its column, int32, and its value, float32."""
_INDEX = f"index of the rows{MAPPED}"
_INDEX_BYTES_PER_ROW = 8 + 2 * (1 + 8 / 64)
"""Number of the row; how many classes and features it has, and where a block of 64 rows has them."""


@dataclass(kw_only=True, slots=True)
class XmcConfig(DataTraits):
    """Which files, and what is held out."""

    name: ClassVar[str] = "xmc"
    entry: ClassVar[str] = "xclass.data.xmc.entry"
    inputs: ClassVar[InputKind] = InputKind.rows

    path: str | None = None
    """Training examples, a line each: ``class,class feature:value feature:value``, also .gz, with or without
    the header line "examples features classes". Numbers may begin at 0 or at 1. It must be named; short:
    ``path=FILE``."""
    test_path: str | None = None
    """Test examples in the same form; null: a part of ``path`` is held out. Short: ``test=FILE``."""
    test_share: float = 0.1
    """Share of ``path`` that is held out where there is no ``test_path``: above 0, to 0.5."""
    cache: str | None = None
    """Folder of the prepared data; null: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``."""

    def __post_init__(self) -> None:
        """Refuse what no file can have; whether the files exist is asked when they are read.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_cache(self.cache)
        self.path, self.test_path = check_files(self.path, self.test_path)
        check_test_share(self.test_share)

    @property
    def default_classes(self) -> int:
        """All that have training examples; before they are counted, what the header says.

        Raises:
            ConfigError: there is no header.
        """
        return classes_of(self.known_facts())

    @property
    def most_classes(self) -> int | None:
        """All that have training examples, once they are counted."""
        return (self.known_facts() or {}).get("num_classes")

    def train_file(self) -> InputFile:
        """The file of ``path`` as it is now.

        Raises:
            ConfigError: it is not there.
        """
        return one_file("data.path", self.path)

    def test_file(self) -> InputFile | None:
        """The file of ``test_path`` as it is now; None without one.

        Raises:
            ConfigError: it is not there.
        """
        return one_file("data.test_path", self.test_path) if self.test_path is not None else None

    def check_files(self) -> None:
        """Refuse files that are not here.

        Raises:
            ConfigError: naming the key.
        """
        self.train_file()
        self.test_file()

    def folder(self) -> Path:
        """Of the prepared data: named for the files (path, size, time of change) and for the settings."""
        test = self.test_file()
        files = [self.train_file(), *([test] if test else [])]
        settings = [FORMAT_VERSION, self.test_share if test is None else None]
        return prepared_folder(cache_folder(self.cache), "xmc", files, settings)

    def known_facts(self) -> Mapping[str, Any] | None:
        """Counts of the prepared data, or the header's; None without either, or where the file is gone."""
        if self.path is None:
            return None
        return prepared_facts(self.folder) or _facts_of_header(Path(self.path))

    def mean_name_bytes(self) -> float:
        """Of ``class N``: see :func:`xclass.data.file_settings.number_name_bytes`."""
        return number_name_bytes(self.most_classes)

    def num_train(self, num_classes: int) -> int:
        """Training examples: exact for all classes once they are prepared."""
        return num_train_of(self.known_facts(), num_classes)

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: batches, and mapped pages of the index.

        Memory: with F features per example ``threads * 16 F scan_batch`` (as read, and in two arrays) or, in
        steps, ``16 F batch``, whichever is more; anonymous. Mapped, so reclaimable: 10 1/4 B per example. The
        rows are read with pread, so that they never become resident in this process.
        """
        batch = max(shape.threads * shape.scan_batch_size, shape.batch_size)
        return {
            DATA_BATCHES: round(2 * _ENTRY_BYTES * shape.features_per_example * batch),
            _INDEX: round(_INDEX_BYTES_PER_ROW * shape.num_examples),
        }

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Rows of the queries, and the index of the test examples that a random sample touches."""
        rows = round(_ENTRY_BYTES * shape.features_per_example * shape.num_queries)
        index = query_index_bytes(self.known_facts(), shape, _INDEX_BYTES_PER_ROW)
        return {"rows of the queries": rows, _INDEX: index}


def _facts_of_header(path: Path) -> dict[str, int] | None:
    """What the first line of a plain or gzip file says; None where it is no header, or there is no file."""
    import gzip

    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            words = file.readline(200).split()
        rows, features, classes = (int(word) for word in words)
    except (OSError, EOFError, ValueError):
        return None
    return {"num_examples": rows, "num_features": features, "num_classes": classes}
