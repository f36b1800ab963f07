"""The encoder of data that already is vectors: does nothing, holds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xclass.data.base import FloatArray, Inputs
from xclass.encoders.base import Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION


class IdentityEncoder:
    """Passes float32 vectors of shape (B, dim) through unchanged."""

    is_trainable = False

    def __init__(self, *, dim: int) -> None:
        self.dim = dim

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Nothing to know beforehand."""

    def features(self, inputs: Inputs) -> Features:
        """The vectors themselves."""
        assert isinstance(inputs, np.ndarray)
        assert inputs.shape[1] == self.dim
        return inputs

    def encode(self, features: Features) -> FloatArray:
        """The vectors themselves, shape (B, D)."""
        vectors_BD: FloatArray = features
        return vectors_BD

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """Nothing to train."""

    def trained_arrays(self) -> dict[str, FloatArray]:
        """None."""
        return {}

    def held_bytes(self) -> dict[str, int]:
        """Nothing held."""
        return {}

    def save(self, folder: Path) -> None:
        """Write ``encoder.json``."""
        document = {"format_version": FORMAT_VERSION, "kind": "identity", "dim": self.dim}
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
