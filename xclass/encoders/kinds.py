"""What data gives, what a method takes, and the encoder between them. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class InputKind(StrEnum):
    """What one batch of a data source holds: see :data:`xclass.data.base.Inputs`."""

    vectors = "vectors"
    """A float32 matrix."""
    texts = "texts"
    """UTF-8, each with a small context."""
    rows = "rows"
    """Sparse rows of numbered features."""


class Takes(StrEnum):
    """What a method learns from and answers."""

    vectors = "vectors"
    """Dense float32 vectors of ``dim`` dimensions; a text or a sparse row goes through a table, which a head
    may train."""
    features = "features"
    """The untrained features: a sparse matrix of a bag of n-grams or of the rows themselves; of data that is
    vectors the vectors."""
    inputs = "inputs"
    """What the data gives, as it is: for a method that does not look at it."""


class EncoderKind(StrEnum):
    """Which encoder; the name stands in a saved encoder's file."""

    identity = "identity"
    """Vectors as they are."""
    ngrams = "ngrams"
    """Texts -> hashed n-grams -> table -> vectors."""
    bag = "bag"
    """Texts or sparse rows -> sparse matrix."""
    projection = "projection"
    """Sparse rows -> table -> vectors."""
    static = "static"
    """Texts -> tokens -> mean of their rows in a matrix trained elsewhere -> vectors."""
    sentence = "sentence"
    """Texts -> a transformer trained elsewhere -> vectors."""
    raw = "raw"
    """Whatever it is, unchanged."""


TRAINED = (EncoderKind.ngrams, EncoderKind.projection)
"""With a table that a head trains jointly."""
FROZEN = (EncoderKind.static, EncoderKind.sentence)
"""Read from a folder (``encoder.model``) and never trained."""


def encoder_kind(inputs: InputKind, takes: Takes) -> EncoderKind:
    """The encoder that turns what data gives into what a method takes."""
    if takes is Takes.inputs:
        return EncoderKind.raw
    if inputs is InputKind.vectors:
        return EncoderKind.identity
    if takes is Takes.features:
        return EncoderKind.bag
    return EncoderKind.ngrams if inputs is InputKind.texts else EncoderKind.projection
