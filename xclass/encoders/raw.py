"""Passes inputs through as they are, whatever they are: for a method that does not look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from xclass.data.base import FloatArray, Inputs
from xclass.encoders.base import Encoded, Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION
from xclass.encoders.kinds import EncoderKind


class RawEncoder:
    """The encoder of a method that :attr:`~xclass.encoders.kinds.Takes.inputs`."""

    is_trainable = False

    def __init__(self, *, dim: int) -> None:
        """Keep the number of dimensions, which stands in the model's manifest."""
        self.dim = dim

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Nothing to know beforehand."""

    def features(self, inputs: Inputs) -> Features:
        """The inputs themselves."""
        return inputs

    def encode(self, features: Features) -> Encoded:
        """The inputs themselves."""
        return features

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
        document = {"format_version": FORMAT_VERSION, "kind": EncoderKind.raw, "dim": self.dim}
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
