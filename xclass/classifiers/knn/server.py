"""Answers queries from the training examples nearest to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.inverted.postings import Postings, open_postings
from xclass.classifiers.inverted.search import InvertedSearch, as_queries
from xclass.classifiers.knn.config import CLASSES_OF_EXAMPLES, EXAMPLES
from xclass.classifiers.knn.votes import Votes
from xclass.classifiers.model_folder import check_num_classes, map_array, read_manifest
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded
from xclass.shapes import MAPPED

KIND = "knn"
CLASSES_FILE, STARTS_FILE = "example_classes.npy", "example_starts.npy"
EXAMPLES_FILE = "examples.npy"


class KnnServer:
    """A class's score is the sum of the cosines of its examples among the nearest ones.

    Memory:
        the mapped examples once every page was touched; 257 KiB per thread or the scratch of faiss.knn.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._search: InvertedSearch | None = None
        self._postings: Postings | None = None
        self._examples_ND: npt.NDArray[Any] | None = None
        self._votes: Votes | None = None

    def warm_up(self) -> None:
        """Compile the search, or load it; and FAISS."""
        warm_up_faiss(self._threads)
        InvertedSearch(threads=1)

    def load(self, folder: Path) -> None:
        """Map the examples.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        wanted = ("num_examples", "num_pairs", "neighbours", "of_classes")
        manifest = read_manifest(folder, kind=KIND, facts=wanted)
        check_num_classes(folder, manifest)
        facts, dim = manifest["facts"], manifest["dim"]
        num_examples: int = facts["num_examples"]
        has_several = STARTS_FILE in manifest["files"]
        self._votes = Votes(
            classes=map_array(folder / CLASSES_FILE, (facts["num_pairs"],), np.uint32),
            starts_N=map_array(folder / STARTS_FILE, (num_examples + 1,), np.int64) if has_several else None,
            num_classes=manifest["num_classes"],
            num_examples=num_examples,
            neighbours=facts["neighbours"],
        )
        if EXAMPLES_FILE in manifest["files"]:
            self._examples_ND = map_array(folder / EXAMPLES_FILE, (num_examples, dim))
        else:
            self._postings = open_postings(folder, num_rows=num_examples, num_columns=dim)
            self._search = InvertedSearch(threads=self._threads)

    def search(self, queries_QM: Encoded, k: int) -> Answers:
        """The k classes with the most votes; -1 where fewer share a feature with the query."""
        assert self._votes is not None, "load() comes first"
        if self._examples_ND is not None:
            return self._votes.count(unit_vectors(queries_QM), k, self._nearest_dense)
        return self._votes.count(as_queries(queries_QM), k, self._nearest_sparse)

    def class_vectors(self, classes_B: IntArray) -> None:
        """It has none: every example is one."""

    def held_bytes(self) -> dict[str, int]:
        """The mapped examples and their classes."""
        if self._votes is None:
            return {}
        held = {f"{CLASSES_OF_EXAMPLES}{MAPPED}": self._votes.mapped_bytes}
        if self._examples_ND is not None:
            return held | {f"{EXAMPLES}{MAPPED}": self._examples_ND.nbytes}
        return held | (self._postings.held_bytes() if self._postings is not None else {})

    def _nearest_dense(self, queries_QD: FloatArray, number: int) -> tuple[FloatArray, IntArray]:
        cosines_QN, rows_QN = faiss.knn(
            queries_QD, self._examples_ND, number, metric=faiss.METRIC_INNER_PRODUCT
        )
        return cosines_QN, rows_QN

    def _nearest_sparse(self, queries: Any, number: int) -> tuple[FloatArray, IntArray]:
        assert self._search is not None
        assert self._postings is not None
        return self._search.search(self._postings, queries, number)


def unit_vectors(vectors_BD: FloatArray) -> FloatArray:
    """A copy with rows of length 1, contiguous; zeros stay zeros."""
    lengths_B = np.sqrt(np.einsum("bd,bd->b", vectors_BD, vectors_BD))
    scaled_BD: FloatArray = np.ascontiguousarray(vectors_BD / np.maximum(lengths_B, 1e-12)[:, None])
    return scaled_BD
