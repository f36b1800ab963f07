"""Reads files of sparse text once, front to back, into rows that can be read by number."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.data.feature_growth import GrowthSample
from xclass.data.line_chunks import LineFile
from xclass.data.manifest import read_manifest_document, write_manifest
from xclass.data.publish import publishing
from xclass.data.ranking import TEST, TRAIN, StagedRows, rank_rows
from xclass.data.row_hashes import hash_entries
from xclass.data.table_files import InputFile
from xclass.data.text_store import TextWriter
from xclass.data.xmc.config import FORMAT_VERSION, XmcConfig
from xclass.data.xmc.lines import Header, Lines, parse_lines, split_header
from xclass.errors import DataError

ENTRY = np.dtype([("column", "<i4"), ("value", "<f4")])
"""A feature of a row, in the 8 bytes of an element of the store."""

Progress = Callable[[int, int, str], None]


def prepare(config: XmcConfig, progress: Progress) -> Path:
    """Make sure that the rows of the files lie in the cache.

    Returns:
        The folder for :class:`xclass.data.xmc.source.XmcSource`.

    Raises:
        ConfigError: a file that is not there.
        DataError: a line that is none of the format, a header that does not agree with its file, a file that
            is cut short or that changed meanwhile, a full disk.

    Memory: about 25 MiB for the lines being read, then 12 MiB and 90 B per class (see
    :func:`xclass.data.ranking.rank_rows`), whatever the size of the files: 23.2, 23.5 and 23.4 MiB over the
    base for 23 MB, 227 MB and 2.27 GB of 86,649 classes and 75 features a line. Disk: 8 B per feature of each
    example, 12 B per example and 4 B per class of an example; 10 B more of the last two while it is made.
    """
    folder = config.folder()
    if folder.exists():
        read_manifest_document(folder, version=FORMAT_VERSION)
        return folder
    train, test = config.train_file(), config.test_file()
    room = f"about {2 * (train.size_bytes + (test.size_bytes if test else 0)) / 1e9:.1f} GB"
    with publishing(folder, room=room) as partial:
        with ExitStack() as opened:
            reader = _Reader(partial, opened, has_hashes=test is None, progress=progress)
            reader.read(train, TRAIN)
            if test is not None:
                reader.read(test, TEST)
            reader.finish()
        _write(partial, config, reader, progress)
    read_manifest_document(folder, version=FORMAT_VERSION)
    return folder


@dataclass(kw_only=True, slots=True)
class _Numbering:
    """Where the numbers of classes or of features begin and end, over all files."""

    what: str
    least: int = -1
    """The smallest number so far; -1 before any."""
    most: int = -1
    least_place: str = ""
    most_place: str = ""

    def see(self, numbers: npt.NDArray[np.integer[Any]], place_of: Callable[[int], str]) -> None:
        """Take note of numbers of some lines."""
        if not len(numbers):
            return
        low, high = int(numbers.argmin()), int(numbers.argmax())
        if self.least < 0 or numbers[low] < self.least:
            self.least, self.least_place = int(numbers[low]), place_of(low)
        if numbers[high] > self.most:
            self.most, self.most_place = int(numbers[high]), place_of(high)

    def check(self, limit: int | None) -> None:
        """Refuse what a header's number of them excludes, counted from 0 or from 1.

        Raises:
            DataError: naming the line.
        """
        if limit is None or self.most < limit:
            return
        if self.most > limit:
            raise DataError(
                f"{self.most_place}: {self.what} {self.most}, but the header promises {limit} of them, "
                f"numbered from 0 or from 1; correct the header or the line"
            )
        if self.least == 0:
            raise DataError(
                f"{self.most_place}: {self.what} {self.most}, but {self.least_place} has {self.what} 0, and "
                f"the header promises {limit} of them; correct the header or a line"
            )


@dataclass(slots=True)
class _Counts:
    """What the manifest says of the rows."""

    inputs: list[dict[str, Any]] = field(default_factory=list)
    num_entries: int = 0
    num_rows_without_features: int = 0


class _Reader:
    """One pass over each file."""

    def __init__(self, folder: Path, opened: ExitStack, *, has_hashes: bool, progress: Progress) -> None:
        self._rows = opened.enter_context(closing(TextWriter(folder, "rows", dtype=np.uint64)))
        self.staged = StagedRows(folder, opened)
        self.counts = _Counts()
        self.features, self.classes = _Numbering(what="feature"), _Numbering(what="class")
        self.growth = GrowthSample()
        self.num_features = 0
        self._has_hashes = has_hashes
        self._progress = progress

    def read(self, input_file: InputFile, side: int) -> None:
        """All lines of a file."""
        path = Path(input_file.path)
        file, header, before = LineFile(path), None, self.staged.num_rows
        num_lines = 0
        for first_line, text in file.chunks():
            if first_line == 1:
                header, rest = split_header(text)
                first_line += text.count(b"\n") - rest.count(b"\n")
                text = rest
            lines = parse_lines(text, path=path, first_line=first_line)
            num_lines += text.count(b"\n")
            self._keep(lines, path, side)
            self._progress(file.done_bytes, file.size_bytes, f"bytes of {path.name}")
            self._check_numbers(header)
        num_rows = self.staged.num_rows - before
        if header is not None and header.num_rows not in (num_rows, num_lines):
            raise DataError(
                f"{path}:1: the header promises {header.num_rows} examples and {num_rows} follow; the file "
                "is cut short or its header is wrong: fetch it again or correct the line"
            )
        if not num_rows:
            raise DataError(f"{path}: no examples; name a file with a line for each")
        if InputFile.look_at(path) != input_file:
            raise DataError(f"{path}: it changed while it was read; start again when it is complete")
        self.counts.inputs.append({"path": str(path), "sha256": file.digest, "num_rows": num_rows})

    def finish(self) -> None:
        """Close what must be closed whole."""
        self._rows.finish()
        self.staged.finish()

    def _keep(self, lines: Lines, path: Path, side: int) -> None:
        entries = np.empty(len(lines.columns), ENTRY)
        entries["column"], entries["value"] = lines.columns, lines.values
        self._rows.append(entries.view(np.uint64), lines.num_features)
        self.staged.append(lines.classes, lines.num_classes, side=side)
        if side == TRAIN:
            self._sample(lines)
        if self._has_hashes:
            self.staged.append_hashes(hash_entries(entries.view(np.uint64), lines.num_features))
        self.features.see(lines.columns, lambda place: f"{path}:{lines.line_of_column(place)}")
        self.classes.see(lines.classes, lambda place: f"{path}:{lines.line_of_class(place)}")
        self.counts.num_entries += len(entries)
        self.counts.num_rows_without_features += int(np.count_nonzero(lines.num_features == 0))

    def _sample(self, lines: Lines) -> None:
        places = self.growth.wanted(lines.classes)
        if len(places):
            rows = np.repeat(np.arange(len(lines.num_classes)), lines.num_classes)[places]
            ends = np.cumsum(lines.num_features)
            starts = ends - lines.num_features
            bounds = zip(starts[rows].tolist(), ends[rows].tolist(), strict=True)
            for class_, (start, stop) in zip(lines.classes[places].tolist(), bounds, strict=True):
                self.growth.add(class_, lines.columns[start:stop].astype(np.int32))

    def _check_numbers(self, header: Header | None) -> None:
        self.features.check(header.num_features if header else None)
        self.classes.check(header.num_classes if header else None)
        # Counted from 1, column 0 is empty; that costs a row of a table, and no guess can be wrong.
        self.num_features = max(
            self.num_features, self.features.most + 1, header.num_features if header else 0
        )


def _write(partial: Path, config: XmcConfig, reader: _Reader, progress: Progress) -> None:
    share = config.test_share if config.test_path is None else None
    staged = reader.staged
    counts = rank_rows(
        partial, of=str(config.path), num_rows=staged.num_rows, test_share=share, report=progress
    )
    document = {
        "format_version": FORMAT_VERSION,
        **counts,
        "num_rows": staged.num_rows,
        "num_rows_without_class": staged.num_without_class,
        "num_rows_without_features": reader.counts.num_rows_without_features,
        "num_features": reader.num_features,
        "features_per_example": reader.counts.num_entries / staged.num_rows,
        "feature_growth": reader.growth.exponent(),
        "inputs": reader.counts.inputs,
        "test_share": share,
    }
    write_manifest(partial, document, has_digests=False)
