"""What every encoder offers. numpy only: an index of class means never loads torch for its features."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from xclass.data.base import FloatArray, Inputs

Features = Any
"""What ``features`` returns and ``encode`` takes: an array or a sparse matrix, opaque to classifiers."""


Encoded = Any
"""What ``encode`` returns, by :class:`xclass.encoders.kinds.Takes`: vectors, shape (B, D), float32; a CSR
matrix of scipy, shape (B, M), float32; or inputs as they are."""


class Encoder(Protocol):
    """Turns inputs into what a method takes, in two steps so that a training step featurises once."""

    dim: int
    """Columns of what it gives."""
    is_trainable: bool

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """Take from training inputs what must be known of all of them (how common each feature is).

        Called once, before the first ``features``; takes nothing from the iterator where there is nothing.
        """
        ...

    def features(self, inputs: Inputs) -> Features:
        """The part that is never trained (hashing, weighting, normalising). Safe in several threads."""
        ...

    def encode(self, features: Features) -> Encoded:
        """What the method takes. Safe in several threads while nothing is trained."""
        ...

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """One in-place training step from dloss/dvectors; does nothing where ``is_trainable`` is False."""
        ...

    def trained_arrays(self) -> dict[str, FloatArray]:
        """File stem -> live array of what :meth:`apply_gradient` changes; filled anew to go on from there.

        ``encoder_table`` is the file that :meth:`save` writes too.
        """
        ...

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes that this encoder owns now."""
        ...

    def save(self, folder: Path) -> None:
        """Write what :func:`xclass.encoders.factory.load_encoder` needs into an existing folder."""
        ...
