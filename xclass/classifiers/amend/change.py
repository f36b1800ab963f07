"""What is to change in a model: which rows go, which vectors come. Checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.class_ids import ClassIds
from xclass.data.base import FloatArray, IntArray, batch_ranges
from xclass.errors import ConfigError
from xclass.npy_file import map_npy

BLOCK_CLASSES = 1 << 14
"""Rows copied or converted at a time."""
_SHOWN = 5
_MIN_CLASSES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One amendment of one model, in rows.

    Attributes:
        num_classes: C, rows of the old model.
        dropped_R: rows that go, int64, rising, distinct.
        added_ND: vectors that come, shape (N, D), any float type, usually mapped.
        next_id: class id of the first added row.
    """

    num_classes: int
    dropped_R: IntArray
    added_ND: npt.NDArray[np.floating]
    next_id: int

    @property
    def num_kept(self) -> int:
        """Rows of the old model that stay."""
        return self.num_classes - len(self.dropped_R)

    @property
    def num_classes_after(self) -> int:
        """Rows of the new model."""
        return self.num_kept + len(self.added_ND)

    @property
    def next_id_after(self) -> int:
        """Id of the next class that is ever added."""
        return self.next_id + len(self.added_ND)

    def kept_rows(self) -> Iterator[IntArray]:
        """Rows that stay, in order, at most ``BLOCK_CLASSES`` at a time."""
        for start, stop in batch_ranges(self.num_classes, BLOCK_CLASSES):
            first, last = np.searchsorted(self.dropped_R, (start, stop))
            yield np.delete(np.arange(start, stop), self.dropped_R[first:last] - start)

    def added_blocks(self) -> Iterator[FloatArray]:
        """Vectors that come, float32, at most ``BLOCK_CLASSES`` at a time, each a copy."""
        for start, stop in batch_ranges(len(self.added_ND), BLOCK_CLASSES):
            yield np.array(self.added_ND[start:stop], dtype=np.float32)


def plan_change(
    class_ids: ClassIds,
    *,
    num_classes: int,
    dim: int,
    drop: npt.NDArray[np.integer] | None,
    add: npt.NDArray[np.floating] | None,
) -> Change:
    """Check what is wanted against the model.

    Args:
        class_ids: of the model's rows.
        num_classes: C.
        dim: D.
        drop: class ids, in any order; one that is named twice is dropped once.
        add: vectors (N, D).

    Raises:
        ConfigError: nothing to do, ids that the model has not, vectors it cannot take, too few classes left.

    Memory:
        8 bytes per dropped class, one block of vectors.
    """
    dropped_R = _rows_of(np.unique(drop), class_ids, num_classes) if drop is not None else _no_rows()
    added_ND = np.zeros((0, dim), dtype=np.float32) if add is None else add
    change = Change(
        num_classes=num_classes, dropped_R=dropped_R, added_ND=added_ND, next_id=class_ids.next_id
    )
    if added_ND.ndim != 2 or added_ND.shape[1] != dim:
        raise ConfigError(
            "--add",
            f"an array of shape {added_ND.shape}",
            allowed=f"one row of {dim} values for each new class",
            remedy="encode the examples as the model's queries are encoded",
        )
    if not len(dropped_R) and not len(added_ND):
        raise ConfigError("--add and --drop", "nothing", allowed="at least one class", remedy="see --help")
    if change.num_classes_after < _MIN_CLASSES:
        raise ConfigError(
            "--drop",
            f"{len(dropped_R)} of {num_classes} classes",
            allowed=f"what leaves at least {_MIN_CLASSES}",
            remedy="drop fewer, or add some in the same command",
        )
    _check_vectors(change)
    return change


def read_ids(words: str) -> npt.NDArray[np.integer]:
    """The class ids of ``--drop``: numbers between commas, or the name of a .npy file of integers.

    Raises:
        ConfigError: neither.
    """
    if words.endswith(".npy"):
        ids: npt.NDArray[np.integer] = _open_array("--drop", words)
        if ids.dtype.kind not in "iu" or ids.ndim != 1:
            raise ConfigError(
                "--drop",
                words,
                allowed=f"one axis of integers, not {ids.dtype} of shape {ids.shape}",
                remedy="np.save(name, np.array(ids, dtype=np.int64))",
            )
        return ids
    try:
        return np.array([int(word) for word in words.split(",")], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            "--drop", words, allowed="class ids between commas, or a .npy file", remedy="e.g. --drop 3,17,99"
        ) from error


def read_vectors(path: str) -> npt.NDArray[np.floating]:
    """The vectors of ``--add``, mapped.

    Raises:
        ConfigError: not a .npy file of real floating-point values.
    """
    vectors_ND: npt.NDArray[np.floating] = _open_array("--add", path)
    if vectors_ND.dtype.kind != "f":
        raise ConfigError(
            "--add", path, allowed=f"float16, float32 or float64, not {vectors_ND.dtype}",
            remedy="np.save(name, vectors.astype(np.float32))",
        )  # fmt: skip
    return vectors_ND


def _open_array(key: str, path: str) -> npt.NDArray[Any]:
    try:
        return map_npy(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            key, path, allowed=f"a readable .npy file ({error})", remedy="write it with np.save"
        ) from error


def _no_rows() -> IntArray:
    return np.zeros(0, dtype=np.int64)


def _rows_of(ids_R: npt.NDArray[np.integer], class_ids: ClassIds, num_classes: int) -> IntArray:
    """Rows of rising ids; the ids of rows rise too, so that no table of the inverse is needed."""
    if class_ids.ids_C is None:
        rows_R = ids_R
        is_there = (ids_R >= 0) & (ids_R < num_classes)
    else:
        rows_R = np.searchsorted(class_ids.ids_C, ids_R)
        is_there = class_ids.ids_C[np.minimum(rows_R, num_classes - 1)] == ids_R
    if not is_there.all():
        missing = ids_R[~is_there]
        shown = ",".join(map(str, missing[:_SHOWN])) + (",..." if len(missing) > _SHOWN else "")
        raise ConfigError(
            "--drop",
            shown,
            allowed=f"classes of this model: {num_classes} with ids below {class_ids.next_id}",
            remedy="ids that were dropped before are not there any more",
        )
    return rows_R.astype(np.int64)


def _check_vectors(change: Change) -> None:
    """Every vector is finite and has a direction."""
    row = 0
    for block in change.added_blocks():
        squares = np.einsum("cd,cd->c", block, block, dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(squares) | (squares == 0))
        if len(wrong):
            raise ConfigError(
                "--add",
                f"row {row + wrong[0]}",
                allowed="finite values in float32, not all of them 0",
                remedy="leave that row out",
            )
        row += len(block)
