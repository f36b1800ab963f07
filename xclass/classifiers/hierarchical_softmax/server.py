"""Answers from the saved tree: from the root down, what cannot be among the best k any more left aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.hierarchical_softmax.config import CHILDREN_FILE, KIND, VECTORS_FILE
from xclass.classifiers.hierarchical_softmax.search import search_tree
from xclass.classifiers.model_folder import map_array, read_manifest
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError
from xclass.shapes import MAPPED


class TreeServer:
    """The k most probable classes, their scores logs of probabilities. numpy only.

    Memory:
        file pages of what searches touch, ``4 (C - 1) D + 8 (C - 1)`` once all were; per call see
        :func:`xclass.classifiers.hierarchical_softmax.search.search_tree`.
    """

    def __init__(self, *, threads: int) -> None:
        """A search runs on one thread."""
        self._vectors_ID: npt.NDArray[Any] | None = None
        self._children: npt.NDArray[Any] = np.zeros((0, 2), np.int32)
        self._num_kept = 0
        self._file = Path(CHILDREN_FILE)

    def warm_up(self) -> None:
        """One search in a tree of two classes."""
        search_tree(np.zeros((1, 2), np.float32), np.array([[0, 1]]), np.zeros((1, 2), np.float32), 1, 1)

    def load(self, folder: Path) -> None:
        """Map vectors and tree.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("num_kept",))
        num_questions = manifest["num_classes"] - 1
        self._vectors_ID = map_array(folder / VECTORS_FILE, (num_questions, manifest["dim"]))
        self._file = folder / CHILDREN_FILE
        self._children = map_array(self._file, (num_questions, 2), np.int32)
        self._num_kept = int(manifest["facts"]["num_kept"])

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k most probable classes: exact unless ``num_kept`` cut a level short.

        Raises:
            ModelError: the tree leads out of itself; looking through all of it when it is opened would touch
                every page.
        """
        assert self._vectors_ID is not None, "load() comes first"
        try:
            return search_tree(self._vectors_ID, self._children, queries_QD, k, self._num_kept)
        except IndexError as error:
            raise ModelError(
                f"{self._file}: a child that is none ({error}); train the model again"
            ) from error

    def class_vectors(self, classes_B: IntArray) -> None:
        """None: a class is a path."""
        return

    def held_bytes(self) -> dict[str, int]:
        """The two mapped files."""
        if self._vectors_ID is None:
            return {}
        return {
            f"question vectors{MAPPED}": self._vectors_ID.nbytes,
            f"tree{MAPPED}": self._children.nbytes,
        }
