"""The encoder that a child uses: a new one, or one that is borrowed; and its warm-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from xclass.config import RunConfig
from xclass.data.base import Inputs, SparseRows, Texts
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.base import Encoder
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.kinds import EncoderKind, InputKind
from xclass.run.spec import ChildSpec
from xclass.sizing.plan import encoder_of

_TOY_FEATURES = 256


def open_encoder(spec: ChildSpec, config: RunConfig, *, is_trainable: bool) -> Encoder:
    """A new encoder, or that of a model trained before."""
    if (lender := spec.borrowed_encoder()) is not None:
        return load_encoder(lender)
    kind = encoder_of(config, spec.method)
    return _build(kind, config, num_features=spec.problem_shape().num_features, is_trainable=is_trainable)


def warm_up_encoder(spec: ChildSpec, config: RunConfig) -> Encoder:
    """Encode two toy examples, so that the encoder's own imports are part of the base."""
    kind = encoder_of(config, spec.method)
    tiny = replace(config.encoder, num_buckets=_TOY_FEATURES)
    bag = replace(config.bag, num_buckets=_TOY_FEATURES)
    encoder = build_encoder(kind, ngrams=tiny, bag=bag, dim=config.dim, num_features=_TOY_FEATURES)
    if kind not in (EncoderKind.identity, EncoderKind.raw):
        toy = _toy(DATA_CONFIGS[spec.data_name].inputs)
        encoder.learn(iter([toy]))
        encoder.encode(encoder.features(toy))
    return encoder


def _build(kind: EncoderKind, config: RunConfig, **sizes: Any) -> Encoder:
    return build_encoder(
        kind, ngrams=config.encoder, bag=config.bag, dim=config.dim, seed=config.seed, **sizes
    )


def _toy(kind: InputKind) -> Inputs:
    if kind is InputKind.texts:
        return Texts(
            bytes_=np.frombuffer(b"ab", dtype=np.uint8),
            offsets=np.array([0, 1, 2]),
            contexts=np.zeros(2, dtype=np.uint32),
        )
    return SparseRows(
        starts=np.array([0, 1, 2]),
        columns=np.array([0, 1], dtype=np.int32),
        values=np.ones(2, dtype=np.float32),
        num_columns=_TOY_FEATURES,
    )
