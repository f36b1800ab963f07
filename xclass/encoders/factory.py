"""Makes an encoder from its settings, or from the folder that one saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import FloatArray
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.base import Encoder
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION, TABLE_FILE, NgramConfig
from xclass.encoders.frozen import MODEL_FOLDER
from xclass.encoders.identity import IdentityEncoder
from xclass.encoders.idf_config import Weighting
from xclass.encoders.kinds import FROZEN, EncoderKind
from xclass.encoders.raw import RawEncoder
from xclass.encoders.text_model import check_library, read_text_model
from xclass.errors import ConfigError, ModelError
from xclass.json_object import read_json_object
from xclass.npy_file import map_npy


def build_encoder(
    kind: EncoderKind,
    *,
    ngrams: NgramConfig | None = None,
    bag: BagConfig | None = None,
    dim: int,
    num_features: int = 0,
    seed: int = 0,
    is_trainable: bool = False,
) -> Encoder:
    """A new encoder.

    Args:
        kind: which.
        ngrams: settings of ``ngrams``, and learning rate of ``projection``; None: its defaults.
        bag: settings of ``bag``; None: its defaults.
        dim: D, dimensions of the vectors that it gives.
        num_features: M, columns of the rows that ``bag`` gives, or that ``projection`` takes.
        seed: of what it draws.
        is_trainable: whether a head trains it jointly; only of kinds with a table.
    """
    if kind is EncoderKind.identity:
        return IdentityEncoder(dim=dim)
    if kind is EncoderKind.raw:
        return RawEncoder(dim=dim)
    if kind in FROZEN:
        assert ngrams is not None
        return _open_frozen(kind, ngrams.model or "")
    # Here, so that data made of vectors never loads scipy.
    if kind is EncoderKind.bag:
        from xclass.encoders.bag import BagEncoder

        return BagEncoder(bag or BagConfig(), dim=num_features)
    ngrams = ngrams or NgramConfig()
    if kind is EncoderKind.projection:
        from xclass.encoders.projection import ProjectionEncoder

        return ProjectionEncoder(
            num_features=num_features,
            dim=dim,
            seed=seed,
            learning_rate=ngrams.learning_rate,
            is_trainable=is_trainable,
        )
    assert kind is EncoderKind.ngrams, kind
    from xclass.encoders.ngrams import NgramEncoder

    return NgramEncoder(ngrams, dim=dim, seed=seed, is_trainable=is_trainable)


def load_encoder(folder: Path) -> Encoder:
    """An encoder for serving: its table is memory-mapped and cannot be trained.

    Args:
        folder: what ``encoder.save(folder)`` wrote into.

    Raises:
        ModelError: a file is missing, damaged, or of another format.
    """
    path = folder / ENCODER_JSON
    try:
        document = read_json_object(path)
        if document["format_version"] != FORMAT_VERSION:
            raise ModelError(f"{path}: format_version={document['format_version']}, not {FORMAT_VERSION}")
        if document["kind"] not in set(EncoderKind):
            raise ModelError(f"{path}: kind={document['kind']}: this xclass reads {', '.join(EncoderKind)}")
        return _load(EncoderKind(document["kind"]), folder, document)
    except FileNotFoundError as error:
        raise ModelError(
            f"{error.filename}: missing: the saved model is incomplete; save it again"
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise ModelError(f"{folder}: not a saved encoder ({error}); save it again") from error


def _load(kind: EncoderKind, folder: Path, document: dict[str, Any]) -> Encoder:
    if kind is EncoderKind.ngrams:
        return _load_ngrams(folder, document)
    if kind is EncoderKind.bag:
        return _load_bag(folder, document)
    if kind is EncoderKind.projection:
        return _load_projection(folder, document)
    if kind in FROZEN:
        return _open_frozen(kind, str(folder / MODEL_FOLDER))
    return build_encoder(kind, dim=int(document["dim"]))


def _open_frozen(kind: EncoderKind, folder: str) -> Encoder:
    check_library(kind, folder)
    if kind is EncoderKind.static:
        from xclass.encoders.static import StaticEncoder

        return StaticEncoder(read_text_model(folder))
    from xclass.encoders.sentence import SentenceEncoder

    return SentenceEncoder(read_text_model(folder))


def _load_bag(folder: Path, document: dict[str, Any]) -> Encoder:
    from xclass.encoders.bag import BagEncoder
    from xclass.encoders.idf import map_idf

    config, dim = BagConfig(**document["config"]), int(document["dim"])
    idf_M = map_idf(folder, dim) if config.weighting is Weighting.idf else None
    return BagEncoder(config, dim=dim, idf_M=idf_M)


def _load_ngrams(folder: Path, document: dict[str, Any]) -> Encoder:
    from xclass.encoders.idf import map_idf
    from xclass.encoders.ngrams import NgramEncoder

    config, dim = NgramConfig(**document["config"]), int(document["dim"])
    table_MD = _map_table(folder, (config.num_buckets, dim))
    idf_M = map_idf(folder, config.num_buckets) if config.weighting is Weighting.idf else None
    seed = int(document["seed"])
    return NgramEncoder(config, dim=dim, seed=seed, is_trainable=False, table_MD=table_MD, idf_M=idf_M)


def _load_projection(folder: Path, document: dict[str, Any]) -> Encoder:
    from xclass.encoders.projection import ProjectionEncoder

    num_features, dim = int(document["num_features"]), int(document["dim"])
    return ProjectionEncoder(
        num_features=num_features,
        dim=dim,
        seed=int(document["seed"]),
        learning_rate=0.0,
        is_trainable=False,
        table_MD=_map_table(folder, (num_features, dim)),
    )


def _map_table(folder: Path, expected: tuple[int, int]) -> FloatArray:
    table_MD = np.asarray(map_npy(folder / TABLE_FILE))
    if table_MD.shape != expected or table_MD.dtype != np.float32:
        raise ModelError(
            f"{folder / TABLE_FILE}: {table_MD.dtype} of shape {table_MD.shape}, not float32 of {expected}"
        )
    return table_MD
