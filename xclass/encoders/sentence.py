"""Texts -> a transformer -> vectors, by the library sentence-transformers, hundreds of texts a second.

The library is told to stay offline and to take nothing but safetensors; it loads torch, also to serve.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

import numpy as np

from xclass.data.base import FloatArray
from xclass.encoders.frozen import FrozenEncoder
from xclass.encoders.memory import SENTENCE_BATCH, TEXT_ENCODER
from xclass.encoders.text_model import TextModel
from xclass.errors import ModelError
from xclass.shapes import MAPPED


class SentenceEncoder(FrozenEncoder):
    """Memory: the weights, mapped by torch; per call see :func:`xclass.encoders.memory.encoder_terms`."""

    def __init__(self, model: TextModel) -> None:
        """Open the model."""
        super().__init__(model)
        library = import_library()
        self._model = library.SentenceTransformer(
            model.folder,
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        # Its tokenizer fails where two threads use it at once ("Already borrowed", tokenizers issue 537).
        self._lock = Lock()

    def vectors(self, texts: list[str]) -> FloatArray:
        """Shape (B, D), float32, scaled to length 1."""
        with self._lock:
            found = self._model.encode(
                texts,
                batch_size=SENTENCE_BATCH,
                convert_to_numpy=True,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        vectors_BD: FloatArray = np.asarray(found, dtype=np.float32)
        if vectors_BD.shape != (len(texts), self.dim):
            raise ModelError(
                f"{self.model.folder}: gives vectors of shape {vectors_BD.shape}, not "
                f"{(len(texts), self.dim)}: its files do not belong together"
            )
        return vectors_BD

    def held_bytes(self) -> dict[str, int]:
        """Weights and buffers of all modules."""
        tensors = [*self._model.parameters(), *self._model.buffers()]
        return {f"{TEXT_ENCODER}{MAPPED}": sum(tensor.nbytes for tensor in tensors)}


def import_library() -> Any:
    """sentence-transformers, told that there is no network."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    # Progress bars of loading would fill the child's log.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import sentence_transformers

    return sentence_transformers
