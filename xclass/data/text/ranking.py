"""Final ids of classes: by falling frequency, equal ones in the order of their first appearance."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray, batch_ranges
from xclass.data.text_store import TextStore, TextWriter, store_files

_CHUNK = 1 << 14


def write_ranked(folder: Path, *, num_train_C: IntArray, num_examples: dict[str, int]) -> None:
    """Write the sets of both sides with final ids, names in their order, and the counts.

    Args:
        folder: with what :class:`xclass.data.text.staging.SplitWriter` left; staged files are removed.
        num_train_C: training pairs of each class, in the order of first appearance.
        num_examples: of ``train`` and of ``test``.

    Memory: ``20 C`` bytes.
    """
    order = np.argsort(-num_train_C, kind="stable")
    num_train_C[order].tofile(folder / "class_counts.i8")
    _write_names(folder, order)
    rank_C = np.empty(len(order), np.uint32)
    rank_C[order] = np.arange(len(order), dtype=np.uint32)
    for side, number in num_examples.items():
        _write_sets(folder, side, number, rank_C)


def _write_names(folder: Path, order: IntArray) -> None:
    staged = TextStore(folder, "names_staged", num_texts=len(order))
    with closing(TextWriter(folder, "names")) as writer:
        for start, stop in batch_ranges(len(order), _CHUNK):
            names, starts = staged.gather(order[start:stop])
            writer.append(names, np.diff(starts))
        writer.finish()
    _remove(folder, "names_staged", np.uint8)


def _write_sets(folder: Path, side: str, num_examples: int, rank_C: npt.NDArray[np.uint32]) -> None:
    staged = TextStore(folder, f"{side}_staged", num_texts=num_examples, dtype=np.uint32)
    with closing(TextWriter(folder, f"{side}_sets", dtype=np.uint32)) as writer:
        for start, stop in batch_ranges(num_examples, _CHUNK):
            ids, starts = staged.slice(start, stop)
            ranks, sizes = rank_C[ids], np.diff(starts)
            if len(ranks) > len(sizes):
                ranks = ranks[np.lexsort((ranks, np.repeat(np.arange(len(sizes)), sizes)))]
            writer.append(ranks, sizes)
        writer.finish()
    _remove(folder, f"{side}_staged", np.uint32)


def _remove(folder: Path, stem: str, dtype: type[np.generic]) -> None:
    for name in store_files(stem, dtype):
        (folder / name).unlink()
