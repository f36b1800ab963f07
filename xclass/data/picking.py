"""Some examples of a batch, whichever they are."""

from __future__ import annotations

import numpy as np

from xclass.data.base import Inputs, IntArray, SparseRows, Texts
from xclass.data.text_store import gather_pieces


def take_inputs(inputs: Inputs, rows: IntArray) -> Inputs:
    """Copies of these inputs, in this order.

    Args:
        inputs: of N examples.
        rows: shape (B,), int64, each in [0, N).
    """
    if isinstance(inputs, Texts):
        sizes = inputs.offsets[rows + 1] - inputs.offsets[rows]
        bytes_ = gather_pieces(inputs.bytes_, inputs.offsets[rows], sizes)
        return Texts(bytes_=bytes_, offsets=_starts(sizes), contexts=inputs.contexts[rows])
    if isinstance(inputs, SparseRows):
        first, sizes = inputs.starts[rows], inputs.starts[rows + 1] - inputs.starts[rows]
        return SparseRows(
            starts=_starts(sizes),
            columns=gather_pieces(inputs.columns, first, sizes),
            values=gather_pieces(inputs.values, first, sizes),
            num_columns=inputs.num_columns,
        )
    return inputs[rows]


def _starts(sizes: IntArray) -> IntArray:
    """Where pieces of these sizes begin behind each other, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
