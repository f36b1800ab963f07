"""One step: draw negatives, gather their rows, loss and gradients, row-wise Adagrad. Its cost ignores C."""

from __future__ import annotations

import numpy as np
import torch

from xclass.classifiers.kernels.sampled import RowState, SampledKernels
from xclass.classifiers.sampled_softmax.loss import StepBuffers, round_up, sampled_softmax_gradient
from xclass.classifiers.sampled_softmax.negatives import Negatives
from xclass.data.base import IntArray


class SampledStep:
    """Steps on the summed sampled loss; only touched rows are read and written.

    Several true classes per example are not offered here: each would need its own positive logit and would
    have to be masked for its example; repeat the example once per class instead.

    Memory:
        see :class:`xclass.classifiers.sampled_softmax.loss.StepBuffers`; nothing that grows with C.
    """

    def __init__(
        self, state: RowState, *, kernels: SampledKernels, batch_size: int, num_sampled: int
    ) -> None:
        """Allocate the scratch.

        Args:
            state: class vectors and their row state, updated in place.
            kernels: elementwise work.
            batch_size: examples of a step, at most.
            num_sampled: distinct negatives of a step, at most.
        """
        self._state = state
        self._kernels = kernels
        weights_CD = state.weights_CD
        self._buffers = StepBuffers(
            batch_size=batch_size,
            num_sampled=round_up(num_sampled),
            dim=weights_CD.shape[1],
            dtype=weights_CD.dtype,
        )
        self._offset_dtype = np.float64 if weights_CD.dtype == torch.float64 else np.float32

    def __call__(
        self,
        inputs_BD: torch.Tensor,
        classes_B: IntArray,
        negatives: Negatives,
        generator: np.random.Generator,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        needs_inputs: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Take one step.

        Args:
            inputs_BD: float32 (float64 for float64 class vectors), left untouched.
            classes_B: true classes, shape (B,); may repeat.
            negatives: draws the negatives and knows how often each was to be expected.
            generator: of the draws and of stochastic rounding.
            learning_rate: of row-wise Adagrad.
            weight_decay: per unit of learning rate, on the rows that this step touches only.
            needs_inputs: also give the gradient at the inputs.

        Returns:
            losses_B and the gradient of the summed loss at the inputs, shape (B, D); scratch of this object,
            valid until the next step.
        """
        drawn_S = negatives.draw(classes_B, inputs_BD.numpy(), generator)
        touched = self._kernels.touch(classes_B, drawn_S)
        batch, num_sampled = len(classes_B), len(touched.sampled_K)
        rows_T = np.zeros(batch + round_up(num_sampled), dtype=np.int64)
        rows_T[:batch] = classes_B
        rows_T[batch : batch + num_sampled] = touched.sampled_K
        # What fills the rows up is row 0, ignored through an infinite offset; no gradient of it is looked at.
        offsets_S = np.full(len(rows_T) - batch, np.inf, dtype=self._offset_dtype)
        offsets_S[:num_sampled] = negatives.log_expected_counts(touched.sampled_K) - np.log(touched.times_K)
        rows_TD = self._buffers.rows_TD[: len(rows_T)]
        self._kernels.gather(self._state.weights_CD, rows_T, rows_TD)
        result = sampled_softmax_gradient(
            inputs_BD,
            rows_TD,
            offsets_S=torch.from_numpy(offsets_S),
            hits=(torch.from_numpy(touched.hit_places_H), torch.from_numpy(touched.hit_examples_H)),
            kernels=self._kernels,
            buffers=self._buffers,
            needs_inputs=needs_inputs,
        )
        self._kernels.adagrad(
            self._state,
            result.rows_TD,
            touched,
            rate=learning_rate,
            decay=weight_decay,
            key=int(generator.integers(1 << 32)),
        )
        return result.losses_B, result.inputs_BD
