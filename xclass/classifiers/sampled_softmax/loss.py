"""Loss and gradients of the sampled softmax, on gathered rows only."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from xclass.classifiers.kernels.sampled import GradientLayout, SampledKernels
from xclass.classifiers.products import Product
from xclass.classifiers.ranks.normaliser import sum_over_ranks
from xclass.classifiers.ranks.ranks import Ranks


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the softmax of some examples needs to know of one part, or of one rank.

    Attributes:
        maximum_B: accumulation type, of the corrected logits.
        total_B: float64, sum of ``exp(logit - maximum)``.
        positives_B: float64, logits of the true classes; 0 where another rank has them.
    """

    maximum_B: torch.Tensor
    total_B: torch.Tensor
    positives_B: torch.Tensor


def exponentiate(
    inputs_BD: torch.Tensor,
    positives_BD: torch.Tensor,
    negatives_SD: torch.Tensor,
    *,
    offsets_S: torch.Tensor,
    hits: tuple[torch.Tensor, torch.Tensor],
    is_mine_B: torch.Tensor,
    kernels: SampledKernels,
    product: Product,
    buffers: PartBuffers,
) -> Terms:
    """Logits of the true class and of shared negatives; those of the negatives become exponentials.

    The logit of a negative is corrected by ``- log(expected count / times drawn)``, so that the sum over
    negatives estimates the sum over all other classes. The true class, there with probability 1, is *not*
    corrected: that is the usual mistake. A negative that is an example's true class is masked for it. With
    every class drawn once (expected count 1) the loss is the exact cross-entropy.

    One exponential per logit: what makes probabilities of them belongs to the example, so it is taken out of
    the inputs and of the results of two products instead of the block.

    Args:
        inputs_BD: accumulation type (float64 for float64, else float32); left untouched.
        positives_BD: class vectors of the true classes.
        negatives_SD: class vectors of the distinct sampled classes.
        offsets_S: accumulation type, log(expected count) - log(times drawn); inf for a row to be ignored.
        hits: places among the sampled rows, and the examples whose true class stands there.
        is_mine_B: whether the true class is one of this rank.
        kernels: elementwise work.
        product: matrix products.
        buffers: where it computes; to be handed on to :func:`differentiate`.

    Source: Jean et al., ACL 2015, section 3.1 (importance sampling of Bengio & Senecal 2008); "Correcting the
    LogQ Correction", RecSys 2025 (arXiv 2507.09331): no correction of the positive.
    """
    block_SB = buffers.logits_SB
    wide_positives_BD = buffers.positives_BD.copy_(positives_BD)
    positives_B = torch.mul(wide_positives_BD, inputs_BD, out=buffers.inputs_BD).sum(dim=1)
    product(negatives_SD, buffers.low_BD.copy_(inputs_BD).t(), block_SB)
    block_SB[hits] = -torch.inf
    lowest = torch.finfo(positives_B.dtype).min
    maximum_B = torch.where(is_mine_B, positives_B, lowest)
    total_B = is_mine_B.double()
    kernels.exp_shifted(block_SB, offsets_S, maximum_B, total_B)
    return Terms(maximum_B=maximum_B, total_B=total_B, positives_B=positives_B.double() * is_mine_B)


def take_losses(terms: list[Terms], ranks: Ranks) -> tuple[torch.Tensor, torch.Tensor]:
    """Put together what parts of a batch found, and ranks.

    Args:
        terms: of parts of the batch, behind each other.
        ranks: that have the other classes.

    Returns:
        losses_B: sampled cross-entropy of each example; an underestimate of the true one;
        shares_B: accumulation type, by what the exponentials of this rank make probabilities.
    """
    own_maximum_B = torch.cat([part.maximum_B for part in terms])
    maximum_B, total_B, positives_B = sum_over_ranks(
        own_maximum_B.clone(),
        torch.cat([part.total_B for part in terms]),
        [torch.cat([part.positives_B for part in terms])],
        ranks,
    )
    real = own_maximum_B.dtype
    losses_B = total_B.log().to(real) + (maximum_B - positives_B.to(real))
    shares_B = torch.exp((own_maximum_B - maximum_B).double()) / total_B
    return losses_B, shares_B.to(real)


def differentiate(
    inputs_BD: torch.Tensor,
    negatives_SD: torch.Tensor,
    *,
    shares_B: torch.Tensor,
    errors_B: torch.Tensor,
    product: Product,
    buffers: PartBuffers,
    needs_inputs: bool = True,
) -> None:
    """Gradients of the summed loss, into the buffers that :func:`exponentiate` left.

    Args:
        inputs_BD: as given there.
        negatives_SD: as given there.
        shares_B: what makes probabilities of the exponentials.
        errors_B: probability of the true class less 1; 0 where another rank has it.
        product: matrix products.
        buffers: receives the gradients.
        needs_inputs: also give the gradient at the inputs, as far as this rank's classes go: the third
            product.
    """
    block_SB, wide_BD = buffers.logits_SB, buffers.inputs_BD
    share_B1, error_B1 = shares_B[:, None], errors_B[:, None]
    buffers.low_BD.copy_(torch.mul(inputs_BD, share_B1, out=wide_BD))
    product(block_SB, buffers.low_BD, buffers.negative_gradient_SD)
    buffers.positive_gradient_BD.copy_(torch.mul(inputs_BD, error_B1, out=wide_BD))
    if needs_inputs:
        product(block_SB.t(), negatives_SD, buffers.product_BD)
        wide_BD.copy_(buffers.product_BD).mul_(share_B1).add_(buffers.positives_BD.mul_(error_B1))
