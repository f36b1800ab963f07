"""Texts -> vectors of length 1 by a text encoder that was trained elsewhere and is not trained here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from xclass.data.base import FloatArray, Inputs, Texts
from xclass.encoders.base import Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION
from xclass.encoders.text_model import TextModel

MODEL_FOLDER = "encoder_model"
"""Beside ``encoder.json``: a copy of what was opened, so that a saved model needs nothing else."""
_LEFT_BEHIND = shutil.ignore_patterns(
    ".*", "*.bin", "*.ckpt", "*.h5", "*.md", "*.msgpack", "*.ot", "*.pt", "onnx", "openvino"
)
"""Other forms of the same weights, and what is not the model's."""


class FrozenEncoder:
    """What both kinds share: an encoder adds :meth:`vectors`."""

    is_trainable = False

    def __init__(self, model: TextModel) -> None:
        """Keep what the folder holds."""
        self.model = model
        self.dim = model.dim

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Nothing to know beforehand."""

    def features(self, inputs: Inputs) -> Features:
        """The vectors: all of it stays as it is. Contexts take no part."""
        assert isinstance(inputs, Texts)
        bytes_ = inputs.bytes_.tobytes()
        places = pairwise(inputs.offsets.tolist())
        return self.vectors([bytes_[start:stop].decode("utf-8", "replace") for start, stop in places])

    def vectors(self, texts: list[str]) -> FloatArray:
        """Shape (B, D), float32, each of length 1; zeros for a text without a known token."""
        raise NotImplementedError

    def encode(self, features: Features) -> FloatArray:
        """The vectors themselves, shape (B, D)."""
        vectors_BD: FloatArray = features
        return vectors_BD

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """Nothing to train."""

    def trained_arrays(self) -> dict[str, FloatArray]:
        """None."""
        return {}

    def save(self, folder: Path) -> None:
        """Write ``encoder.json`` and a copy of the model's files."""
        shutil.copytree(self.model.folder, folder / MODEL_FOLDER, ignore=_LEFT_BEHIND)
        document = {"format_version": FORMAT_VERSION, "kind": self.model.kind, "dim": self.dim}
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))
