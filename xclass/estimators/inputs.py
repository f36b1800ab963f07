"""From what a caller has to what the encoders take: texts, dense matrices and sparse matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from xclass.data.base import Inputs, SparseRows, Texts
from xclass.encoders.kinds import InputKind


def is_texts(X: Any) -> bool:
    """Whether this is a sequence of str, by its first element."""
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind in "UO" and (not len(X) or isinstance(X[0], str))
    return (
        not isinstance(X, str)
        and not issparse(X)
        # A table of numbers as pandas has it: what it yields first is the name of a column.
        and getattr(X, "ndim", 1) == 1
        and hasattr(X, "__len__")
        and len(X) > 0
        and isinstance(X[0] if isinstance(X, list | tuple) else next(iter(X)), str)
    )


def kind_of(inputs: Inputs) -> InputKind:
    """What these inputs are."""
    if isinstance(inputs, Texts):
        return InputKind.texts
    return InputKind.rows if isinstance(inputs, SparseRows) else InputKind.vectors


def encode_texts(texts: Any) -> Texts:
    """UTF-8 of all texts behind each other.

    Raises:
        ValueError: one of them is no str, or cannot be written as UTF-8; says which.
    """
    pieces = []
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X[{at}] is {type(text).__name__}, not str: texts and others cannot be mixed")
        try:
            pieces.append(text.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"X[{at}] is no valid text: {error}") from None
    offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    return Texts(
        bytes_=np.frombuffer(b"".join(pieces), dtype=np.uint8),
        offsets=offsets,
        contexts=np.zeros(len(pieces), dtype=np.uint32),
    )


def to_inputs(X: Any) -> Inputs:
    """A checked matrix, dense or sparse, as inputs: float32, no copy where it is that already."""
    if not issparse(X):
        return np.ascontiguousarray(X, dtype=np.float32)
    rows = csr_array(X, dtype=np.float32)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return SparseRows(
        starts=rows.indptr.astype(np.int64),
        columns=rows.indices.astype(np.int32),
        values=rows.data,
        num_columns=int(rows.shape[1]),
    )
