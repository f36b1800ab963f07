"""Makes an encoder from its settings, or from the folder that one saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xclass.encoders.base import Encoder
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION, TABLE_FILE, NgramConfig
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError, ModelError

_KINDS = ("identity", "ngrams")


def build_encoder(
    kind: str, *, config: NgramConfig | None, dim: int, seed: int, is_trainable: bool
) -> Encoder:
    """A new encoder.

    Args:
        kind: ``identity`` for data that is vectors, ``ngrams`` for texts.
        config: settings of ``ngrams``; None: its defaults. ``identity`` has none.
        dim: D, dimensions of the vectors it gives.
        seed: of what it draws.
        is_trainable: whether a head trains it jointly; ``identity`` never is.

    Raises:
        ConfigError: an unknown kind.
    """
    if kind == "identity":
        return IdentityEncoder(dim=dim)
    if kind == "ngrams":
        # Here, so that data made of vectors never loads scipy.
        from xclass.encoders.ngrams import NgramEncoder

        return NgramEncoder(config or NgramConfig(), dim=dim, seed=seed, is_trainable=is_trainable)
    raise ConfigError("encoder", kind, allowed=" or ".join(_KINDS), remedy="omit it to take the data's own")


def load_encoder(folder: Path) -> Encoder:
    """An encoder for serving: its table is memory-mapped and cannot be trained.

    Args:
        folder: what ``encoder.save(folder)`` wrote into.

    Raises:
        ModelError: a file is missing, damaged, or of another format.
    """
    path = folder / ENCODER_JSON
    try:
        document = json.loads(path.read_bytes())
        if document["format_version"] != FORMAT_VERSION:
            raise ModelError(f"{path}: format_version={document['format_version']}, not {FORMAT_VERSION}")
        if document["kind"] not in _KINDS:
            raise ModelError(f"{path}: kind={document['kind']}: this xclass reads {' and '.join(_KINDS)}")
        if document["kind"] == "identity":
            return IdentityEncoder(dim=int(document["dim"]))
        return _load_ngrams(folder, document)
    except FileNotFoundError as error:
        raise ModelError(
            f"{error.filename}: missing: the saved model is incomplete; save it again"
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise ModelError(f"{folder}: not a saved encoder ({error}); save it again") from error


def _load_ngrams(folder: Path, document: dict[str, Any]) -> Encoder:
    from xclass.encoders.ngrams import NgramEncoder

    config, dim = NgramConfig(**document["config"]), int(document["dim"])
    table_MD = np.asarray(np.load(folder / TABLE_FILE, mmap_mode="r", allow_pickle=False))
    expected = (config.num_buckets, dim)
    if table_MD.shape != expected or table_MD.dtype != np.float32:
        raise ModelError(
            f"{folder / TABLE_FILE}: {table_MD.dtype} of shape {table_MD.shape}, not float32 of {expected}"
        )
    return NgramEncoder(config, dim=dim, seed=int(document["seed"]), is_trainable=False, table_MD=table_MD)
