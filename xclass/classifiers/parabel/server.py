"""Answers from omikuji's saved trees, by beam search."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import omikuji
from scipy.sparse import csr_matrix

from xclass.classifiers.base import Answers, listed_answers
from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.parabel.config import TREES, held_in_memory
from xclass.classifiers.silence import silenced
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded

KIND = "omikuji"


class ParabelServer:
    """All trees in memory: omikuji maps nothing."""

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._model: Any = None
        self._beam_size = 0
        self._held: dict[str, int] = {}

    def warm_up(self) -> None:
        """Nothing beyond its import: a model comes from files alone."""

    def load(self, folder: Path) -> None:
        """Read omikuji's files.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("beam_size",))
        self._beam_size = manifest["facts"]["beam_size"]
        with silenced():
            self._model = omikuji.Model.load(str(folder))
        self._model.init_prediction_thread_pool(self._threads)
        self._held = {TREES: tree_bytes(folder)}

    def search(self, queries_QD: Encoded, k: int) -> Answers:
        """The k best classes of the leaves that the beam reaches."""
        assert self._model is not None, "load() comes first"
        rows = csr_matrix(queries_QD)
        rows.sort_indices()
        places, values, starts = rows.indices.tolist(), rows.data.tolist(), rows.indptr.tolist()
        features = (
            list(zip(places[start:stop], values[start:stop], strict=True)) for start, stop in pairwise(starts)
        )
        found = (self._model.predict(row, beam_size=self._beam_size, top_k=k) for row in features)
        return listed_answers(found, rows.shape[0], k)

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """None: a class is a path of classifiers here."""
        return None

    def held_bytes(self) -> dict[str, int]:
        """The trees, by their files."""
        return dict(self._held)


def tree_bytes(folder: Path) -> int:
    """Of saved trees in memory."""
    return held_in_memory(sum(path.stat().st_size for path in folder.glob("tree*.cbor")))
