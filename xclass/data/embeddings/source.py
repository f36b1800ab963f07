"""``data=embeddings`` as a data source: vectors from where they lie in O(batch) memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import FloatArray, IntArray
from xclass.data.embeddings.config import FORMAT_VERSION
from xclass.data.embeddings.layout import ArrayLayout
from xclass.data.embeddings.prepare import CONVERTED
from xclass.data.embeddings.vectors import VectorFile
from xclass.data.manifest import read_manifest_document
from xclass.data.row_source import RowSource
from xclass.data.table_files import InputFile
from xclass.errors import DataError


class EmbeddingsSource(RowSource):
    """Vectors -> classes. Implements :class:`xclass.data.base.DataSource`.

    Memory: as :class:`xclass.data.row_source.RowSource`, and a batch of vectors.
    """

    def __init__(self, folder: Path, *, num_classes: int | None, seed: int, unit_length: bool) -> None:
        """Open a prepared folder and the files of vectors.

        Args:
            folder: what :func:`xclass.data.embeddings.prepare.prepare` returned.
            num_classes: keep only this many of the most frequent classes; None: all.
            seed: of the training order.
            unit_length: give each vector length 1.

        Raises:
            ConfigError: more classes than there are, or fewer than 2.
            DataError: the folder is damaged, or a file of vectors is gone or another than was prepared.
        """
        document = read_manifest_document(folder, version=FORMAT_VERSION)
        super().__init__(folder, document, name="embeddings", num_classes=num_classes, seed=seed)
        _check_inputs(document)
        self.dim = int(document["dim"])
        arrays = [ArrayLayout(**array | {"shape": tuple(array["shape"])}) for array in document["arrays"]]
        if not arrays:
            shape = (int(document["num_rows"]), self.dim)
            arrays = [
                ArrayLayout(path=str(folder / CONVERTED), name="", offset_bytes=0, shape=shape, kind="f4")
            ]
        self._files = [VectorFile(array, unit_length=unit_length) for array in arrays]

    def read(self, rows: IntArray) -> FloatArray:
        """The rows with these numbers, in this order; those of the second file are counted on."""
        first = self._files[0]
        if len(self._files) == 1 or not len(rows) or rows.max() < first.num_rows:
            return first.read(rows)
        is_second = rows >= first.num_rows
        vectors_BD = np.empty((len(rows), self.dim), np.float32)
        vectors_BD[~is_second] = first.read(rows[~is_second])
        vectors_BD[is_second] = self._files[1].read(rows[is_second] - first.num_rows)
        return vectors_BD

    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        return {
            "name": "embeddings",
            "task": "vectors -> classes",
            **super().facts(),
            "dim": self.dim,
            "num_zero_vectors": self._document["num_zero_vectors"],
        }


def _check_inputs(document: dict[str, Any]) -> None:
    for known in document["looked_at"]:
        try:
            is_same = InputFile.look_at(Path(known["path"])) == InputFile(**known)
        except OSError as error:
            raise DataError(
                f"{known['path']}: {error.strerror or error}; put it back, or run again"
            ) from error
        if not is_same:
            raise DataError(f"{known['path']}: it changed after it was prepared; run again")
