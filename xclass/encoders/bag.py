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
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.ngrams import hash_ngrams


class BagEncoder:
    """Rows of length 1."""

    is_trainable = False

    def __init__(self, config: BagConfig, *, dim: int) -> None:
        """Keep the settings.

        Args:
            config: which n-grams of a text.
            dim: M, columns: buckets of texts, or features of sparse rows.
        """
        self.config = config
        self.dim = dim

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Nothing to know beforehand."""

    def features(self, inputs: Inputs) -> Features:
        """CSR of shape (B, M), float32, no column twice in a row."""
        if isinstance(inputs, SparseRows):
            rows = csr_array((inputs.values, inputs.columns, inputs.starts), shape=(len(inputs), self.dim))
        else:
            assert isinstance(inputs, Texts)
            buckets, row_starts = hash_ngrams(inputs, self.config)
            ones = np.ones(len(buckets), np.float32)
            rows = csr_array((ones, buckets, row_starts), shape=(len(inputs), self.dim))
            rows.sum_duplicates()
        squares_B = np.add.reduceat(np.append(rows.data, np.float32(0)) ** 2, rows.indptr[:-1])
        rows.data /= np.repeat(np.sqrt(np.maximum(squares_B, 1e-24)), np.diff(rows.indptr)).astype(np.float32)
        return rows

    def encode(self, features: Features) -> Encoded:
        """The matrix itself."""
        return features

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """Nothing to train."""

    def held_bytes(self) -> dict[str, int]:
        """Nothing held."""
        return {}

    def save(self, folder: Path) -> None:
        """Write ``encoder.json``."""
        document = {
            "format_version": FORMAT_VERSION,
            "kind": EncoderKind.bag,
            "dim": self.dim,
            "config": asdict(self.config),
        }
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
