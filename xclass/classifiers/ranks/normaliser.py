"""The log-sum-exp of each example over the classes of all ranks."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from xclass.classifiers.ranks.ranks import Ranks


def sum_over_ranks(
    maximum_B: torch.Tensor, total_B: torch.Tensor, others_B: Sequence[torch.Tensor], ranks: Ranks
) -> tuple[torch.Tensor, ...]:
    """Two exchanges, whatever the number of classes: a maximum and a few sums per example.

    Args:
        maximum_B: of the logits of this rank; the least finite number where it has none. Overwritten.
        total_B: float64, sum of ``exp(logit - maximum)``. Overwritten.
        others_B: float64, what is to be added up besides.
        ranks: all of them call this.

    Returns:
        The maximum, the sum of exponentials relative to it, and the others, of all ranks.

    Source: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018: the pair is merged in
    any order.
    """
    own_maximum_B = maximum_B.clone()
    maximum_B = ranks.maximum_(maximum_B)
    total_B *= torch.exp((own_maximum_B - maximum_B).double())
    return maximum_B, *ranks.sum_(torch.stack((total_B, *others_B)))
