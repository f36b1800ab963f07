"""Reads the tables of ``data=text`` once, front to back, into a folder of the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xclass.data.manifest import read_manifest_document, write_manifest
from xclass.data.publish import publishing
from xclass.data.table_files import InputFile
from xclass.data.text.config import FORMAT_VERSION, TextConfig
from xclass.data.text.ranking import write_ranked
from xclass.data.text.rows import Rows
from xclass.data.text.staging import SplitWriter
from xclass.data.text.tables import read_table
from xclass.errors import DataError
from xclass.units import format_bytes

Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``: bytes of the files that were read."""

SPLIT = (
    "an example is held out if the hash of its normalised text is among the lowest {share:.3g} of all "
    "hashes; of a class that would be left without any the one with the largest hash stays"
)


def prepare(config: TextConfig, *, progress: Progress | None = None) -> Path:
    """Make sure that the tables are prepared.

    Args:
        config: which tables.
        progress: called often.

    Returns:
        The folder for :class:`xclass.data.text.source.TextSource`.

    Raises:
        ConfigError: a file that does not exist, or whose format nobody knows.
        DataError: a row that cannot be used, by file and line; disk full; a cached folder that is damaged.

    Memory: flat in the number of rows. Per class at most 80 B of the table of names (54 once it has grown)
    and 24 B of counts and hashes; blocks of 1 MiB of a file as objects of Python, about 15 MB, or rows of up
    to 16 MiB with as many copies; of Parquet besides the two columns of one row group.
    Disk: per example its text, w = 1, 2 or 4 B for its length (as the longest text needs), 4 B per class and
    1 1/4 B; per class its name and 9 1/8 B. While it is written the held-out part and 4 B per class of an
    example once more.
    """
    folder = config.folder()
    if folder.exists():
        read_manifest_document(folder, version=FORMAT_VERSION)
        return folder
    config.check_files()
    files, test_files = config.train_files(), config.test_files()
    num_bytes = sum(file.size_bytes for file in [*files, *test_files])
    with publishing(folder, room=f"about {format_bytes(2 * num_bytes)}") as partial:
        reader = _Reader(config, num_bytes, progress or (lambda done, total, what: None))
        writer = SplitWriter(partial, test_share=0.0 if test_files else config.test_share)
        with closing(writer):
            for rows in reader.rows(files):
                writer.add(rows)
            for rows in reader.rows(test_files):
                writer.add_test(rows)
            writer.finish()
        _check(config, writer)
        write_ranked(partial, num_train_C=writer.class_counts, num_examples=writer.num_examples)
        (partial / "test_hashes.u8").unlink()
        write_manifest(partial, _facts(config, reader, writer), has_digests=False)
    read_manifest_document(folder, version=FORMAT_VERSION)
    return folder


class _Reader:
    """Rows of file after file, and what is to be said of them."""

    def __init__(self, config: TextConfig, num_bytes: int, progress: Progress) -> None:
        self._config = config
        self._num_bytes = num_bytes
        self._progress = progress
        self._num_read = 0
        self.digests: dict[str, str] = {}
        self.num_skipped = 0
        self.sources: list[dict[str, Any]] = []

    def rows(self, files: list[InputFile]) -> Iterator[Rows]:
        """All rows of these files."""
        for file in files:
            num_rows = 0
            name = Path(file.path).name

            def report(done: int, name: str = name) -> None:
                self._progress(self._num_read + done, self._num_bytes, f"reading {name}")

            for rows in read_table(file, self._config, report, self.digests):
                num_rows += len(rows) + rows.num_skipped
                self.num_skipped += rows.num_skipped
                if len(rows):
                    yield rows
            self._num_read += file.size_bytes
            self.sources.append(asdict(file) | {"num_rows": num_rows, "sha256": self.digests[file.path]})


def _check(config: TextConfig, writer: SplitWriter) -> None:
    if not writer.num_classes:
        raise DataError(f"{config.path}: no rows in it; give a table with a line per example")
    if writer.num_classes < 2:
        raise DataError(
            f"{config.path}: {writer.num_classes} class; a classifier needs 2; is data.class_column right?"
        )
    if not writer.num_examples["test"]:
        raise DataError(f"{config.test_path or config.path}: {_NO_TEST[config.test_path is not None]}")


_NO_TEST = {
    True: "none of its classes is one of the training examples; check that both files name classes alike",
    False: "no example can be held out, as each is the last of its class or there are too few; name test "
    "examples with test=FILE",
}


def _facts(config: TextConfig, reader: _Reader, writer: SplitWriter) -> dict[str, Any]:
    num_examples = writer.num_examples
    return {
        "format_version": FORMAT_VERSION,
        "num_classes": writer.num_classes,
        "num_examples": num_examples["train"],
        "num_train": int(writer.class_counts.sum()),
        "num_test": num_examples["test"],
        "num_test_left_out": writer.num_left_out,
        "num_brought_back": writer.num_brought_back,
        "num_skipped": reader.num_skipped,
        "characters_per_text": writer.num_characters / max(1, sum(num_examples.values())),
        "feature_growth": writer.growth.exponent(),
        "sources": reader.sources,
        "split": "two files" if config.test_path else SPLIT.format(share=config.test_share),
    }
