"""Sparse rows -> vectors: the row at length 1 times a table with one row per feature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from xclass.data.base import FloatArray, Inputs, SparseRows
from xclass.encoders.base import Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION, PROJECTION
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.sparse import unit_rows
from xclass.encoders.table import TableEncoder


class ProjectionEncoder(TableEncoder):
    """Linear map of sparse rows of length 1; the features are numbered, so that nothing is hashed.

    Memory: ``4 M D`` (table) + ``8 M`` if trainable; per call see
    :func:`xclass.encoders.memory.projection_terms`.
    """

    def __init__(
        self,
        *,
        num_features: int,
        dim: int,
        seed: int,
        learning_rate: float,
        is_trainable: bool,
        table_MD: FloatArray | None = None,
    ) -> None:
        """Draw the table, or take one; arguments as of :class:`xclass.encoders.table.TableEncoder`."""
        super().__init__(
            num_rows=num_features,
            dim=dim,
            seed=seed,
            learning_rate=learning_rate,
            is_trainable=is_trainable,
            component=PROJECTION,
            table_MD=table_MD,
        )
        self._num_features = num_features

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Nothing to know beforehand: the data has weighted its features."""

    def features(self, inputs: Inputs) -> Features:
        """The rows as CSR of shape (B, M), float32, each of length 1 unless it is empty."""
        assert isinstance(inputs, SparseRows)
        return unit_rows(inputs, self._num_features)

    def save(self, folder: Path) -> None:
        """Write ``encoder.json`` and ``encoder_table.npy``; the optimiser is not saved."""
        self._save_table(folder)
        document = {
            "format_version": FORMAT_VERSION,
            "kind": EncoderKind.projection,
            "dim": self.dim,
            "num_features": self._num_features,
            "seed": self._seed,
        }
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
