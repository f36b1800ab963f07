"""Exact answers over class vectors that are made anew, block by block, for every batch of queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.block_search import search_blocks
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.frozen_vectors.config import KIND, MAP_FILE
from xclass.classifiers.frozen_vectors.signs import SignVectors
from xclass.classifiers.model_folder import MANIFEST, map_array, read_manifest
from xclass.classifiers.weights.serving import block_classes
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError
from xclass.shapes import MAPPED


class FrozenServer:
    """Maximum inner product over all classes, none of which has a stored byte.

    Memory:
        ``4 D**2`` bytes of file pages; per call a block of P class vectors, ``4 P D`` (4 MiB up to D = 256),
        what making them takes, and faiss's product of a batch with 1024 of them.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._map_DD: npt.NDArray[Any] | None = None
        self._vectors: SignVectors | None = None
        self._num_classes = 0

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._threads)

    def load(self, folder: Path) -> None:
        """Map the map of inputs.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("seed", "num_named_classes"))
        facts, num_classes, dim = manifest["facts"], manifest["num_classes"], manifest["dim"]
        if num_classes != facts["num_named_classes"]:
            raise ModelError(
                f"{folder / MANIFEST}: {num_classes} classes, of which {facts['num_named_classes']} were "
                "trained for; the model is damaged, train it again"
            )
        self._map_DD = map_array(folder / MAP_FILE, (dim, dim))
        self._vectors = SignVectors(dim=dim, seed=int(facts["seed"]))
        self._num_classes = num_classes

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k classes with the largest inner products, exact."""
        assert self._map_DD is not None, "load() comes first"
        vectors, dim = self._vectors, self._map_DD.shape[1]
        assert vectors is not None
        size = min(self._num_classes, block_classes(dim))
        scratch_PD = np.empty((size, dim), np.float32)

        def block(start: int, stop: int) -> FloatArray:
            return vectors.of(np.arange(start, stop), out=scratch_PD[: stop - start])

        mapped_QD = np.ascontiguousarray(queries_QD) @ self._map_DD.T
        scores_QK, classes_QK = search_blocks(
            mapped_QD, k, num_classes=self._num_classes, block_size=size, block=block
        )
        return Answers(classes_QK=classes_QK, scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> FloatArray:
        """What queries are multiplied with, the map taken in, shape (B, D)."""
        assert self._map_DD is not None, "load() comes first"
        assert self._vectors is not None
        vectors_BD: FloatArray = self._vectors.of(classes_B) @ self._map_DD
        return vectors_BD

    def held_bytes(self) -> dict[str, int]:
        """The mapped map of inputs."""
        return {} if self._map_DD is None else {f"map of inputs{MAPPED}": self._map_DD.nbytes}
