"""Queries of one request or of several in one batch, as what an encoder takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xclass.classifiers.base import Answers
from xclass.data.base import FloatArray, Inputs, IntArray, SparseRows, Texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request, read and checked.

    Attributes:
        inputs: its queries, at least one.
        k: classes that are wanted of each.
        wants_probability: whether the chance of being right is wanted besides the scores.
    """

    inputs: Inputs
    k: int
    wants_probability: bool

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.inputs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What an engine is asked besides the queries; requests with equal ones can be answered together."""

    k: int
    wants_totals: bool
    """Of a softmax, by what its exponentials are divided."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What an engine found for some queries."""

    answers: Answers
    totals_Q: FloatArray | None
    """Logarithms; None where they were not asked for."""

    def part(self, start: int, stop: int) -> Found:
        """Of queries ``start <= q < stop``."""
        answers, totals_Q = self.answers, self.totals_Q
        return Found(
            answers=Answers(
                classes_QK=answers.classes_QK[start:stop], scores_QK=answers.scores_QK[start:stop]
            ),
            totals_Q=None if totals_Q is None else totals_Q[start:stop],
        )


def join_inputs(parts: Sequence[Inputs]) -> Inputs:
    """Inputs of one kind behind each other; a single part is given back as it is.

    Memory: the bytes of the parts once more.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Texts):
        texts = [part for part in parts if isinstance(part, Texts)]
        return Texts(
            bytes_=np.concatenate([part.bytes_ for part in texts]),
            offsets=_join_starts([part.offsets for part in texts]),
            contexts=np.concatenate([part.contexts for part in texts]),
        )
    if isinstance(first, SparseRows):
        rows = [part for part in parts if isinstance(part, SparseRows)]
        return SparseRows(
            starts=_join_starts([part.starts for part in rows]),
            columns=np.concatenate([part.columns for part in rows]),
            values=np.concatenate([part.values for part in rows]),
            num_columns=first.num_columns,
        )
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])


def starts_of(lengths: Sequence[int]) -> IntArray:
    """Where each of some pieces begins that lie behind each other, and where the last ends."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.asarray(lengths, np.int64), out=starts[1:])
    return starts


def _join_starts(parts: Sequence[IntArray]) -> IntArray:
    shifts = starts_of([int(part[-1]) for part in parts])
    pieces = [part[:-1] + shift for part, shift in zip(parts, shifts[:-1], strict=True)]
    return np.concatenate([*pieces, shifts[-1:]])
