"""One training step over all classes in blocks: no B x C logits, no gradient, no optimiser state.

Softmax: pass 1 runs over blocks of classes and keeps, per example, a running maximum and sum of exponentials
(online softmax); pass 2 computes each block's logits again, turns them into errors, adds to the gradient of
the inputs with the *old* class vectors, and updates the block in place. Four matrix products instead of the
three of the plain way; in exchange nothing of size B C or a second C D exists. One-vs-all needs no normaliser
across classes: pass 2 alone.

Each thread walks through classes of its own, with single-threaded products. So does each of several
ranks, which holds a slice of them: what threads found is put together, then what ranks found.

Source: online softmax: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018; update inside
the backward pass over chunks of classes: Renee (MLSys 2023) and ELMO (ICML 2025), there for one-vs-all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from xclass.classifiers.dense_softmax.config import Loss
from xclass.classifiers.kernels.base import Kernels, TrueClasses
from xclass.classifiers.products import Team, choose_product
from xclass.classifiers.ranks.normaliser import sum_over_ranks
from xclass.classifiers.ranks.ranks import Ownership

_KEY_STEP = 0x9E3779B1
"""Odd multiplier that spreads steps over the 2**32 keys of stochastic rounding."""
_MASK = 0xFFFFFFFF


_Normaliser = tuple[torch.Tensor, torch.Tensor]
"""(maximum_B, log_total_B): the log-sum-exp of each example is their sum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSettings:
    """What one step does beside plain SGD.

    Attributes:
        learning_rate: multiplies the gradient of the loss summed over the batch.
        weight_decay: the class vectors shrink by ``learning_rate * weight_decay`` of themselves, as in
            ``torch.optim.SGD`` (L2 penalty of the summed loss).
        label_smoothing: share of the true distribution that is spread evenly over all classes; softmax only.
        needs_input_gradient: whether an encoder is trained below; else one product of four is saved.
    """

    learning_rate: float
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    needs_input_gradient: bool = True


class _Scratch:
    """What one thread works in.

    Memory:
        ``P B + P D + B D`` values and ``2 B D + 3 B`` of the accumulation type.
    """

    def __init__(self, block_classes: int, batch_size: int, weights_CD: torch.Tensor) -> None:
        dim, device = weights_CD.shape[1], weights_CD.device
        real = accumulation_dtype(weights_CD.dtype)
        self.logits = torch.empty(block_classes * batch_size, dtype=weights_CD.dtype, device=device)
        self.gradient_PD = torch.empty(block_classes, dim, dtype=weights_CD.dtype, device=device)
        self.partial_BD = torch.empty(batch_size, dim, dtype=weights_CD.dtype, device=device)
        self.inputs_BD = torch.empty(batch_size, dim, dtype=real, device=device)
        self.maximum_B = torch.empty(batch_size, dtype=real, device=device)
        self.total_B = torch.empty(batch_size, dtype=torch.float64, device=device)
        self.vectors_D = torch.empty(dim, dtype=real, device=device)


class StreamedHead:
    """Class vectors with one-step training in place.

    Memory:
        ``threads`` times a block: see :meth:`DenseSoftmaxConfig.memory_law`.
    """

    def __init__(
        self,
        weights_CD: torch.Tensor,
        *,
        batch_size: int,
        block_classes: int,
        threads: int,
        kernels: Kernels,
        loss: Loss = Loss.softmax,
        lost_KD: torch.Tensor | None = None,
        seed: int | None = 0,
        ownership: Ownership | None = None,
    ) -> None:
        """Allocate the scratch and start the threads.

        Args:
            weights_CD: of this rank, float32, float64 or bfloat16, contiguous; updated in place by steps.
            batch_size: most examples of a step.
            block_classes: P, classes of one block, at least 1.
            threads: each has a contiguous part of the classes.
            kernels: elementwise work.
            loss: softmax or one_vs_all.
            lost_KD: bfloat16 rounding errors of the first K classes (Kahan summation), or None.
            seed: of stochastic rounding of bfloat16; None: rounded to nearest.
            ownership: which classes the rows are, and who has the others; None: they are all.
        """
        self.weights_CD = weights_CD
        self._kernels = kernels
        self._block_classes = block_classes
        self._loss = loss
        self._lost_KD = lost_KD
        self._num_kahan = 0 if lost_KD is None else len(lost_KD)
        self._seed = seed
        owned = ownership or Ownership.of_all(len(weights_CD))
        self._ranks, self._first_class = owned.ranks, owned.first_class
        self._num_classes = owned.num_classes
        self.num_steps = 0
        """Steps taken: part of the key of stochastic rounding."""
        self._product, self.product_library = choose_product(weights_CD.dtype, str(weights_CD.device))
        num_rows = len(weights_CD)
        threads = max(1, min(threads, -(-num_rows // block_classes)))
        bounds = [num_rows * part // threads for part in range(threads + 1)]
        self._parts = [
            (start, stop, _Scratch(min(block_classes, stop - start), batch_size, weights_CD))
            for start, stop in pairwise(bounds)
        ]
        self._team = Team(threads)
        # A sigmoid without a bias starts at 1/2 for every class; this makes a logit of 0 mean 1 / C instead.
        self._offset = math.log(max(1, self._num_classes - 1)) if loss is Loss.one_vs_all else 0.0

    def close(self) -> None:
        """End the threads."""
        self._team.close()

    def step(
        self, inputs_BD: torch.Tensor, true: TrueClasses, settings: StepSettings
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """One step of SGD on the loss summed over the batch.

        Args:
            inputs_BD: accumulation dtype (float32, or float64 for float64 class vectors), left untouched; the
                same on all ranks.
            true: true classes of the batch, numbered among all classes; shares of an example sum to 1 for
                softmax, are 1 for one-vs-all.
            settings: see there.

        Returns:
            losses_B: float64, the loss of each example before the step;
            input_gradient_BD: of the summed loss at the old class vectors, dtype of the inputs, or None.
        """
        self.num_steps += 1
        narrow_BD = inputs_BD.to(self.weights_CD.dtype)
        true = true.within(self._first_class, self._first_class + len(self.weights_CD))
        sums = [self._own_losses(inputs_BD, true)]
        if self._loss is Loss.one_vs_all:
            losses_B, gradient_BD = self._pass_2(narrow_BD, true, settings, None)
            losses_B, own_losses_B = self._ranks.sum_(torch.stack([losses_B, *sums]))
            return losses_B - own_losses_B, gradient_BD
        maximum_B, total_B, vector_sum_D = self._pass_1(narrow_BD, settings)
        if vector_sum_D is not None:
            sums.append((inputs_BD @ vector_sum_D).double())
        maximum_B, total_B, own_losses_B, *logit_sums_B = sum_over_ranks(
            maximum_B, total_B, sums, self._ranks
        )
        normaliser = maximum_B, total_B.log().to(maximum_B.dtype)
        _, gradient_BD = self._pass_2(narrow_BD, true, settings, normaliser)
        smoothing = settings.label_smoothing
        losses_B = maximum_B.double() + normaliser[1].double() - (1.0 - smoothing) * own_losses_B
        for logit_sum_B in logit_sums_B:
            losses_B -= smoothing / self._num_classes * logit_sum_B
        return losses_B, gradient_BD

    def _own_losses(self, inputs_BD: torch.Tensor, true: TrueClasses) -> torch.Tensor:
        """Logits of the true classes, weighted by shares and summed per example, shape (B,), float64."""
        rows_TD = self.weights_CD[true.classes_T].to(inputs_BD.dtype)
        logits_T = torch.einsum("td,td->t", inputs_BD[true.examples_T], rows_TD) - self._offset
        result_B = torch.zeros(len(inputs_BD), dtype=torch.float64, device=inputs_BD.device)
        return result_B.index_add_(0, true.examples_T, (logits_T * true.shares_T).double())

    def _pass_1(
        self, inputs_BD: torch.Tensor, settings: StepSettings
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Maximum and sum of exponentials over the rows, and the sum of the rows where smoothing needs it."""
        size, inputs_DB = len(inputs_BD), inputs_BD.t()

        def work(part: tuple[int, int, _Scratch]) -> None:
            start, stop, scratch = part
            maximum_B = scratch.maximum_B[:size].fill_(torch.finfo(scratch.maximum_B.dtype).min)
            total_B = scratch.total_B[:size].zero_()
            scratch.vectors_D.zero_()
            for first in range(start, stop, self._block_classes):
                rows = self.weights_CD[first : min(first + self._block_classes, stop)]
                logits_PB = scratch.logits[: len(rows) * size].view(len(rows), size)
                self._product(rows, inputs_DB, logits_PB)
                self._kernels.exp_sum(logits_PB, maximum_B, total_B)
                if settings.label_smoothing:
                    scratch.vectors_D += rows.sum(dim=0, dtype=scratch.vectors_D.dtype)

        self._team.each(work, self._parts)
        parts = [scratch for _, _, scratch in self._parts]
        merged = _merge([(scratch.maximum_B[:size], scratch.total_B[:size]) for scratch in parts])
        if not settings.label_smoothing:
            return *merged, None
        return *merged, torch.stack([scratch.vectors_D for scratch in parts]).sum(dim=0)

    def _pass_2(
        self,
        inputs_BD: torch.Tensor,
        true: TrueClasses,
        settings: StepSettings,
        normaliser: _Normaliser | None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Errors, input gradient and update, block by block; with one-vs-all also sum of log(1 + exp).

        The gradient is that of all ranks, the sum that of this one.
        """
        size, inputs_DB = len(inputs_BD), inputs_BD.t()
        kernels = self._kernels
        shift = settings.label_smoothing / self._num_classes
        soft = _smoothed(true, settings.label_smoothing)

        def work(part: tuple[int, int, _Scratch]) -> None:
            start, stop, scratch = part
            losses_B = scratch.total_B[:size].zero_()
            gradient_BD = scratch.inputs_BD[:size].zero_()
            partial_BD = scratch.partial_BD[:size]
            for first in range(start, stop, self._block_classes):
                rows = self.weights_CD[first : min(first + self._block_classes, stop)]
                errors_PB = scratch.logits[: len(rows) * size].view(len(rows), size)
                self._product(rows, inputs_DB, errors_PB)
                if normaliser is None:
                    kernels.sigmoid_errors(errors_PB, losses_B, soft, start=first, offset=self._offset)
                else:
                    kernels.softmax_errors(errors_PB, *normaliser, soft, start=first, shift=shift)
                if settings.needs_input_gradient:
                    self._product(errors_PB.t(), rows, partial_BD)
                    gradient_BD += partial_BD
                gradient_PD = scratch.gradient_PD[: len(rows)]
                self._product(errors_PB, inputs_BD, gradient_PD)
                self._update(rows, gradient_PD, first, settings)

        self._team.each(work, self._parts)
        parts = [scratch for _, _, scratch in self._parts]
        losses_B = torch.stack([scratch.total_B[:size] for scratch in parts]).sum(dim=0)
        if not settings.needs_input_gradient:
            return losses_B, None
        gradient_BD = torch.stack([scratch.inputs_BD[:size] for scratch in parts]).sum(dim=0)
        return losses_B, self._ranks.sum_(gradient_BD)

    def _update(
        self, rows: torch.Tensor, gradient_PD: torch.Tensor, first: int, settings: StepSettings
    ) -> None:
        """SGD on the classes from ``first`` on, those below K with Kahan summation."""
        rate, decay = settings.learning_rate, settings.learning_rate * settings.weight_decay
        num_kahan = min(max(0, self._num_kahan - first), len(rows))
        if num_kahan:
            assert self._lost_KD is not None
            lost = self._lost_KD[first : first + num_kahan]
            self._kernels.update_kahan(
                rows[:num_kahan], gradient_PD[:num_kahan], lost, rate=rate, decay=decay
            )
        if num_kahan < len(rows):
            key = None
            if self._seed is not None:
                key = (self._seed + self.num_steps * _KEY_STEP) & _MASK
            place = (self._first_class + first + num_kahan) * rows.shape[1] & _MASK
            self._kernels.update(
                rows[num_kahan:], gradient_PD[num_kahan:], rate=rate, decay=decay, key=key, place=place
            )


def _merge(parts: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Maximum and sum of exponentials over all parts, from those of each."""
    maximum_B = torch.stack([maximum for maximum, _ in parts]).amax(dim=0)
    total_B = sum(total * torch.exp((maximum - maximum_B).double()) for maximum, total in parts)
    assert isinstance(total_B, torch.Tensor)
    return maximum_B, total_B


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """What sums over class vectors of this dtype are kept in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _smoothed(true: TrueClasses, smoothing: float) -> TrueClasses:
    """The shares that are left to the true classes."""
    if not smoothing:
        return true
    return TrueClasses(true.classes_T, true.examples_T, true.shares_T * (1.0 - smoothing))
