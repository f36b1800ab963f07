"""Keeps every training example as it comes: sparse ones by feature, dense ones as a matrix.

Source: Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on Information Theory
1967; votes by similarity, Dudani, "The distance-weighted k-nearest-neighbor rule", IEEE Transactions on
Systems, Man, and Cybernetics 1976.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.inverted.memory import BLOCK_ROWS, ENTRIES, LISTS
from xclass.classifiers.inverted.postings import Block, make_block, save_postings
from xclass.classifiers.knn.config import CLASSES_OF_EXAMPLES, EXAMPLES, KnnConfig
from xclass.classifiers.knn.server import CLASSES_FILE, EXAMPLES_FILE, KIND, STARTS_FILE, unit_vectors
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class Knn:
    """Training examples of length 1 with their classes; see the config for memory."""

    def __init__(self, config: KnnConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the settings; nothing here is random."""
        self._neighbours = config.neighbours
        self._num_classes = shape.num_classes
        self._num_columns = encoder.dim
        self._blocks: list[Block] = []
        self._filling: list[csr_array] = []
        self._examples_ND: FloatArray | None = None
        self._classes: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._starts: IntArray | None = None

    def warm_up(self) -> None:
        """Turn a toy matrix round; and FAISS, which serves dense vectors."""
        warm_up_faiss(1)
        make_block([csr_array(np.eye(4, dtype=np.float32))], 4)

    def fit(self, feed: Feed) -> FitReport:
        """Take every example once."""
        assert self._num_classes <= 1 << 32
        begun = time.perf_counter()
        self._classes = np.empty(feed.num_scan, np.uint32)
        sizes_N = np.ones(feed.num_examples, np.int64)
        num_examples = num_classes = 0
        for features, sets in feed.examples():
            stop = num_examples + len(sets)
            sizes_N[num_examples:stop] = np.diff(sets.starts)
            self._classes[num_classes : num_classes + len(sets.classes)] = sets.classes
            if isinstance(features, np.ndarray):
                self._keep_dense(features, num_examples, feed.num_examples)
            else:
                self._keep_sparse(features)
            num_examples, num_classes = stop, num_classes + len(sets.classes)
        self._finish_block()
        self._classes = self._classes[:num_classes]
        if num_classes != num_examples:
            self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes_N)])
        return FitReport(examples_seen=num_examples, facts={"examples_seconds": time.perf_counter() - begun})

    def save(self, folder: Path) -> None:
        """Write the examples, their classes and the manifest."""
        save_array(folder / CLASSES_FILE, self._classes)
        if self._starts is not None:
            save_array(folder / STARTS_FILE, self._starts)
        if self._examples_ND is not None:
            save_array(folder / EXAMPLES_FILE, self._examples_ND)
        else:
            save_postings(folder, self._blocks)
        num_examples = len(self._classes) if self._starts is None else len(self._starts) - 1
        write_manifest(
            folder,
            kind=KIND,
            shape={"num_classes": self._num_classes, "dim": self._num_columns},
            facts={
                "num_examples": num_examples,
                "num_pairs": len(self._classes),
                "neighbours": self._neighbours,
                "of_classes": self._num_classes,
            },
        )

    def held_bytes(self) -> dict[str, int]:
        """Of the examples and their classes."""
        starts = 0 if self._starts is None else self._starts.nbytes
        held = {CLASSES_OF_EXAMPLES: self._classes.nbytes + starts}
        if self._examples_ND is not None:
            return held | {EXAMPLES: self._examples_ND.nbytes}
        return held | {
            ENTRIES: sum(block.entry_bytes for block in self._blocks),
            LISTS: sum(block.list_bytes for block in self._blocks),
        }

    def _keep_dense(self, vectors_BD: FloatArray, start: int, num_examples: int) -> None:
        if self._examples_ND is None:
            self._examples_ND = np.empty((num_examples, vectors_BD.shape[1]), np.float32)
        self._examples_ND[start : start + len(vectors_BD)] = unit_vectors(vectors_BD)

    def _keep_sparse(self, rows: csr_array) -> None:
        room = BLOCK_ROWS - sum(piece.shape[0] for piece in self._filling)
        self._filling.append(rows[:room])
        if rows.shape[0] >= room:
            self._finish_block()
            self._filling = [rows[room:]]

    def _finish_block(self) -> None:
        if any(piece.shape[0] for piece in self._filling):
            self._blocks.append(make_block(self._filling, self._num_columns))
        self._filling = []
