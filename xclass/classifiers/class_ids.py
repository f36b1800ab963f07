"""Which class a row of a saved model is: row i is class i until classes have been dropped.

Class ids are for ever: one that was dropped is never given again. Where rows and ids differ, the folder
holds the ids as ``classes.npy``; every server passes its answers through :meth:`ClassIds.name`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.model_folder import map_array
from xclass.data.base import IntArray
from xclass.errors import ModelError

CLASS_IDS = "classes.npy"
NEXT_CLASS = "next_class"
"""Fact of the manifest: the id that the next added class gets; without it, the number of classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassIds:
    """The ids of the rows.

    Attributes:
        ids_C: shape (C,), int64, rising, mapped; None where row i is class i.
        next_id: greater than every id that was ever given.
    """

    ids_C: IntArray | None
    next_id: int

    def name(self, rows_QK: IntArray) -> IntArray:
        """The class of each row; -1 (nothing found) stays -1."""
        if self.ids_C is None:
            return rows_QK
        named_QK: IntArray = np.where(rows_QK < 0, np.int64(-1), self.ids_C[rows_QK])
        return named_QK

    def has(self, classes_B: IntArray) -> bool:
        """Whether each of these classes has a row."""
        if self.ids_C is None:
            return bool(np.all((classes_B >= 0) & (classes_B < self.next_id)))
        rows_B = np.minimum(np.searchsorted(self.ids_C, classes_B), len(self.ids_C) - 1)
        return bool(np.array_equal(self.ids_C[rows_B], classes_B))

    def rows(self, classes_B: IntArray) -> IntArray:
        """The row of each class, which must have one."""
        if self.ids_C is None:
            return classes_B
        rows_B: IntArray = np.searchsorted(self.ids_C, classes_B)
        assert np.array_equal(self.ids_C[rows_B], classes_B)
        return rows_B

    def held_bytes(self) -> dict[str, int]:
        """The mapped file."""
        return {} if self.ids_C is None else {"class ids (mapped)": self.ids_C.nbytes}


def open_class_ids(folder: Path, manifest: dict[str, Any]) -> ClassIds:
    """The ids of a model's rows.

    Args:
        folder: of the model.
        manifest: of that folder, checked.

    Raises:
        ModelError: the file of ids is damaged or not of this model.

    Memory:
        8 C bytes of file pages once all were touched, where ids and rows differ; else none.
    """
    num_classes: int = manifest["num_classes"]
    next_id: int = manifest["facts"].get(NEXT_CLASS, num_classes)
    if CLASS_IDS not in manifest["files"]:
        return ClassIds(ids_C=None, next_id=next_id)
    path = folder / CLASS_IDS
    ids_C = map_array(path, (num_classes,), np.int64)
    if num_classes and ids_C[-1] >= next_id:
        raise ModelError(f"{path}: holds class {ids_C[-1]}, not below {next_id}; amend the model again")
    return ClassIds(ids_C=ids_C, next_id=next_id)
