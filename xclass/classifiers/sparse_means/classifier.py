"""Class means of sparse features: one pass over the examples, then an inverted index.

Source: nearest class mean on tf-idf vectors, Rocchio in Manning, Raghavan, Schuetze, "Introduction to
Information Retrieval", 14.2; the query's nearest mean by cosine.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.inverted.memory import ENTRIES, LISTS, num_blocks
from xclass.classifiers.inverted.postings import Block, make_block, save_postings
from xclass.classifiers.inverted.search import as_queries
from xclass.classifiers.inverted.sums import SparseSums
from xclass.classifiers.model_folder import write_manifest
from xclass.classifiers.sparse_means.config import SparseMeansConfig
from xclass.classifiers.sparse_means.server import KIND
from xclass.encoders.base import Encoder
from xclass.encoders.sparse import normalise_rows
from xclass.shapes import ProblemShape


class SparseMeans:
    """One sparse vector of length 1 per class; see the config for memory."""

    def __init__(
        self, config: SparseMeansConfig, *, shape: ProblemShape, encoder: Encoder, seed: int
    ) -> None:
        """Keep the settings; nothing here is random."""
        self._config = config
        self._num_classes = shape.num_classes
        self._num_columns = encoder.dim
        self._blocks: list[Block] = []

    def warm_up(self) -> None:
        """Sum and turn round a toy matrix, so that scipy's code is part of the base."""
        toy = csr_array(np.eye(4, dtype=np.float32))
        blocks: list[Block] = []
        sums = SparseSums(np.ones(4, np.int64), 4, lambda _, pieces, __: blocks.append(make_block(pieces, 4)))
        sums.add(toy, np.arange(4))
        sums.close()

    def fit(self, feed: Feed) -> FitReport:
        """Take class means in one pass."""
        found: dict[int, Block] = {}
        num_examples, index_seconds = 0, 0.0

        def finish(block: int, pieces: list[csr_array], counts: npt.NDArray[np.int32]) -> None:
            nonlocal num_examples, index_seconds
            begun = time.perf_counter()
            num_examples += int(counts.sum())
            ends = np.cumsum([piece.shape[0] for piece in pieces])
            for at, (piece, end) in enumerate(zip(pieces, ends, strict=True)):
                # In its place: both at once would be twice the memory.
                pieces[at] = self._as_vectors(piece, counts[end - piece.shape[0] : end])
            found[block] = make_block(pieces, self._num_columns)
            index_seconds += time.perf_counter() - begun

        begun = time.perf_counter()
        sums = SparseSums(feed.class_counts(), self._num_columns, finish)
        for features, classes_B in feed.scan():
            sums.add(as_queries(features), classes_B)
        sums.close()
        self._blocks = [found[block] for block in range(num_blocks(self._num_classes))]
        num_entries = sum(len(block.rows) for block in self._blocks)
        return FitReport(
            examples_seen=num_examples,
            facts={
                "means_seconds": time.perf_counter() - begun - index_seconds,
                "index_seconds": index_seconds,
                "features_per_class": num_entries / self._num_classes,
            },
        )

    def save(self, folder: Path) -> None:
        """Write the index and the manifest."""
        save_postings(folder, self._blocks)
        write_manifest(
            folder,
            kind=KIND,
            shape={"num_classes": self._num_classes, "dim": self._num_columns},
            facts={"of_classes": self._num_classes},
        )

    def held_bytes(self) -> dict[str, int]:
        """Of the index."""
        return {
            ENTRIES: sum(block.entry_bytes for block in self._blocks),
            LISTS: sum(block.list_bytes for block in self._blocks),
        }

    def _as_vectors(self, sums: csr_array, counts: npt.NDArray[np.int32]) -> csr_array:
        """The largest weights of each row, at the length of its count; a sum points where its mean does."""
        if self._config.max_features:
            sums = _largest(sums, self._config.max_features)
        normalise_rows(sums)
        if self._config.count_power:
            lengths = np.maximum(counts, 1).astype(np.float32) ** np.float32(self._config.count_power)
            sums.data *= np.repeat(lengths, np.diff(sums.indptr))
        return sums


def _largest(rows: csr_array, most: int) -> csr_array:
    """The ``most`` largest values of each row, by size without sign; of equal ones the first columns."""
    rows.sort_indices()
    sizes = np.diff(rows.indptr)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-np.abs(rows.data), owners))
    ranks = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
    kept = np.sort(order[ranks < most])
    indptr = np.concatenate([[0], np.cumsum(np.minimum(sizes, most))])
    return csr_array((rows.data[kept], rows.indices[kept], indptr), shape=rows.shape)
