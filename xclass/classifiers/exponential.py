"""The exponential of logits that were made non-positive, at full speed."""

from __future__ import annotations

import torch

_LOWEST = -87.0
"""exp(-87) = 1.6e-38 is the last whole power above float32's smallest normal number, 1.2e-38."""


def exp_(logits: torch.Tensor) -> torch.Tensor:
    """Exponentiate in place; what would underflow becomes 1.6e-38 instead of 0.

    Among millions of classes nearly all probabilities underflow, and torch's exp (MKL's vsExp) is 15 to 40
    times slower there: 1.3 ms for 4096 x 512 values in [-5, 0], 51 ms in [-100, -90]. C such terms add less
    than C 1.6e-38 to a sum that is at least 1.

    Args:
        logits: at most 0; overwritten.

    Returns:
        The same tensor.
    """
    return logits.clamp_(min=_LOWEST).exp_()
