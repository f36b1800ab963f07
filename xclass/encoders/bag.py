"""Texts or sparse rows -> a scipy CSR matrix, for methods that learn from features as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from xclass.data.base import FloatArray, Inputs, SparseRows, Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.base import Encoded, Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION
from xclass.encoders.idf import held_idf, learn_idf, save_idf
from xclass.encoders.idf_config import Weighting
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.ngrams import hash_ngrams
from xclass.encoders.sparse import normalise_rows


class BagEncoder:
    """Rows of length 1: of texts ``(1 + ln tf) idf``, of sparse rows their values times idf.

    Source: sublinear term frequency, Manning, Raghavan, Schuetze, "Introduction to Information Retrieval",
    6.4.1.

    Memory: 4 M bytes of weights with idf.
    """

    is_trainable = False

    def __init__(self, config: BagConfig, *, dim: int, idf_M: FloatArray | None = None) -> None:
        """Keep the settings.

        Args:
            config: which n-grams of a text, and how they are weighted.
            dim: M, columns: buckets of texts, or features of sparse rows.
            idf_M: weights of the columns, where they are learnt already.
        """
        self.config = config
        self.dim = dim
        self._idf_M = idf_M

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """How common each feature is, with idf and unless it was opened with its weights."""
        if self.config.weighting is Weighting.idf and self._idf_M is None:
            batches = (self._counts(batch) for batch in inputs)
            self._idf_M = learn_idf(batches, self.dim, self.config.idf_examples)

    def features(self, inputs: Inputs) -> Features:
        """CSR of shape (B, M), float32, int32 indices, no column twice in a row."""
        rows = self._counts(inputs)
        if isinstance(inputs, Texts):
            np.log(rows.data, out=rows.data)
            rows.data += np.float32(1)
        if self.config.weighting is Weighting.idf:
            assert self._idf_M is not None, "learn() comes first"
            rows.data *= self._idf_M[rows.indices]
        normalise_rows(rows)
        return rows

    def _counts(self, inputs: Inputs) -> csr_array:
        """How often each text has each n-gram, or copies of the values of the rows."""
        if isinstance(inputs, SparseRows):
            parts = inputs.values.copy(), inputs.columns, inputs.starts
            return csr_array(parts, shape=(len(inputs), self.dim))
        assert isinstance(inputs, Texts)
        buckets, row_starts = hash_ngrams(inputs, self.config)
        ones = np.ones(len(buckets), np.float32)
        rows = csr_array((ones, buckets, row_starts), shape=(len(inputs), self.dim))
        rows.sum_duplicates()
        return rows

    def encode(self, features: Features) -> Encoded:
        """The matrix itself."""
        return features

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """Nothing to train."""

    def trained_arrays(self) -> dict[str, FloatArray]:
        """None."""
        return {}

    def held_bytes(self) -> dict[str, int]:
        """The weights, file pages if they were loaded."""
        return held_idf(self._idf_M)

    def save(self, folder: Path) -> None:
        """Write ``encoder.json`` and the weights."""
        save_idf(folder, self._idf_M)
        document = {
            "format_version": FORMAT_VERSION,
            "kind": EncoderKind.bag,
            "dim": self.dim,
            "config": asdict(self.config),
        }
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
