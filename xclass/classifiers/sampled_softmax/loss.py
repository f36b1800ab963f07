"""Loss and gradients of the sampled softmax, on gathered rows only."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from xclass.classifiers.kernels.sampled import SampledKernels

ROWS_MULTIPLE = 128
"""Sampled rows are filled up to a multiple of this: oneDNN compiles a bfloat16 product for each new shape, 1 to 2
ms, and the number of distinct samples changes from step to step."""


def round_up(num_rows: int) -> int:
    """The next multiple of :data:`ROWS_MULTIPLE`."""
    return -(-num_rows // ROWS_MULTIPLE) * ROWS_MULTIPLE


class StepBuffers:
    """Scratch of all steps: allocated once, because a fresh block of this size is a system call and page faults.

    Memory:
        ``v S B + 2 v (B + S) D + (2 v + 8) B D`` bytes for values of v bytes.
    """

    def __init__(self, *, batch_size: int, num_sampled: int, dim: int, dtype: torch.dtype) -> None:
        """Allocate.

        Args:
            batch_size: B, at most.
            num_sampled: S, rows behind those of the true classes, at most; see :func:`round_up`.
            dim: D.
            dtype: of the class vectors and the products.
        """
        accumulation = torch.float64 if dtype == torch.float64 else torch.float32
        self.rows_TD = torch.empty(batch_size + num_sampled, dim, dtype=dtype)
        self.gradient_TD = torch.empty_like(self.rows_TD)
        self.low_BD = torch.empty(batch_size, dim, dtype=dtype)
        self.product_BD = torch.empty_like(self.low_BD)
        self.positives_BD = torch.empty(batch_size, dim, dtype=accumulation)
        self.result_BD = torch.empty_like(self.positives_BD)
        self._logits = torch.empty(num_sampled * batch_size, dtype=dtype)

    def logits_SB(self, num_sampled: int, batch_size: int) -> torch.Tensor:
        """A contiguous block of the scratch for logits."""
        return self._logits[: num_sampled * batch_size].view(num_sampled, batch_size)


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledGradient:
    """What one batch gives; the tensors are scratch, valid until the next step.

    Attributes:
        losses_B: shape (B,), sampled cross-entropy of each example; an underestimate of the true one.
        inputs_BD: shape (B, D), gradient of the summed loss; None where none was asked for.
        rows_TD: shape (B + S, D), gradient at the true class's row of each example, then at each sampled row.
    """

    losses_B: torch.Tensor
    inputs_BD: torch.Tensor | None
    rows_TD: torch.Tensor


def sampled_softmax_gradient(
    inputs_BD: torch.Tensor,
    rows_TD: torch.Tensor,
    *,
    offsets_S: torch.Tensor,
    hits: tuple[torch.Tensor, torch.Tensor],
    kernels: SampledKernels,
    buffers: StepBuffers,
    needs_inputs: bool = True,
) -> SampledGradient:
    """Cross-entropy of the true class against shared sampled negatives.

    The logit of a negative is corrected by ``- log(expected count / times drawn)``, so that the sum over
    negatives estimates the sum over all other classes. The true class is there with probability 1 and is *not*
    corrected: correcting it too is the usual mistake. A negative that is an example's true class is masked for
    that example. With every class drawn once (expected count 1) the loss is the exact cross-entropy.

    One exponential per logit: the block keeps ``exp(logit - maximum)``, and what is left to divide by belongs
    to the example, so it is divided out of the inputs and of the result of the two products instead.

    Args:
        inputs_BD: shape (B, D), accumulation type (float64 for float64, else float32); left untouched.
        rows_TD: class vectors of the true classes (B) and of the distinct sampled ones (S).
        offsets_S: accumulation type, log(expected count) - log(times drawn); inf for a row to be ignored.
        hits: places among the sampled rows, and the examples whose true class stands there.
        kernels: elementwise work.
        buffers: scratch.
        needs_inputs: also give the gradient at the inputs: the third product.

    Source: Bengio & Senecal 2008 (importance-sampled softmax); Jean et al., ACL 2015, section 3.1;
    "Correcting the LogQ Correction", RecSys 2025 (arXiv 2507.09331): no correction of the positive.
    """
    batch, num_sampled = len(inputs_BD), len(rows_TD) - len(inputs_BD)
    negatives_SD = rows_TD[batch:]
    low_BD, result_BD = buffers.low_BD[:batch], buffers.result_BD[:batch]
    positives_BD = buffers.positives_BD[:batch].copy_(rows_TD[:batch])
    gradient_TD = buffers.gradient_TD[: len(rows_TD)]
    positive_logits_B = torch.mul(positives_BD, inputs_BD, out=result_BD).sum(dim=1)

    # torch's products even in float32, where numpy's OpenBLAS is faster alone (AMD: 7.6 ms against 9.3 for
    # all three): its threads and torch's OpenMP ones then spin against each other (together 15.6 ms).
    block_SB = buffers.logits_SB(num_sampled, batch)
    torch.mm(negatives_SD, low_BD.copy_(inputs_BD).t(), out=block_SB)
    block_SB[hits] = -torch.inf
    maximum_B, total_B = positive_logits_B.clone(), torch.ones(batch, dtype=torch.float64)
    kernels.exp_shifted(block_SB, offsets_S, maximum_B, total_B)

    losses_B = total_B.log().to(maximum_B.dtype) + maximum_B - positive_logits_B
    share_B1 = total_B.reciprocal_().to(maximum_B.dtype)[:, None]
    error_B1 = torch.expm1(-losses_B)[:, None]
    low_BD.copy_(torch.mul(inputs_BD, share_B1, out=result_BD))
    torch.mm(block_SB, low_BD, out=gradient_TD[batch:])
    gradient_TD[:batch].copy_(torch.mul(inputs_BD, error_B1, out=result_BD))
    if needs_inputs:
        product_BD = torch.mm(block_SB.t(), negatives_SD, out=buffers.product_BD[:batch])
        result_BD.copy_(product_BD).mul_(share_B1).add_(positives_BD.mul_(error_B1))
    return SampledGradient(
        losses_B=losses_B, inputs_BD=result_BD if needs_inputs else None, rows_TD=gradient_TD
    )
