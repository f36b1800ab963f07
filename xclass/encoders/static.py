"""Texts -> tokens -> the mean of their rows in a matrix: static embeddings, for 30 000 texts a second.

Source: Tulkens and van Dongen, "Model2Vec: Fast State-of-the-Art Static Embeddings", 2024
(github.com/MinishLab/model2vec, ``StaticModel._encode_batch``: unknown tokens are left out, at most 512 are
read, and a ``mapping`` sends tokens to rows, whose ``weights`` scale them).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.data.base import FloatArray
from xclass.data.embeddings.layout import ArrayLayout
from xclass.encoders.frozen import FrozenEncoder
from xclass.encoders.memory import TEXT_ENCODER
from xclass.encoders.text_model import TOKENIZER, TextModel
from xclass.shapes import MAPPED

_MAX_TOKENS = 512


class StaticEncoder(FrozenEncoder):
    """Its matrix is mapped from the file; the tokenizer is the library's.

    Memory: the matrix, mapped; of the tokenizer see :func:`xclass.encoders.memory.encoder_files`; per call
    the rows of the distinct tokens, ``4 D`` each.
    """

    def __init__(self, model: TextModel) -> None:
        """Open tokenizer and matrix."""
        super().__init__(model)
        self._tokenizer = import_library().Tokenizer.from_file(f"{model.base}/{TOKENIZER}")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._unknown = _unknown_token(self._tokenizer)
        self._matrix_VD = _map(model.matrix)
        self._weights_V = _map(model.arrays["weights"]) if "weights" in model.arrays else None
        self._mapping_V = _map(model.arrays["mapping"]) if "mapping" in model.arrays else None

    def vectors(self, texts: list[str]) -> FloatArray:
        """Means of the rows of each text's tokens, scaled to length 1; shape (B, D), float32."""
        found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids_B = [[token for token in one.ids if token != self._unknown] for one in found]
        starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(ids) for ids in ids_B], out=starts[1:])
        tokens = np.array([token for ids in ids_B for token in ids], np.int64)
        values = np.ones(len(tokens), np.float32)
        if self._weights_V is not None:
            values *= self._weights_V[tokens]
        rows = tokens if self._mapping_V is None else self._mapping_V[tokens]
        used_U, places = np.unique(rows, return_inverse=True)
        bags = csr_array((values, places.astype(np.int64), starts), shape=(len(texts), len(used_U)))
        vectors_BD: FloatArray = bags @ _as_float(self._matrix_VD[used_U])
        lengths_B = np.sqrt(np.einsum("bd,bd->b", vectors_BD, vectors_BD))
        vectors_BD /= np.maximum(lengths_B, np.float32(1e-12))[:, None]
        return vectors_BD

    def held_bytes(self) -> dict[str, int]:
        """The mapped matrix; what the tokenizer's library holds cannot be asked."""
        return {f"{TEXT_ENCODER}{MAPPED}": self._matrix_VD.nbytes}


def import_library() -> Any:
    """tokenizers, on the caller's thread alone."""
    # Its own threads, one per core, would not be those that the run was given.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import tokenizers

    return tokenizers


def _unknown_token(tokenizer: Any) -> int | None:
    name = getattr(tokenizer.model, "unk_token", None)
    return None if name is None else tokenizer.token_to_id(name)


def _map(layout: ArrayLayout) -> npt.NDArray[Any]:
    """An array where it lies in its file; bfloat16 as its bits."""
    kind = "u2" if layout.kind == "bf16" else layout.kind
    return np.asarray(
        np.memmap(layout.path, dtype=f"<{kind}", mode="r", offset=layout.offset_bytes, shape=layout.shape)
    )


def _as_float(rows_UD: npt.NDArray[Any]) -> FloatArray:
    if rows_UD.dtype == np.uint16:
        return (rows_UD.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return rows_UD.astype(np.float32)
