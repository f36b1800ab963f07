"""Answers from napkinXC's saved trees: exact best-first search along the paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napkinxc.models import PLT
from scipy.sparse import csr_matrix

from xclass.classifiers.base import Answers, listed_answers
from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.plt.config import TREES
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded

KIND = "napkinxc"
WEIGHTS = "weights.bin"


class PltServer:
    """All weights in memory: napkinXC maps nothing."""

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._tree: Any = None
        self._held: dict[str, int] = {}

    def warm_up(self) -> None:
        """Nothing beyond its import: a model comes from files alone."""

    def load(self, folder: Path) -> None:
        """Read napkinXC's files.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        read_manifest(folder, kind=KIND)
        # As hash maps they would answer in half the time and take 1.7 times the memory.
        self._tree = PLT(str(folder), load_as="sparse", threads=self._threads)
        self._tree.load()
        self._held = {TREES: (folder / WEIGHTS).stat().st_size}

    def search(self, queries_QD: Encoded, k: int) -> Answers:
        """The k classes with the largest probabilities."""
        assert self._tree is not None, "load() comes first"
        rows = csr_matrix(queries_QD)
        return listed_answers(self._tree.predict_proba(rows, top_k=k), rows.shape[0], k)

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """None: a class is a path of classifiers here."""
        return None

    def held_bytes(self) -> dict[str, int]:
        """The weights, by their file: napkinXC does not say what it holds."""
        return dict(self._held)
