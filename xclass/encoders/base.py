"""What every encoder offers. numpy only: an index of class means never loads torch for its features."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from xclass.data.base import FloatArray, Inputs

Features = Any
"""What ``features`` returns and ``encode`` takes: an array or a sparse matrix, opaque to classifiers."""


class Encoder(Protocol):
    """Turns inputs into float32 vectors, in two steps so that a training step featurises once."""

    dim: int
    is_trainable: bool

    def features(self, inputs: Inputs) -> Features:
        """The part that is never trained (hashing, weighting, normalising). Safe in several threads."""
        ...

    def encode(self, features: Features) -> FloatArray:
        """Vectors, shape (B, D), float32. Safe in several threads while nothing is trained."""
        ...

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """One in-place training step from dloss/dvectors; does nothing where ``is_trainable`` is False."""
        ...

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes that this encoder owns now."""
        ...

    def save(self, folder: Path) -> None:
        """Write what :func:`xclass.encoders.factory.load_encoder` needs into an existing folder."""
        ...
