"""Loss and gradients of the sampled softmax, on gathered rows only."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from xclass.classifiers.exponential import exp_


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledGradient:
    """What one batch gives.

    Attributes:
        losses_B: shape (B,), sampled cross-entropy of each example; an underestimate of the true one.
        inputs_BD: shape (B, D), gradient of the summed loss.
        positives_BD: shape (B, D), gradient at the true class's row of each example.
        negatives_SD: shape (S, D), gradient at each sampled row.
    """

    losses_B: torch.Tensor
    inputs_BD: torch.Tensor
    positives_BD: torch.Tensor
    negatives_SD: torch.Tensor


def sampled_softmax_gradient(
    inputs_BD: torch.Tensor,
    positives_BD: torch.Tensor,
    negatives_SD: torch.Tensor,
    *,
    log_expected_count_S: torch.Tensor,
    is_hit_BS: torch.Tensor,
) -> SampledGradient:
    """Cross-entropy of the true class against shared sampled negatives.

    The logit of a negative is corrected by ``- log(S q)``, so that the sum over negatives estimates the sum
    over all other classes. The true class is there with probability 1 and is *not* corrected: correcting it
    too is the usual mistake. A negative that is an example's true class is masked for that example. With
    every class drawn once (S q = 1) the loss is the exact cross-entropy.

    Args:
        inputs_BD: shape (B, D).
        positives_BD: class vectors of the true classes, shape (B, D).
        negatives_SD: class vectors of the sampled classes, shape (S, D).
        log_expected_count_S: log(S q), shape (S,).
        is_hit_BS: bool, shape (B, S); True where negative s is the true class of example b.

    Memory:
        two B S matrices and O((B + S) D).

    Source: Bengio & Senecal 2008 (importance-sampled softmax); Jean et al., ACL 2015, section 3.1;
    "Correcting the LogQ Correction", RecSys 2025 (arXiv 2507.09331): no correction of the positive.
    """
    positive_logits_B = torch.einsum("bd,bd->b", inputs_BD, positives_BD)
    logits_BS = torch.mm(inputs_BD, negatives_SD.t())
    logits_BS -= log_expected_count_S
    logits_BS.masked_fill_(is_hit_BS, -torch.inf)
    maximum_B = torch.maximum(logits_BS.amax(dim=1), positive_logits_B)
    exp_(logits_BS.sub_(maximum_B[:, None]))
    positive_B = torch.exp(positive_logits_B - maximum_B)
    total_B = logits_BS.sum(dim=1) + positive_B
    losses_B = total_B.log() + maximum_B - positive_logits_B
    probability_BS = logits_BS.div_(total_B[:, None])
    error_B = (positive_B / total_B - 1.0)[:, None]
    return SampledGradient(
        losses_B=losses_B,
        inputs_BD=torch.mm(probability_BS, negatives_SD).add_(error_B * positives_BD),
        positives_BD=error_B * inputs_BD,
        negatives_SD=torch.mm(probability_BS.t(), inputs_BD),
    )


def rowwise_adagrad_(
    weights_CD: torch.Tensor,
    state_C: torch.Tensor,
    rows_U: torch.Tensor,
    gradient_UD: torch.Tensor,
    learning_rate: float,
) -> None:
    """Row-wise Adagrad on unique rows, in place: one float of state per row.

    ``state[r] += mean(g_r^2); w_r -= lr g_r / (sqrt(state[r]) + 1e-10)``. Rows not named are untouched.

    Source: FBGEMM ``EXACT_ROWWISE_ADAGRAD``; Duchi, Hazan, Singer, JMLR 2011.
    """
    state_U = state_C[rows_U] + gradient_UD.square().mean(dim=1)
    state_C[rows_U] = state_U
    gradient_UD.mul_((learning_rate / (state_U.sqrt() + 1e-10))[:, None])
    weights_CD.index_add_(0, rows_U, gradient_UD, alpha=-1)
