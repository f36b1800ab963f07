"""Row-wise Adagrad in numpy, for methods that are trained without torch."""

from __future__ import annotations

import numpy as np

from xclass.data.base import FloatArray, IntArray

_EPSILON = np.float32(1e-8)


def adagrad_rows(
    weights_ND: FloatArray,
    state_N: FloatArray,
    rows: IntArray | slice,
    gradient_UD: FloatArray,
    learning_rate: float,
) -> None:
    """One step on some rows, in place.

    Args:
        weights_ND: rows that are learnt.
        state_N: summed mean squares of the gradients of each.
        rows: which, each once.
        gradient_UD: of the loss at these rows; overwritten.
        learning_rate: about the root-mean-square change of a row's values at its first step.

    Memory: ``4 U D`` bytes where ``rows`` are numbers.

    Source: Duchi et al., JMLR 2011, with one accumulator per row (FBGEMM ``EXACT_ROWWISE_ADAGRAD``), as in
        :meth:`xclass.encoders.ngrams.NgramEncoder.apply_gradient`.
    """
    state_N[rows] += np.einsum("ud,ud->u", gradient_UD, gradient_UD) / np.float32(weights_ND.shape[1])
    gradient_UD *= (np.float32(learning_rate) / (np.sqrt(state_N[rows]) + _EPSILON))[:, None]
    weights_ND[rows] -= gradient_UD
