"""The training examples of a class that lie nearest to a query, by the model's own features."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from xclass.data.base import DataSource, FloatArray, Inputs, batch_ranges, slice_inputs
from xclass.encoders.base import Encoded
from xclass.serving.page.queries_shown import words_of

MOST_COMPARED = 1000
"""Examples of one class that a query is compared with: the first of them in the order of the data."""
_PIECE = 256


class KnownExamples:
    """Finds what a model was shown of a class.

    Memory: while it looks, ``MOST_COMPARED`` examples, and the features of 256 of them.
    """

    def __init__(self, source: DataSource) -> None:
        """Keep the data of the run."""
        self._source = source
        self.num_classes, self.group_noun = source.num_classes, source.group_noun
        self._turn = threading.Lock()

    def nearest(
        self, encode: Callable[[Inputs], Encoded], query: Inputs, class_id: int, *, num: int
    ) -> dict[str, Any]:
        """The nearest examples of one class, by the cosine of what the model takes; each text once.

        Args:
            encode: of the model.
            query: one.
            class_id: of the data.
            num: at most so many.

        Returns:
            ``examples`` with ``words`` and ``cosine``, nearest first; the cosine is None, and the order that
            of the data, where the method does not look at a query. ``num_compared``, and ``is_all``: whether
            these are all examples of the class that can be found.
        """
        # One at a time: however many ask, this holds the examples of one class.
        with self._turn:
            found = self._source.examples_of(class_id, MOST_COMPARED + 1).inputs
            num_compared = min(len(found), MOST_COMPARED)
            cosines_N = self._cosines(encode, query, slice_inputs(found, 0, num_compared))
            order = (
                range(num_compared) if cosines_N is None else np.argsort(-cosines_N, kind="stable").tolist()
            )
            examples: dict[str, float | None] = {}
            for at in order:
                cosine = None if cosines_N is None else round(float(cosines_N[at]), 4)
                examples.setdefault(words_of(found, at), cosine)
                if len(examples) == num:
                    break
        return {
            "examples": [{"words": words, "cosine": cosine} for words, cosine in examples.items()],
            "num_compared": num_compared,
            "is_all": num_compared == len(found),
        }

    def _cosines(
        self, encode: Callable[[Inputs], Encoded], query: Inputs, examples: Inputs
    ) -> FloatArray | None:
        query_1D = encode(query)
        if not _is_matrix(query_1D):
            return None
        pieces = [
            _cosine(query_1D, encode(slice_inputs(examples, start, stop)))
            for start, stop in batch_ranges(len(examples), _PIECE)
        ]
        return np.concatenate([np.zeros(0, np.float32), *pieces])


def _is_matrix(encoded: Encoded) -> bool:
    """Dense or sparse; a method that does not look at a query takes it as the data has it."""
    return isinstance(encoded, np.ndarray) or hasattr(encoded, "toarray")


def _cosine(query_1D: Encoded, examples_BD: Encoded) -> FloatArray:
    """Shape (B,); 0 where one of the two is all 0."""
    dots_B1 = examples_BD @ query_1D.T
    dots_B = dots_B1.toarray() if hasattr(dots_B1, "toarray") else dots_B1
    lengths_B = _lengths(examples_BD) * _lengths(query_1D)
    cosines_B: FloatArray = np.where(lengths_B > 0, dots_B.ravel() / np.maximum(lengths_B, 1e-30), 0.0)
    return cosines_B.astype(np.float32)


def _lengths(matrix_BD: Encoded) -> FloatArray:
    squares_BD = matrix_BD.multiply(matrix_BD) if hasattr(matrix_BD, "multiply") else matrix_BD * matrix_BD
    lengths_B: FloatArray = np.sqrt(np.asarray(squares_BD.sum(axis=1)).ravel())
    return lengths_B
