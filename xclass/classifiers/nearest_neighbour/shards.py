"""The indexes of a model: one, or shards of consecutive classes that are searched as one.

A shard knows nothing of the others: it numbers its vectors from 0, has centroids and codes of its own, and is
probed with the effort that is set for all. What each finds is merged by score.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.model_folder import MANIFEST
from xclass.classifiers.nearest_neighbour.index_config import MAX_SHARDS
from xclass.classifiers.nearest_neighbour.index_parts import decode_rows
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError

INDEX_FILE = "index.faiss"
LISTS_FILE = "lists.ivfdata"
"""Inverted lists that were built on the disk."""
NUM_SHARDS = "shards"
"""Fact of the manifest: how many indexes the model has; without it one, in INDEX_FILE."""

_FAST_SCAN = (b"IPfs", b"IwPf")
"""First bytes of such a file, without and with lists. Source: faiss/impl/index_write.cpp, ``fourcc`` of
IndexPQFastScan and IndexIVFPQFastScan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardFiles:
    """Names of the files of one index in its model's folder."""

    index: str
    lists: str


def shard_files(num_shards: int) -> list[ShardFiles]:
    """Of every shard, in order of its classes."""
    if num_shards == 1:
        return [ShardFiles(index=INDEX_FILE, lists=LISTS_FILE)]
    names = [f"shard-{number}" for number in range(num_shards)]
    return [ShardFiles(index=f"{name}.faiss", lists=f"{name}.ivfdata") for name in names]


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedIndex:
    """One index, opened."""

    index: Any
    num_bytes: int
    """Of its file, and of lists in another one."""
    is_copied: bool
    """Nothing of it could be mapped."""


class Shards:
    """Indexes over consecutive rows: the first ones in the first.

    Memory:
        O(Q k) per search, twice while the answers of two shards are merged.
    """

    def __init__(self, opened: list[OpenedIndex]) -> None:
        """Keep them; at least one, all of one dimension and metric."""
        self.opened = opened
        self.indexes = [one.index for one in opened]
        self._starts = np.cumsum([0, *(int(index.ntotal) for index in self.indexes)])

    @property
    def num_rows(self) -> int:
        """Vectors in all of them."""
        return int(self._starts[-1])

    @property
    def dim(self) -> int:
        """Of a vector."""
        return int(self.indexes[0].d)

    @property
    def is_l2(self) -> bool:
        """Ordered by L2 distance, else by inner product."""
        return bool(self.indexes[0].metric_type == faiss.METRIC_L2)

    def search(self, queries_QD: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """The k best rows of all shards: exactly those that each of them gives, merged.

        Args:
            queries_QD: float32, contiguous.
            k: wanted.

        Returns:
            scores_QK, which rise with nearness (negated L2 distances), and rows_QK, int64; -1 where there
            were fewer. Of equal scores the smaller row comes first; in a single index FAISS decides, which by
            inner product puts the larger first (faiss/utils/Heap.h, ``heap_reorder`` by ``cmp2``).
        """
        scores_QK, rows_QK = self._search_one(0, queries_QD, k)
        for number in range(1, len(self.indexes)):
            scores, rows = self._search_one(number, queries_QD, k)
            scores = np.concatenate((scores_QK, scores), axis=1)
            rows = np.concatenate((rows_QK, rows), axis=1)
            best_QK = np.lexsort((rows, -scores), axis=1)[:, :k]
            scores_QK = np.take_along_axis(scores, best_QK, axis=1)
            rows_QK = np.take_along_axis(rows, best_QK, axis=1)
        return scores_QK, rows_QK

    def vectors(self, rows_B: IntArray) -> FloatArray:
        """What the codes say of these rows, shape (B, D)."""
        vectors_BD = np.empty((len(rows_B), self.dim), dtype=np.float32)
        owners_B = np.searchsorted(self._starts, rows_B, side="right") - 1
        for number in np.unique(owners_B):
            is_here = owners_B == number
            vectors_BD[is_here] = decode_rows(self.indexes[number], rows_B[is_here] - self._starts[number])
        return vectors_BD

    def _search_one(self, number: int, queries_QD: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        scores_QK, rows_QK = self.indexes[number].search(queries_QD, k)
        if self.is_l2:
            scores_QK = -scores_QK
        if len(self.indexes) > 1:
            # Else what was not found would come before the last that was.
            scores_QK[rows_QK < 0] = -np.inf
            rows_QK = np.where(rows_QK < 0, rows_QK, rows_QK + self._starts[number])
        return scores_QK, rows_QK


def open_shards(folder: Path, manifest: dict[str, Any]) -> Shards:
    """Map the indexes of a model.

    Args:
        folder: of the model.
        manifest: of it, read and checked.

    Raises:
        ModelError: a file that FAISS cannot read, or not as many vectors as the manifest says.
    """
    num_shards = manifest["facts"].get(NUM_SHARDS, 1)
    if not isinstance(num_shards, int) or not 1 <= num_shards <= MAX_SHARDS:
        raise ModelError(
            f"{folder / MANIFEST}: facts.{NUM_SHARDS}={num_shards!r}: not a number from 1 to {MAX_SHARDS}; "
            "build the index again"
        )
    shards = Shards([_open(folder, files, manifest) for files in shard_files(num_shards)])
    is_mixed = len({(index.d, index.metric_type) for index in shards.indexes}) > 1
    if is_mixed or (shards.num_rows, shards.dim) != (manifest["num_classes"], manifest["dim"]):
        place = folder / (INDEX_FILE if num_shards == 1 else "shard-*.faiss")
        raise ModelError(
            f"{place}: {shards.num_rows} vectors of {shards.dim} values, not {manifest['num_classes']} of "
            f"{manifest['dim']}; build the index again"
        )
    return shards


def _open(folder: Path, files: ShardFiles, manifest: dict[str, Any]) -> OpenedIndex:
    path = folder / files.index
    # Lists built on the disk are found beside the index, wherever the folder was moved to.
    is_on_disk = files.lists in manifest["files"]
    try:
        flags = _open_flags(path, is_on_disk=is_on_disk)
        index = faiss.read_index(str(path), flags)
        num_bytes = path.stat().st_size
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: FAISS cannot read it ({reason}); build the index again") from error
    if is_on_disk:
        num_bytes += (folder / files.lists).stat().st_size
    return OpenedIndex(index=index, num_bytes=num_bytes, is_copied=flags == 0)


def _open_flags(path: Path, *, is_on_disk: bool) -> int:
    """How to open an index so that as little as possible is copied into memory."""
    if is_on_disk:
        return int(faiss.IO_FLAG_ONDISK_SAME_DIR | faiss.IO_FLAG_READ_ONLY)
    with path.open("rb") as file:
        kind = file.read(4)
    # The codes of fast-scan indexes are always copied; copied from a map, they would be resident twice.
    return 0 if kind in _FAST_SCAN else int(faiss.IO_FLAG_MMAP_IFC)
