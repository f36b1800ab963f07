"""Closed-form bytes of every kind of encoder. Standard library only."""

from __future__ import annotations

from xclass.encoders.bag_config import BagConfig
from xclass.encoders.config import NGRAM_TABLE, PROJECTION, PROJECTION_TABLE, NgramConfig
from xclass.encoders.idf_config import FEATURE_WEIGHTS, Weighting, idf_bytes
from xclass.encoders.kinds import FROZEN, EncoderKind
from xclass.encoders.text_model import TextModel, read_text_model
from xclass.shapes import FLOAT32_BYTES, MAPPED, ProblemShape
from xclass.units import MIB

TEXT_ENCODER, TOKENIZER_TERM, _BATCHES_TERM = "text encoder", "tokenizer", "token batches"
"""Names of the components of a frozen encoder; with MAPPED where they are opened from a file."""
SENTENCE_BATCH = 32
"""Texts that a transformer reads at a time."""
_TOKENIZER_SCALE = 24
"""Resident bytes of a tokenizer per byte of its file. Source: measured: 9.7 MB for the 466 kB of a WordPiece
of 30 522 tokens, 23.4 MB once its cache of words had filled (tokenizers 0.23); half of it in between."""
_MODULES_TERM, _MODULES_BYTES = "transformer modules", 18 * MIB
"""What opening a transformer takes besides. Source: as above."""
_TORCH_BUFFERS_BYTES = 56 * MIB
"""What torch takes at its first products. Source: measured with MiniLM-L6, batches of 32 short texts, torch
2.13: 57 MB over the model; activations of longer texts come on top and are not foreseen."""


def encoder_terms(
    kind: EncoderKind,
    shape: ProblemShape,
    *,
    ngrams: NgramConfig,
    bag: BagConfig,
    is_trainable: bool,
) -> dict[str, int]:
    """Component -> bytes that an encoder adds over the base while a method is fitted."""
    if kind is EncoderKind.ngrams:
        return ngrams.memory_terms(shape, is_trainable=is_trainable)
    if kind is EncoderKind.bag:
        return bag.memory_terms(shape)
    if kind in FROZEN:
        return _frozen_terms(_model(ngrams), shape)
    if kind is EncoderKind.projection:
        return projection_terms(shape, is_trainable=is_trainable)
    return {}


def encoder_files(
    kind: EncoderKind, shape: ProblemShape, *, ngrams: NgramConfig, bag: BagConfig
) -> dict[str, int]:
    """Component -> bytes of what a saved encoder holds when every page of it was touched."""
    if kind is EncoderKind.ngrams:
        table = {f"{NGRAM_TABLE}{MAPPED}": FLOAT32_BYTES * ngrams.num_buckets * shape.dim}
        return table | _idf_file(ngrams.weighting, ngrams.num_buckets)
    if kind is EncoderKind.projection:
        return {f"{PROJECTION_TABLE}{MAPPED}": FLOAT32_BYTES * shape.num_features * shape.dim}
    if kind in FROZEN:
        return _frozen_files(_model(ngrams))
    if kind is EncoderKind.bag:
        return _idf_file(bag.weighting, shape.num_features)
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


def encoder_batches(kind: EncoderKind) -> dict[str, int]:
    """Component -> bytes that encoding takes besides while queries are answered; of most kinds too little."""
    return {_BATCHES_TERM: _TORCH_BUFFERS_BYTES} if kind is EncoderKind.sentence else {}


def encoder_imports(kind: EncoderKind, engine: str) -> int:
    """Bytes that the library of an encoder adds to the base of an engine.

    Source: measured on Linux x86-64, CPython 3.11: tokenizers 0.23 4 MB; sentence-transformers 6.2 with
    transformers 5.24 and torch 2.13 422 MB in all, of which torch 224 MB and numpy 25 MB.
    """
    if kind is EncoderKind.static:
        return 4 * MIB
    if kind is EncoderKind.sentence:
        return 194 * MIB if engine == "torch" else 388 * MIB
    return 0


def _model(ngrams: NgramConfig) -> TextModel:
    assert ngrams.model is not None
    return read_text_model(ngrams.model)


def _frozen_files(model: TextModel) -> dict[str, int]:
    """The model's files. The weights of both kinds stay mapped: torch's, too, are read when first used."""
    files = {
        f"{TEXT_ENCODER}{MAPPED}": model.weights_bytes,
        TOKENIZER_TERM: _TOKENIZER_SCALE * model.tokenizer_bytes,
    }
    return files | ({_MODULES_TERM: _MODULES_BYTES} if model.kind is EncoderKind.sentence else {})


def _frozen_terms(model: TextModel, shape: ProblemShape) -> dict[str, int]:
    """The files, and batches: texts as lists of tokens (estimate: 16 of 36 B each), and vectors."""
    vector = FLOAT32_BYTES * model.dim
    batches = shape.scan_batch_size * (shape.threads * (16 * 36 + 2 * vector) + 2 * vector)
    if model.kind is EncoderKind.static:
        # Rows of the distinct tokens of a batch (of short texts: 3 per text), as they are and as float32.
        batches += shape.threads * min(4 * shape.scan_batch_size, model.matrix.shape[0]) * 2 * vector
    else:
        batches += _TORCH_BUFFERS_BYTES
    return {**_frozen_files(model), _BATCHES_TERM: batches}
