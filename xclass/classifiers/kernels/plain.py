"""The kernels in plain torch: for machines without a C compiler, and for tensors on a GPU."""

from __future__ import annotations

import torch

from xclass.classifiers.exponential import exp_
from xclass.classifiers.kernels.base import TrueClasses


class TorchKernels:
    """A :class:`xclass.classifiers.kernels.base.Kernels` of torch operations.

    Memory:
        bfloat16 blocks are computed in float32: up to three blocks of P B floats while a call runs.
    """

    name = "torch"

    def exp_sum(
        self,
        logits_PB: torch.Tensor,
        maximum_B: torch.Tensor,
        total_B: torch.Tensor,
        offsets_P: torch.Tensor | None = None,
    ) -> None:
        """Take a block into a running log-sum-exp."""
        values_PB = _wide_copy(logits_PB, maximum_B.dtype)
        if offsets_P is not None:
            values_PB -= offsets_P[:, None]
        new_maximum_B = torch.maximum(maximum_B, values_PB.amax(dim=0))
        total_B *= torch.exp(maximum_B.sub_(new_maximum_B))
        total_B += exp_(values_PB.sub_(new_maximum_B)).sum(dim=0)
        maximum_B.copy_(new_maximum_B)

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
        """Turn logits into errors of a softmax."""
        values_PB = _wide(logits_PB, maximum_B.dtype)
        if offsets_P is not None:
            values_PB -= offsets_P[:, None]
        values_PB -= maximum_B
        values_PB -= log_total_B
        exp_(values_PB)
        if shift:
            values_PB -= shift
        _finish(values_PB, logits_PB, true, start)

    def sigmoid_errors(
        self,
        logits_PB: torch.Tensor,
        losses_B: torch.Tensor,
        true: TrueClasses,
        *,
        start: int,
        offset: float = 0.0,
    ) -> None:
        """Turn logits into errors of one-vs-all classifiers."""
        values_PB = _wide(logits_PB, true.shares_T.dtype)
        values_PB -= offset
        losses_B += torch.nn.functional.softplus(values_PB).sum(dim=0)
        _finish(values_PB.sigmoid_(), logits_PB, true, start)

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
        """``w <- (1 - decay) w - rate g``."""
        if rows_PD.dtype != torch.bfloat16:
            rows_PD.mul_(1.0 - decay).add_(gradient_PD, alpha=-rate)
            return
        wide_PD = rows_PD.float().mul_(1.0 - decay).sub_(gradient_PD.float().mul_(rate))
        rows_PD.copy_(wide_PD if key is None else round_stochastic(wide_PD, key + (place << 32)))

    def update_kahan(
        self,
        rows_PD: torch.Tensor,
        gradient_PD: torch.Tensor,
        lost_PD: torch.Tensor,
        *,
        rate: float,
        decay: float,
    ) -> None:
        """The same with Kahan summation."""
        old_PD = rows_PD.float()
        step_PD = gradient_PD.float().mul_(-rate).add_(lost_PD.float()).sub_(old_PD * decay)
        rows_PD.copy_(old_PD + step_PD)
        lost_PD.copy_(step_PD - (rows_PD.float() - old_PD))


def round_stochastic(values: torch.Tensor, key: int) -> torch.Tensor:
    """Float32 values as bfloat16, up or down such that each is right on average.

    The 16 bits that are cut off are the chances to round up. Draws depend on nothing but ``key``.

    Source: Gupta et al., "Deep Learning with Limited Numerical Precision", ICML 2015, section 3.1.
    """
    generator = torch.Generator(device=values.device).manual_seed(key)
    chance = torch.randint(
        0, 1 << 16, values.shape, generator=generator, dtype=torch.int32, device=values.device
    )
    bits = values.contiguous().view(torch.int32).add_(chance).bitwise_right_shift_(16)
    return bits.to(torch.int16).view(torch.bfloat16)


def _wide(logits_PB: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The block itself, or a copy in the accumulation type."""
    return logits_PB if logits_PB.dtype == dtype else logits_PB.to(dtype)


def _wide_copy(logits_PB: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return logits_PB.to(dtype, copy=True)


def _finish(values_PB: torch.Tensor, logits_PB: torch.Tensor, true: TrueClasses, start: int) -> None:
    """Take the shares of true classes off, then round into the block."""
    here = true.between(start, start + len(logits_PB))
    values_PB[true.classes_T[here] - start, true.examples_T[here]] -= true.shares_T[here]
    if values_PB is not logits_PB:
        logits_PB.copy_(values_PB)
