"""Answers queries from saved sparse class means: exact top-k by cosine."""

from __future__ import annotations

from pathlib import Path

from xclass.classifiers.base import Answers
from xclass.classifiers.inverted.postings import Postings, open_postings
from xclass.classifiers.inverted.search import InvertedSearch, as_queries
from xclass.classifiers.model_folder import check_num_classes, read_manifest
from xclass.data.base import IntArray
from xclass.encoders.base import Encoded

KIND = "sparse_means"


class SparseMeansServer:
    """Scores are cosines, up to the precision of a weight in one byte.

    Memory:
        the mapped index once every page was touched, and the scratch of
        :class:`xclass.classifiers.inverted.search.InvertedSearch`.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._search: InvertedSearch | None = None
        self._postings: Postings | None = None

    def warm_up(self) -> None:
        """Compile the search, or load it."""
        InvertedSearch(threads=1)

    def load(self, folder: Path) -> None:
        """Map the index.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("of_classes",))
        check_num_classes(folder, manifest)
        self._postings = open_postings(folder, num_rows=manifest["num_classes"], num_columns=manifest["dim"])
        self._search = InvertedSearch(threads=self._threads)

    def search(self, queries_QM: Encoded, k: int) -> Answers:
        """The k classes of the largest cosines; -1 where fewer share a feature with the query."""
        assert self._postings is not None, "load() comes first"
        assert self._search is not None
        scores_QK, rows_QK = self._search.search(self._postings, as_queries(queries_QM), k)
        return Answers(classes_QK=rows_QK, scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> None:
        """Too wide for a matrix of floats: None."""

    def held_bytes(self) -> dict[str, int]:
        """The mapped index."""
        return {} if self._postings is None else self._postings.held_bytes()
