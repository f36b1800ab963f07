"""One step over the questions of a batch's classes: log-loss of each, row-wise Adagrad on what was asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.classifiers.hierarchical_softmax.config import BLOCK_QUESTIONS
from xclass.classifiers.hierarchical_softmax.tree import Paths
from xclass.classifiers.row_adagrad import adagrad_rows
from xclass.data.base import FloatArray, batch_ranges


def tree_step(
    vectors_ID: FloatArray,
    state_I: npt.NDArray[np.float32],
    inputs_BD: FloatArray,
    paths: Paths,
    *,
    learning_rate: float,
    needs_input_gradient: bool,
) -> tuple[float, FloatArray | None]:
    """Take one step on the loss summed over examples and questions, in place.

    The probability of side 1 at question i is ``sigmoid(v_i x)``; that of a class is the product along its
    path. A question that many examples answer is updated once, with their summed gradient.

    Args:
        vectors_ID: a vector for each of I = C - 1 questions, float32.
        state_I: summed mean squares of their gradients.
        inputs_BD: left untouched.
        paths: of the examples' classes.
        learning_rate: of row-wise Adagrad.
        needs_input_gradient: also give the gradient at the inputs.

    Returns:
        The loss per example before the step, and the gradient of the summed loss at the inputs, shape (B, D).

    Memory:
        with T questions asked, U different: ``8 D U + 44 T`` bytes and ``8 D`` per question of a block.
    """
    asked_U, places_T = np.unique(paths.questions_T, return_inverse=True)
    vectors_UD = vectors_ID[asked_U]
    logits_T = _logits(vectors_UD, inputs_BD, places_T, paths)
    signs_T = (2 * paths.sides_T - 1).astype(np.float32)
    losses_T = np.logaddexp(np.float32(0), -signs_T * logits_T)
    errors_T = np.float32(1) / (1 + np.exp(np.minimum(-logits_T, np.float32(80)))) - paths.sides_T
    errors_BU = csr_array(
        (errors_T.astype(np.float32), (paths.examples_T, places_T)), shape=(len(inputs_BD), len(asked_U))
    )
    gradient_BD = errors_BU @ vectors_UD if needs_input_gradient else None
    del vectors_UD
    gradient_UD = errors_BU.T @ inputs_BD
    adagrad_rows(vectors_ID, state_I, asked_U, gradient_UD, learning_rate)
    return float(losses_T.sum(dtype=np.float64)) / len(inputs_BD), gradient_BD


def _logits(
    vectors_UD: FloatArray, inputs_BD: FloatArray, places_T: npt.NDArray[np.intp], paths: Paths
) -> npt.NDArray[np.float32]:
    logits_T = np.empty(len(places_T), np.float32)
    for start, stop in batch_ranges(len(places_T), BLOCK_QUESTIONS):
        logits_T[start:stop] = np.einsum(
            "td,td->t", vectors_UD[places_T[start:stop]], inputs_BD[paths.examples_T[start:stop]]
        )
    return logits_T
