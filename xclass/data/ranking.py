"""Numbered classes of rows -> ranks by training frequency, and which rows are trained on and tested on.

A source writes, in the order of its files, which class numbers each row has (``staged``, 8 bytes each), which
side it belongs to (``sides.u1``), and where nobody has decided that, a hash of it (``hashes.u8``). What is
made of them here is small beside the rows themselves, which stay where and as they are:

``train_sets`` ``test_sets``    ranks of the classes of each kept row: :mod:`xclass.data.set_store`
``train_rows.u8`` ``test_rows.u8``    number of each kept row in the order of the files
``class_numbers.i8``    rank -> number of the class in the files
``class_counts.i8``    rank -> training rows that have it, falling
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray, batch_ranges
from xclass.data.split import is_held_out
from xclass.data.text_store import TextStore, TextWriter, store_files
from xclass.errors import DataError

STAGED, SIDES, HASHES = "staged", "sides.u1", "hashes.u8"
TRAIN, TEST = 0, 1
_STEMS = {TRAIN: "train", TEST: "test"}
_CHUNK_ROWS = 1 << 18
_BUFFERED_PAIRS = 1 << 22

_Scalar = TypeVar("_Scalar", bound=np.generic)


class StagedRows:
    """Writes what :func:`rank_rows` reads, front to back.

    Memory: O(1) beside what is appended.
    """

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        """Create the files; ``opened`` closes them."""
        self._sets = opened.enter_context(closing(TextWriter(folder, STAGED, dtype=np.uint64)))
        self._sides: IO[bytes] = opened.enter_context((folder / SIDES).open("xb"))
        self._hashes: IO[bytes] = opened.enter_context((folder / HASHES).open("xb"))
        self.num_rows = 0
        self.num_without_class = 0

    def append(
        self,
        classes: IntArray,
        num_classes: npt.NDArray[np.integer[Any]],
        *,
        side: int,
    ) -> None:
        """Add rows; a class that is named twice in one counts once.

        Args:
            classes: numbers of the classes of all rows behind each other, int64.
            num_classes: how many of them each row has.
            side: TRAIN or TEST.
        """
        rows, classes = _distinct(np.repeat(np.arange(len(num_classes)), num_classes), classes)
        num_classes = np.bincount(rows, minlength=len(num_classes))
        self._sets.append(classes.view(np.uint64), num_classes)
        self._sides.write(np.full(len(num_classes), side, np.uint8).data)
        self.num_rows += len(num_classes)
        self.num_without_class += int(np.count_nonzero(num_classes == 0))

    def append_hashes(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Of the content of the next rows: where sides are still to be decided of every row, else of none."""
        self._hashes.write(hashes.data)

    def finish(self) -> None:
        """Close what must be closed whole."""
        self._sets.finish()
        self._sides.close()
        self._hashes.close()


def rank_rows(
    folder: Path, *, num_rows: int, test_share: float | None, report: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """Decide the sides, rank the classes, write the files of the module's docstring and drop the staged ones.

    A row is held out if its hash falls below the share, so that equal rows fall on one side and a row keeps
    its side when others are added; but of a class whose rows would all be held out, those with the largest
    hash are trained on. A class without training rows cannot be learned: it is left out of all sets, and a
    test row that has no other class is left out with it, and counted.

    Args:
        folder: with what :class:`StagedRows` wrote.
        num_rows: that it wrote.
        test_share: of the rows; None: the sides are as they were staged.
        report: told rows done, rows in all, and what is done.

    Returns:
        Counts for the manifest.

    Raises:
        DataError: fewer than two classes have training rows.

    Memory: about 90 B per class and 40 MiB. 5 passes over the staged sets at most, 4 to 8 B per pair each.
    """
    staged = _Staged(folder, num_rows, report)
    if test_share is not None:
        for start, stop in batch_ranges(num_rows, _CHUNK_ROWS):
            staged.set_sides(start, is_held_out(staged.hashes(start, stop), test_share))
        _keep_one_of_each(staged)
    numbers, counts = staged.count()
    is_trained = counts > 0
    order = np.lexsort((numbers, -counts))
    order = order[: int(np.count_nonzero(is_trained))]
    if len(order) < 2:
        raise DataError(f"{len(order)} classes with training examples; at least 2 are needed to tell apart")
    ranks = np.full(len(numbers), -1, np.int64)
    ranks[order] = np.arange(len(order))
    numbers[order].tofile(folder / "class_numbers.i8")
    counts[order].tofile(folder / "class_counts.i8")
    written = _write_sets(folder, staged, numbers, ranks)
    for name in (*store_files(STAGED, np.uint64), SIDES, HASHES):
        (folder / name).unlink()
    return {
        "num_classes": len(order),
        "num_untrained_classes": int(np.count_nonzero(~is_trained)),
        "train_of_most_frequent": _milestones(counts[order]),
        **written,
    }


class _Staged:
    """Chunks of what was staged."""

    def __init__(self, folder: Path, num_rows: int, report: Callable[[int, int, str], None]) -> None:
        self._store = TextStore(folder, STAGED, num_texts=num_rows, dtype=np.uint64)
        self._folder = folder
        self._num_rows = num_rows
        self._report = report

    def chunks(self, what: str) -> Iterator[tuple[slice, IntArray, IntArray, npt.NDArray[np.uint8]]]:
        """Rows, numbers of their classes, the row of each of these (from 0 on), and sides."""
        for start, stop in batch_ranges(self._num_rows, _CHUNK_ROWS):
            numbers, offsets = self._store.slice(start, stop)
            rows = np.repeat(np.arange(stop - start), np.diff(offsets))
            sides = _read(self._folder / SIDES, np.uint8, start, stop)
            yield slice(start, stop), numbers.view(np.int64), rows, sides
            self._report(stop, self._num_rows, what)

    def hashes(self, start: int, stop: int) -> npt.NDArray[np.uint64]:
        """Of the rows ``start <= i < stop``."""
        return _read(self._folder / HASHES, np.uint64, start, stop)

    def set_sides(self, start: int, sides: npt.NDArray[Any]) -> None:
        """Of the rows from ``start`` on."""
        with (self._folder / SIDES).open("r+b") as file:
            file.seek(start)
            file.write(sides.astype(np.uint8).data)

    def count(self) -> tuple[IntArray, IntArray]:
        """Distinct numbers of classes, rising, and how many training rows have each; 0 for some."""
        numbers, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        waiting: list[tuple[IntArray, IntArray]] = []
        num_waiting = 0
        for _, found, rows, sides in self.chunks("rows counted"):
            distinct, places = np.unique(found, return_inverse=True)
            is_train = sides[rows] == TRAIN
            waiting.append((distinct, np.bincount(places[is_train], minlength=len(distinct))))
            num_waiting += len(distinct)
            # Not after every chunk: each joining costs the sorting of all classes.
            if num_waiting > max(_BUFFERED_PAIRS, len(numbers)):
                numbers, counts = _joined(numbers, counts, waiting)
                waiting, num_waiting = [], 0
        return _joined(numbers, counts, waiting)


def _read(path: Path, dtype: type[_Scalar], start: int, stop: int) -> npt.NDArray[_Scalar]:
    """A part of a raw file; not mapped, so that what is read of it does not stay."""
    return np.fromfile(path, dtype, stop - start, offset=start * np.dtype(dtype).itemsize)


def _joined(
    numbers: IntArray, counts: IntArray, waiting: list[tuple[IntArray, IntArray]]
) -> tuple[IntArray, IntArray]:
    every = np.concatenate([numbers, *(found for found, _ in waiting)])
    weights = np.concatenate([counts, *(weights for _, weights in waiting)])
    order = np.argsort(every, kind="stable")
    every, weights = every[order], weights[order]
    firsts = np.flatnonzero(np.diff(every, prepend=every[:1] - 1)) if len(every) else order
    return every[firsts], np.add.reduceat(weights, firsts) if len(firsts) else weights


def _keep_one_of_each(staged: _Staged) -> None:
    """Bring back to training what classes without training rows have of the largest hash."""
    numbers, counts = staged.count()
    orphans = numbers[counts == 0]
    if not len(orphans):
        return
    largest = np.zeros(len(orphans), np.uint64)
    for is_last in (False, True):
        for rows_slice, found, rows, sides in staged.chunks("rows of rare classes"):
            places = np.searchsorted(orphans, found).clip(max=len(orphans) - 1)
            is_orphan = orphans[places] == found
            places, rows = places[is_orphan], rows[is_orphan]
            of_rows = staged.hashes(rows_slice.start, rows_slice.stop)[rows]
            if is_last:
                sides[rows[of_rows == largest[places]]] = TRAIN
                staged.set_sides(rows_slice.start, sides)
            else:
                np.maximum.at(largest, places, of_rows)


def _write_sets(folder: Path, staged: _Staged, numbers: IntArray, ranks: IntArray) -> dict[str, int]:
    written: dict[str, int] = {}
    num_unseen = 0
    with ExitStack() as opened:
        sets = {
            side: opened.enter_context(closing(TextWriter(folder, f"{stem}_sets", dtype=np.uint32)))
            for side, stem in _STEMS.items()
        }
        files = {
            side: opened.enter_context((folder / f"{stem}_rows.u8").open("xb"))
            for side, stem in _STEMS.items()
        }
        for rows_slice, found, rows, sides in staged.chunks("rows ranked"):
            ranked = ranks[np.searchsorted(numbers, found)]
            num_unseen += _count_unseen(ranked, rows, sides)
            rows, ranked = _distinct(rows[ranked >= 0], ranked[ranked >= 0])
            for side in _STEMS:
                is_here = sides[rows] == side
                kept, sizes = np.unique(rows[is_here], return_counts=True)
                sets[side].append(ranked[is_here].astype(np.uint32), sizes)
                files[side].write((rows_slice.start + kept).astype(np.uint64).data)
        for side, stem in _STEMS.items():
            sets[side].finish()
            written |= {f"num_{stem}": sets[side].num_elements, f"num_{stem}_rows": sets[side].num_texts}
    return {**written, "num_unseen_test_rows": num_unseen}


def _count_unseen(ranked: IntArray, rows: IntArray, sides: npt.NDArray[np.uint8]) -> int:
    """Test rows that have classes, none of which has a training row."""
    has_any = np.zeros(len(sides), np.bool_)
    has_trained = np.zeros(len(sides), np.bool_)
    has_any[rows] = True
    has_trained[rows[ranked >= 0]] = True
    return int(np.count_nonzero(has_any & ~has_trained & (sides == TEST)))


def _distinct(rows: IntArray, ranked: IntArray) -> tuple[IntArray, IntArray]:
    """Each class of a row once, rising."""
    if np.all((rows[1:] > rows[:-1]) | ((rows[1:] == rows[:-1]) & (ranked[1:] > ranked[:-1]))):
        return rows, ranked
    order = np.lexsort((ranked, rows))
    rows, ranked = rows[order], ranked[order]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (rows[1:] != rows[:-1]) | (ranked[1:] != ranked[:-1])
    return rows[is_new], ranked[is_new]


def _milestones(counts: IntArray) -> list[list[int]]:
    """Classes and their training pairs: the 1, 2, 4 ... most frequent, and all."""
    totals = np.cumsum(counts)
    places = [1 << power for power in range(len(counts).bit_length()) if 1 << power < len(counts)]
    return [[place, int(totals[place - 1])] for place in [*places, len(counts)]]
