"""Arrays with one row per class, copied block by block: rows that go are left out, new ones appended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.amend.change import BLOCK_CLASSES, Change
from xclass.classifiers.class_ids import CLASS_IDS, ClassIds
from xclass.classifiers.weights.bfloat16 import round_nearest, to_float32
from xclass.data.base import FloatArray

_SAMPLED_CLASSES = 1 << 16
"""Class vectors whose lengths are looked at: the median of so many is known to 1 % of the spread."""


def amend_rows(
    source_CD: npt.NDArray[Any],
    target: Path,
    change: Change,
    prepare: Callable[[FloatArray], npt.NDArray[Any]],
) -> None:
    """Write a .npy file of the rows that stay, followed by the new ones.

    Args:
        source_CD: shape (C, D), mapped.
        target: file to write.
        change: which rows.
        prepare: gives a block of new vectors (n, D) the form of the source: length and type.

    Raises:
        OSError: the disk is full.

    Memory:
        one block of the source, ``BLOCK_CLASSES`` rows, and one of the new vectors, whatever C is.
    """
    with target.open("wb") as file:
        write_header(file, source_CD, (change.num_classes_after, *source_CD.shape[1:]))
        for rows in change.kept_rows():
            source_CD[rows].tofile(file)
        for block in change.added_blocks():
            np.ascontiguousarray(prepare(block), dtype=source_CD.dtype).tofile(file)


def amend_class_ids(class_ids: ClassIds, folder: Path, change: Change) -> None:
    """Write ``classes.npy`` where ids and rows of the new model differ.

    Memory:
        one block of ids.
    """
    last_row = change.num_classes_after - 1
    if change.next_id_after - 1 == last_row or (class_ids.ids_C is None and _drops_the_end(change)):
        return
    with (folder / CLASS_IDS).open("wb") as file:
        write_header(file, np.zeros(0, dtype=np.int64), (change.num_classes_after,))
        for rows in change.kept_rows():
            class_ids.name(rows).astype(np.int64).tofile(file)
        np.arange(change.next_id, change.next_id_after, dtype=np.int64).tofile(file)


def amend_head(weights_CD: npt.NDArray[Any], target: Path, change: Change) -> None:
    """Write the class vectors of a softmax head; new ones get the median length of those that stay.

    A class vector's length is the scale of its log posteriors. A head started from class means has one
    length for all, and training moves it by frequency; the median is that of an ordinary class. Only the
    direction of a new class comes from its examples.

    Source: weight imprinting, Qi, Brown, Lowe, "Low-Shot Learning with Imprinted Weights", CVPR 2018, 3.2.

    Memory:
        ``4 D min(C, 65536)`` while lengths are looked at, else as :func:`amend_rows`.
    """
    is_low = weights_CD.dtype == np.uint16
    length = median_length(weights_CD, change) if len(change.added_ND) else 1.0

    def prepare(block: FloatArray) -> npt.NDArray[Any]:
        scaled = with_length(block, length)
        return round_nearest(scaled) if is_low else scaled

    amend_rows(weights_CD, target, change, prepare)


def median_length(weights_CD: npt.NDArray[Any], change: Change) -> float:
    """Median length of at most 65536 evenly spaced class vectors that stay, float32 or bfloat16 bits."""
    step = max(1, -(-change.num_classes // _SAMPLED_CLASSES))
    rows = np.setdiff1d(np.arange(0, change.num_classes, step), change.dropped_R, assume_unique=True)
    lengths = []
    for start in range(0, len(rows), BLOCK_CLASSES):
        block = weights_CD[rows[start : start + BLOCK_CLASSES]]
        block = to_float32(block) if block.dtype == np.uint16 else block
        lengths.append(np.sqrt(np.einsum("cd,cd->c", block, block)))
    found = np.concatenate(lengths) if lengths else np.zeros(0)
    found = found[found > 0]
    return float(np.median(found)) if len(found) else 1.0


def with_length(vectors_ND: FloatArray, length: float) -> FloatArray:
    """The same directions, all of one length."""
    lengths_N = np.sqrt(np.einsum("cd,cd->c", vectors_ND, vectors_ND, dtype=np.float64))
    scaled_ND: FloatArray = (vectors_ND * (length / lengths_N)[:, None]).astype(np.float32)
    return scaled_ND


def _drops_the_end(change: Change) -> bool:
    """Only the last rows go and nothing comes: the rest is still 0, 1, 2, ..."""
    is_tail = change.dropped_R == np.arange(change.num_kept, change.num_classes)
    return not len(change.added_ND) and bool(np.all(is_tail))


def write_header(file: Any, like: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    """Begin a .npy file of this shape, with values as those of ``like``, that are written behind it."""
    descr = np.lib.format.dtype_to_descr(like.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    file.flush()  # tofile writes through the descriptor, past this buffer
