"""Closed-form bytes of every kind of encoder. Standard library only."""

from __future__ import annotations

from xclass.encoders.bag_config import BagConfig
from xclass.encoders.config import NGRAM_TABLE, PROJECTION, PROJECTION_TABLE, NgramConfig
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
    if kind is EncoderKind.projection:
        return projection_terms(shape, is_trainable=is_trainable)
    return {}


def encoder_files(
    kind: EncoderKind, shape: ProblemShape, *, inputs: InputKind, ngrams: NgramConfig, bag: BagConfig
) -> dict[str, int]:
    """Component -> bytes of what a saved encoder holds when every page of it was touched."""
    if kind is EncoderKind.ngrams:
        table = {f"{NGRAM_TABLE}{MAPPED}": FLOAT32_BYTES * ngrams.num_buckets * shape.dim}
        return table | _idf_file(ngrams.weighting, ngrams.num_buckets)
    if kind is EncoderKind.projection:
        return {f"{PROJECTION_TABLE}{MAPPED}": FLOAT32_BYTES * shape.num_features * shape.dim}
    if kind is EncoderKind.bag:
        return _idf_file(bag.weighting_of(inputs), shape.num_features)
    return {}


def _idf_file(weighting: Weighting, num_features: int) -> dict[str, int]:
    num_bytes = idf_bytes(weighting, num_features)
    return {f"{FEATURE_WEIGHTS}{MAPPED}": num_bytes} if num_bytes else {}


def projection_terms(shape: ProblemShape, *, is_trainable: bool) -> dict[str, int]:
    """Bytes that the encoder of sparse rows adds over the base.

    With F entries per row, an entry takes 8 B as it was read and 8 B in the matrix that is multiplied (4
    squared for a moment, and 4 of scale). A scan has one such batch per thread and vectors in two more; a
    step has the features of two batches waiting, those of one being made, and the gradient of its
    U <= min(F B, M) rows twice with 12 B per entry.

    Memory: table ``4 M D``; optimiser ``8 M``; the larger of scan and step as above.
    """
    made, held = 24 * shape.features_per_example, 8 * shape.features_per_example
    vector = FLOAT32_BYTES * shape.dim
    scan = shape.scan_batch_size * (shape.threads * made + (shape.threads + 2) * vector)
    step = 0.0
    if is_trainable:
        num_entries = shape.features_per_example * shape.batch_size
        num_rows = min(num_entries, shape.num_features)
        step = shape.batch_size * (made + 2 * held + vector) + 2 * vector * num_rows + 12 * num_entries
    return {
        PROJECTION_TABLE: FLOAT32_BYTES * shape.num_features * shape.dim,
        f"{PROJECTION} optimiser": 2 * FLOAT32_BYTES * shape.num_features if is_trainable else 0,
        f"{PROJECTION} batches": round(max(scan, step)),
    }
