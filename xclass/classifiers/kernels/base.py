"""What both implementations of the kernels offer. A block has one row per class, one column per example."""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

import torch


class TrueClasses:
    """True classes of a batch, sorted by class, so that those of a block of classes are one slice.

    Attributes:
        classes_T: shape (T,), int64, rising.
        examples_T: shape (T,), int64; the example that each belongs to.
        shares_T: shape (T,); what the error of each is lessened by: 1, or 1 / (true classes of the example).
        errors_T: shape (T,), scratch of the kernels.
    """

    def __init__(self, classes_T: torch.Tensor, examples_T: torch.Tensor, shares_T: torch.Tensor) -> None:
        """Sort by class.

        Args:
            classes_T: shape (T,), int64; each (class, example) pair at most once.
            examples_T: shape (T,), int64, 0 .. B - 1.
            shares_T: shape (T,), float32 or float64.
        """
        order = torch.argsort(classes_T, stable=True)
        self.classes_T = classes_T[order]
        self.examples_T = examples_T[order]
        self.shares_T = shares_T[order]
        self.errors_T = torch.empty_like(self.shares_T)
        # Looked up twice for each block of classes: in a list, that costs less than a call of torch.
        self._rising: list[int] = self.classes_T.tolist()

    @classmethod
    def one_each(cls, classes_B: torch.Tensor, dtype: torch.dtype) -> TrueClasses:
        """Each example has one true class."""
        return cls(
            classes_B,
            torch.arange(len(classes_B), device=classes_B.device),
            torch.ones(len(classes_B), dtype=dtype, device=classes_B.device),
        )

    @classmethod
    def several(
        cls, classes_T: torch.Tensor, starts_B1: torch.Tensor, dtype: torch.dtype, *, is_shared: bool
    ) -> TrueClasses:
        """Example b has the true classes ``classes_T[starts_B1[b]:starts_B1[b + 1]]``, each once.

        Args:
            classes_T: shape (T,), int64.
            starts_B1: shape (B + 1,), int64, from 0 to T; an example may have none.
            dtype: of the shares.
            is_shared: the true classes of an example share its probability mass (softmax); else each has 1
                (one-vs-all).

        Raises:
            ValueError: a class twice in one example.
        """
        sizes_B = starts_B1.diff()
        examples_T = torch.repeat_interleave(torch.arange(len(sizes_B)), sizes_B)
        pairs = torch.stack((classes_T, examples_T))
        if torch.unique(pairs, dim=1).shape[1] != len(classes_T):
            raise ValueError("an example names the same true class twice")
        shares_T = torch.ones(len(classes_T), dtype=dtype)
        return cls(classes_T, examples_T, shares_T / sizes_B[examples_T] if is_shared else shares_T)

    def within(self, start: int, stop: int) -> TrueClasses:
        """Those among the classes ``start .. stop - 1``, numbered from 0; of the same examples."""
        here = self.between(start, stop)
        if start == 0 and len(self.classes_T[here]) == len(self.classes_T):
            return self
        return TrueClasses(self.classes_T[here] - start, self.examples_T[here], self.shares_T[here])

    def between(self, start: int, stop: int) -> slice:
        """Positions of the true classes ``start <= class < stop``."""
        return slice(bisect_left(self._rising, start), bisect_left(self._rising, stop))


class Kernels(Protocol):
    """Elementwise work on one block; the logits are float32, float64 or bfloat16.

    Sums and log-sum-exps are in the accumulation type: float64 for float64, else float32.
    """

    name: str
    """``compiled`` or ``torch``."""

    def exp_sum(
        self,
        logits_PB: torch.Tensor,
        maximum_B: torch.Tensor,
        total_B: torch.Tensor,
        offsets_P: torch.Tensor | None = None,
    ) -> None:
        """Take a block into a running log-sum-exp: ``maximum + log(total)`` of ``logit - offset``.

        Args:
            logits_PB: shape (P, B), contiguous; left as it is.
            maximum_B: accumulation type; the least finite number before the first block.
            total_B: float64, 0 before the first block.
            offsets_P: what each row is lessened by; None: nothing.
        """
        ...

    def softmax_errors(
        self,
        logits_PB: torch.Tensor,
        maximum_B: torch.Tensor,
        log_total_B: torch.Tensor,
        true: TrueClasses,
        *,
        start: int,
        shift: float = 0.0,
        offsets_P: torch.Tensor | None = None,
    ) -> None:
        """Turn logits into ``exp(logit - offset - maximum - log_total) - shift - share``.

        Args:
            logits_PB: rows are the classes ``start .. start + P - 1``; overwritten.
            maximum_B: accumulation type; its sum with ``log_total_B`` is the log-sum-exp. Taken off one after
                the other: their rounded sum would lose the digits of the smaller.
            log_total_B: accumulation type.
            true: of the whole batch.
            start: class of the first row.
            shift: taken off every value.
            offsets_P: what each row is lessened by; None: nothing.
        """
        ...

    def sigmoid_errors(
        self,
        logits_PB: torch.Tensor,
        losses_B: torch.Tensor,
        true: TrueClasses,
        *,
        start: int,
        offset: float = 0.0,
    ) -> None:
        """Turn logits into ``sigmoid(logit - offset)`` less the share of true classes.

        Args:
            logits_PB: rows are the classes ``start .. start + P - 1``; overwritten.
            losses_B: float64; the sum of ``log(1 + exp(logit - offset))`` over the rows is added.
            true: of the whole batch.
            start: class of the first row.
            offset: taken off every logit.
        """
        ...

    def update(
        self,
        rows_PD: torch.Tensor,
        gradient_PD: torch.Tensor,
        *,
        rate: float,
        decay: float,
        key: int | None,
        place: int = 0,
    ) -> None:
        """``w <- (1 - decay) w - rate g``, in place.

        Args:
            rows_PD: contiguous.
            gradient_PD: same shape and dtype, contiguous.
            rate: learning rate.
            decay: share of each value that weight decay takes.
            key: for bfloat16, 0 to 2**32 - 1: rounded up or down at random by nothing but this key and the
                place; None: rounded to nearest.
            place: of the first value among those of all classes, modulo 2**32: which block or rank a class
                is in makes no difference (for the compiled kernels; plain torch draws a block at a time).
        """
        ...

    def update_kahan(
        self,
        rows_PD: torch.Tensor,
        gradient_PD: torch.Tensor,
        lost_PD: torch.Tensor,
        *,
        rate: float,
        decay: float,
    ) -> None:
        """The same for bfloat16, what rounding takes away kept in ``lost_PD`` and given back later."""
        ...
