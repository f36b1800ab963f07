"""Closed-form bytes of every kind of encoder. Standard library only."""

from __future__ import annotations

from xclass.encoders.bag_config import BagConfig
from xclass.encoders.config import NGRAM_TABLE, NgramConfig
from xclass.encoders.idf_config import FEATURE_WEIGHTS, Weighting, idf_bytes
from xclass.encoders.kinds import EncoderKind, InputKind
from xclass.shapes import FLOAT32_BYTES, MAPPED, ProblemShape


def encoder_terms(
    kind: EncoderKind,
    shape: ProblemShape,
    *,
    inputs: InputKind,
    ngrams: NgramConfig,
    bag: BagConfig,
    is_trainable: bool,
) -> dict[str, int]:
    """Component -> bytes that an encoder adds over the base while a method is fitted."""
    if kind is EncoderKind.ngrams:
        return ngrams.memory_terms(shape, is_trainable=is_trainable)
    if kind is EncoderKind.bag:
        return bag.memory_terms(shape, inputs=inputs)
    return {}


def encoder_files(
    kind: EncoderKind, shape: ProblemShape, *, inputs: InputKind, ngrams: NgramConfig, bag: BagConfig
) -> dict[str, int]:
    """Component -> bytes of what a saved encoder holds when every page of it was touched."""
    if kind is EncoderKind.ngrams:
        table = {f"{NGRAM_TABLE}{MAPPED}": FLOAT32_BYTES * ngrams.num_buckets * shape.dim}
        return table | _idf_file(ngrams.weighting, ngrams.num_buckets)
    if kind is EncoderKind.bag:
        return _idf_file(bag.weighting_of(inputs), shape.num_features)
    return {}


def _idf_file(weighting: Weighting, num_features: int) -> dict[str, int]:
    num_bytes = idf_bytes(weighting, num_features)
    return {f"{FEATURE_WEIGHTS}{MAPPED}": num_bytes} if num_bytes else {}
