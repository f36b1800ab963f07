"""One step: draw negatives, gather their rows, loss and gradients, row-wise Adagrad. Its cost ignores C."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from xclass.classifiers.kernels.sampled import RowState, SampledKernels, TouchedRows
from xclass.classifiers.products import Team, choose_product
from xclass.classifiers.ranks.ranks import Ownership
from xclass.classifiers.sampled_softmax.loss import (
    StepBuffers,
    Terms,
    differentiate,
    exponentiate,
    take_losses,
)
from xclass.classifiers.sampled_softmax.memory import round_up
from xclass.classifiers.sampled_softmax.negatives import Negatives
from xclass.data.base import IntArray


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSettings:
    """What may change from step to step.

    Attributes:
        learning_rate: of row-wise Adagrad.
        weight_decay: per unit of learning rate, taken from the rows that a step touches only.
        needs_input_gradient: also give the gradient at the inputs.
    """

    learning_rate: float
    weight_decay: float = 0.0
    needs_input_gradient: bool = True


class SampledStep:
    """Steps on the summed sampled loss; only touched rows are read and written.

    Each thread has a part of the examples from the first product to the last; nothing is shared but the
    gathered rows, and a sampled row gets a gradient from each part. Run it within
    :func:`xclass.classifiers.products.single_threaded_products`.

    Several true classes per example are not offered here: each would need a positive logit of its own and a
    mask for its example.

    Memory:
        see :class:`xclass.classifiers.sampled_softmax.loss.StepBuffers`; nothing that grows with C.
    """

    def __init__(
        self,
        state: RowState,
        *,
        kernels: SampledKernels,
        batch_size: int,
        num_sampled: int,
        threads: int,
        ownership: Ownership | None = None,
    ) -> None:
        """Allocate the scratch and start the threads.

        Args:
            state: class vectors of this rank and their row state, updated in place.
            kernels: elementwise work.
            batch_size: examples of a step, at most.
            num_sampled: distinct negatives of a step, at most.
            threads: T.
            ownership: which classes the rows are, and who has the others; None: they are all.
        """
        owned = ownership or Ownership.of_all(len(state.weights_CD))
        self._ranks, self._first_class = owned.ranks, owned.first_class
        self._state = state
        self._kernels = kernels
        self._device = state.weights_CD.device
        self._product, self.product_library = choose_product(state.weights_CD.dtype, str(self._device))
        self._buffers = StepBuffers(
            batch_size=batch_size,
            num_sampled=round_up(num_sampled),
            dim=state.weights_CD.shape[1],
            dtype=state.weights_CD.dtype,
            parts=threads,
            device=self._device,
        )
        self._offset_dtype = np.float64 if state.weights_CD.dtype == torch.float64 else np.float32
        self._team = Team(threads)

    def close(self) -> None:
        """End the threads."""
        self._team.close()

    def __call__(
        self,
        inputs_BD: torch.Tensor,
        classes_B: IntArray,
        negatives: Negatives,
        generator: np.random.Generator,
        settings: StepSettings,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Take one step.

        Args:
            inputs_BD: float32 (float64 for float64 class vectors), on their device, left untouched.
            classes_B: true classes among all, shape (B,); may repeat.
            negatives: draws the negatives and knows how often each was to be expected.
            generator: of the draws and of stochastic rounding; draws the same on all ranks.
            settings: of this step.

        Returns:
            losses_B and the gradient of the summed loss at the inputs, shape (B, D); the second is scratch of
            this object, valid until the next step.
        """
        drawn_S = negatives.draw(classes_B, inputs_BD.cpu().numpy(), generator)
        is_mine_B, touched = self._touch(classes_B, drawn_S)
        num_sampled = len(touched.sampled_K)
        offsets_S = np.full(round_up(num_sampled), np.inf, dtype=self._offset_dtype)
        counts_K = negatives.log_expected_counts(touched.sampled_K + self._first_class)
        offsets_S[:num_sampled] = counts_K - np.log(touched.times_K)
        rows_TD = self._gather(np.where(is_mine_B, classes_B - self._first_class, 0), touched)
        losses_B = self._differentiate(
            inputs_BD,
            rows_TD,
            touched,
            torch.from_numpy(offsets_S).to(self._device),
            torch.from_numpy(is_mine_B).to(self._device),
            settings.needs_input_gradient,
        )
        # Rounding draws by key and row: a class draws the same on whichever rank it is.
        key = (int(generator.integers(1 << 32)) + self._first_class) & 0xFFFFFFFF

        def update(rows: range) -> None:
            self._kernels.adagrad(
                self._state, self._buffers.gradient_TD, touched, rows, rate=settings.learning_rate,
                decay=settings.weight_decay, key=key,
            )  # fmt: skip

        self._team.each(update, self._parts(len(touched.rows_U)))
        if not settings.needs_input_gradient:
            return losses_B, None
        return losses_B, self._ranks.sum_(self._buffers.inputs_BD[: len(classes_B)])

    def _touch(self, classes_B: IntArray, drawn_S: IntArray) -> tuple[npt.NDArray[np.bool_], TouchedRows]:
        """Which true classes are of this rank, and the rows that the step touches here.

        Those of other ranks are taken as one more class behind the last row, which is then forgotten.
        """
        if self._ranks.size == 1:
            touched = self._kernels.touch(classes_B, drawn_S, self._buffers.layout)
            return np.ones(len(classes_B), dtype=np.bool_), touched
        num_rows = len(self._state.weights_CD)
        own_B, own_S = classes_B - self._first_class, drawn_S - self._first_class
        is_mine_B = (own_B >= 0) & (own_B < num_rows)
        own_S = own_S[(own_S >= 0) & (own_S < num_rows)]
        touched = self._kernels.touch(np.where(is_mine_B, own_B, num_rows), own_S, self._buffers.layout)
        if not is_mine_B.all():
            touched = replace(touched, rows_U=touched.rows_U[:-1], starts_U1=touched.starts_U1[:-1])
        return is_mine_B, touched

    def _hits(self, touched: TouchedRows, examples: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Places of true classes among the sampled rows, and their examples counted from the first."""
        examples_H = touched.hit_examples_H
        is_here_H = (examples_H >= examples.start) & (examples_H < examples.stop)
        return (
            torch.from_numpy(touched.hit_places_H[is_here_H]).to(self._device),
            torch.from_numpy(examples_H[is_here_H] - examples.start).to(self._device),
        )

    def _parts(self, size: int) -> list[range]:
        """As many ranges as there are threads, empty ones where there is less to do."""
        parts = self._buffers.layout.parts
        return [range(start, stop) for start, stop in pairwise(size * i // parts for i in range(parts + 1))]

    def _gather(self, classes_B: IntArray, touched: TouchedRows) -> torch.Tensor:
        """Rows of the true classes, then of the sampled ones, filled up with row 0.

        No gradient at what fills them up is looked at, and an infinite offset makes it weigh nothing.
        """
        batch, num_sampled = len(classes_B), len(touched.sampled_K)
        rows_T = np.zeros(batch + round_up(num_sampled), dtype=np.int64)
        rows_T[:batch] = classes_B
        rows_T[batch : batch + num_sampled] = touched.sampled_K
        rows_TD = self._buffers.rows_TD[: len(rows_T)]

        def gather(rows: range) -> None:
            at = slice(rows.start, rows.stop)
            self._kernels.gather(self._state.weights_CD, rows_T[at], rows_TD[at])

        self._team.each(gather, self._parts(len(rows_T)))
        return rows_TD

    def _differentiate(
        self,
        inputs_BD: torch.Tensor,
        rows_TD: torch.Tensor,
        touched: TouchedRows,
        offsets_S: torch.Tensor,
        is_mine_B: torch.Tensor,
        needs_inputs: bool,
    ) -> torch.Tensor:
        """Losses of the examples; the gradients are in the buffers then."""
        batch = len(inputs_BD)
        parts = [(index, slice(part.start, part.stop)) for index, part in enumerate(self._parts(batch))]

        def begin(item: tuple[int, slice]) -> Terms:
            index, examples = item
            return exponentiate(
                inputs_BD[examples],
                rows_TD[examples],
                rows_TD[batch:],
                offsets_S=offsets_S,
                hits=self._hits(touched, examples),
                is_mine_B=is_mine_B[examples],
                kernels=self._kernels,
                product=self._product,
                buffers=self._buffers.part(index, examples, len(offsets_S)),
            )

        def end(item: tuple[int, slice], losses_B: torch.Tensor, shares_B: torch.Tensor) -> None:
            index, examples = item
            differentiate(
                inputs_BD[examples],
                rows_TD[batch:],
                shares_B=shares_B,
                errors_B=torch.expm1(-losses_B) * is_mine_B[examples],
                product=self._product,
                buffers=self._buffers.part(index, examples, len(offsets_S)),
                needs_inputs=needs_inputs,
            )

        def alone(item: tuple[int, slice]) -> torch.Tensor:
            losses_B, shares_B = take_losses([begin(item)], self._ranks)
            end(item, losses_B, shares_B)
            return losses_B

        if self._ranks.size == 1:
            # No thread waits for another, and its logits are still in its cache.
            return torch.cat(self._team.each(alone, parts))
        losses_B, shares_B = take_losses(self._team.each(begin, parts), self._ranks)
        self._team.each(lambda item: end(item, losses_B[item[1]], shares_B[item[1]]), parts)
        return losses_B
