"""Loss and gradients of the sampled softmax, on gathered rows only."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from xclass.classifiers.kernels.sampled import GradientLayout, SampledKernels
from xclass.classifiers.products import Product


@dataclass(frozen=True, kw_only=True, slots=True)
class PartBuffers:
    """Where one part of a batch computes: B examples and S sampled rows.

    Attributes:
        low_BD: class vectors' dtype.
        product_BD: class vectors' dtype.
        positives_BD: accumulation type.
        inputs_BD: accumulation type; gradient of the summed loss at the inputs afterwards.
        logits_SB: class vectors' dtype, contiguous.
        positive_gradient_BD: class vectors' dtype; gradient at the true class's row of each example.
        negative_gradient_SD: class vectors' dtype; gradient at each sampled row.
    """

    low_BD: torch.Tensor
    product_BD: torch.Tensor
    positives_BD: torch.Tensor
    inputs_BD: torch.Tensor
    logits_SB: torch.Tensor
    positive_gradient_BD: torch.Tensor
    negative_gradient_SD: torch.Tensor


class StepBuffers:
    """Scratch of all steps, allocated once: a fresh block of this size is a system call and page faults.

    Memory:
        see ``_scratch_bytes`` of xclass/classifiers/sampled_softmax/memory.py.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        num_sampled: int,
        dim: int,
        dtype: torch.dtype,
        parts: int,
        device: torch.device | None = None,
    ) -> None:
        """Allocate.

        Args:
            batch_size: B, at most.
            num_sampled: S, rows behind those of the true classes, at most.
            dim: D.
            dtype: of the class vectors and the products.
            parts: T, of the batch, at most.
            device: of the class vectors; None: the CPU.
        """
        accumulation = torch.float64 if dtype == torch.float64 else torch.float32
        self.rows_TD = torch.empty(batch_size + num_sampled, dim, dtype=dtype, device=device)
        self.gradient_TD = torch.empty(batch_size + parts * num_sampled, dim, dtype=dtype, device=device)
        self.layout = GradientLayout(parts=parts, base=batch_size, stride=num_sampled)
        self.inputs_BD = torch.empty(batch_size, dim, dtype=accumulation, device=device)
        self._positives_BD = torch.empty_like(self.inputs_BD)
        self._low_BD = torch.empty(batch_size, dim, dtype=dtype, device=device)
        self._product_BD = torch.empty_like(self._low_BD)
        self._logits = torch.empty(num_sampled * batch_size, dtype=dtype, device=device)

    def part(self, index: int, examples: slice, num_sampled: int) -> PartBuffers:
        """Views for the examples of one part and this step's number of sampled rows."""
        start, stop = examples.start, examples.stop
        logits = self._logits[num_sampled * start : num_sampled * stop]
        first = self.layout.base + index * self.layout.stride
        return PartBuffers(
            low_BD=self._low_BD[examples],
            product_BD=self._product_BD[examples],
            positives_BD=self._positives_BD[examples],
            inputs_BD=self.inputs_BD[examples],
            logits_SB=logits.view(num_sampled, stop - start),
            positive_gradient_BD=self.gradient_TD[examples],
            negative_gradient_SD=self.gradient_TD[first : first + num_sampled],
        )


def sampled_softmax_gradient(
    inputs_BD: torch.Tensor,
    positives_BD: torch.Tensor,
    negatives_SD: torch.Tensor,
    *,
    offsets_S: torch.Tensor,
    hits: tuple[torch.Tensor, torch.Tensor],
    kernels: SampledKernels,
    product: Product,
    buffers: PartBuffers,
    needs_inputs: bool = True,
) -> torch.Tensor:
    """Cross-entropy of the true class against shared sampled negatives.

    The logit of a negative is corrected by ``- log(expected count / times drawn)``, so that the sum over
    negatives estimates the sum over all other classes. The true class, there with probability 1, is *not*
    corrected: that is the usual mistake. A negative that is an example's true class is masked for it. With
    every class drawn once (expected count 1) the loss is the exact cross-entropy.

    Args:
        inputs_BD: accumulation type (float64 for float64, else float32); left untouched.
        positives_BD: class vectors of the true classes.
        negatives_SD: class vectors of the distinct sampled classes.
        offsets_S: accumulation type, log(expected count) - log(times drawn); inf for a row to be ignored.
        hits: places among the sampled rows, and the examples whose true class stands there.
        kernels: elementwise work.
        product: matrix products.
        buffers: receives the gradients.
        needs_inputs: also give the gradient at the inputs: the third product.

    Returns:
        losses_B: sampled cross-entropy of each example; an underestimate of the true one.

    Source: Jean et al., ACL 2015, section 3.1 (importance sampling of Bengio & Senecal 2008); "Correcting the
    LogQ Correction", RecSys 2025 (arXiv 2507.09331): no correction of the positive.
    """
    block_SB, wide_BD = buffers.logits_SB, buffers.inputs_BD
    wide_positives_BD = buffers.positives_BD.copy_(positives_BD)
    positive_logits_B = torch.mul(wide_positives_BD, inputs_BD, out=wide_BD).sum(dim=1)
    product(negatives_SD, buffers.low_BD.copy_(inputs_BD).t(), block_SB)
    block_SB[hits] = -torch.inf
    losses_B, share_B1 = _exponentiate(block_SB, offsets_S, positive_logits_B, kernels)
    error_B1 = torch.expm1(-losses_B)[:, None]
    buffers.low_BD.copy_(torch.mul(inputs_BD, share_B1, out=wide_BD))
    product(block_SB, buffers.low_BD, buffers.negative_gradient_SD)
    buffers.positive_gradient_BD.copy_(torch.mul(inputs_BD, error_B1, out=wide_BD))
    if needs_inputs:
        product(block_SB.t(), negatives_SD, buffers.product_BD)
        wide_BD.copy_(buffers.product_BD).mul_(share_B1).add_(wide_positives_BD.mul_(error_B1))
    return losses_B


def _exponentiate(
    block_SB: torch.Tensor,
    offsets_S: torch.Tensor,
    positive_logits_B: torch.Tensor,
    kernels: SampledKernels,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits become exp(logit - maximum); the losses, and by what share (B, 1) these make probabilities.

    One exponential per logit: that share belongs to the example, so it is taken out of the inputs and of the
    results of two products instead of the block.
    """
    maximum_B = positive_logits_B.clone()
    total_B = torch.ones(len(maximum_B), dtype=torch.float64, device=maximum_B.device)
    kernels.exp_shifted(block_SB, offsets_S, maximum_B, total_B)
    losses_B = total_B.log().to(maximum_B.dtype) + (maximum_B - positive_logits_B)
    return losses_B, total_B.reciprocal_().to(maximum_B.dtype)[:, None]
