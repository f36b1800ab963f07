"""One step of R small softmax heads over the same inputs, in numpy: exact, without torch."""

from __future__ import annotations

import numpy as np

from xclass.classifiers.row_adagrad import adagrad_rows
from xclass.data.base import FloatArray, IntArray


def softmax(logits: FloatArray) -> FloatArray:
    """Over the last axis, in place."""
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits


def heads_step(
    weights_RMD: FloatArray,
    state_RM: FloatArray,
    inputs_BD: FloatArray,
    buckets_RB: IntArray,
    *,
    learning_rate: float,
    needs_input_gradient: bool,
) -> tuple[float, FloatArray | None]:
    """Take one step of every head on the loss summed over the batch, in place.

    Args:
        weights_RMD: a vector for each of M buckets of R heads, float32.
        state_RM: see :func:`xclass.classifiers.row_adagrad.adagrad_rows`.
        inputs_BD: left untouched.
        buckets_RB: true bucket of each example in each head.
        learning_rate: of row-wise Adagrad.
        needs_input_gradient: also give the gradient at the inputs.

    Returns:
        The loss per example before the step, summed over the heads, and the gradient of the summed loss at
        the inputs, shape (B, D).

    Memory:
        ``4 (M (B + D) + 2 B D)`` bytes: one head after the other.
    """
    examples = np.arange(len(inputs_BD))
    total = 0.0
    gradient_BD = np.zeros_like(inputs_BD) if needs_input_gradient else None
    for weights_MD, state_M, buckets_B in zip(weights_RMD, state_RM, buckets_RB, strict=True):
        errors_BM = softmax(inputs_BD @ weights_MD.T)
        total -= float(np.log(np.maximum(errors_BM[examples, buckets_B], 1e-30)).sum(dtype=np.float64))
        errors_BM[examples, buckets_B] -= 1
        if gradient_BD is not None:
            gradient_BD += errors_BM @ weights_MD
        adagrad_rows(weights_MD, state_M, slice(None), errors_BM.T @ inputs_BD, learning_rate)
    return total / len(inputs_BD), gradient_BD
