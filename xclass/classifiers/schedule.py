"""How the learning rate changes while the budget is spent. Standard library only."""

from __future__ import annotations

import math
from enum import StrEnum


class Schedule(StrEnum):
    """Course of the learning rate after its warm-up."""

    constant = "constant"
    linear = "linear"
    """Falls in a straight line to 0 at the end of the budget."""
    cosine = "cosine"
    """Falls to 0 along half a cosine (Loshchilov & Hutter, "SGDR", ICLR 2017, eq. 5, no restarts)."""


def rate_factor(schedule: Schedule, share_spent: float, warm_up_share: float) -> float:
    """What the learning rate is multiplied by.

    Args:
        schedule: course after the warm-up.
        share_spent: of the budget, 0 to 1 (what lies beyond counts as 1).
        warm_up_share: of the budget during which the factor rises linearly from 0 to 1; 0 to below 1.

    Returns:
        0 to 1.
    """
    share_spent = min(max(share_spent, 0.0), 1.0)
    if share_spent < warm_up_share:
        return share_spent / warm_up_share
    left = (1.0 - share_spent) / (1.0 - warm_up_share)
    if schedule is Schedule.linear:
        return left
    if schedule is Schedule.cosine:
        return 0.5 * (1.0 - math.cos(math.pi * left))
    return 1.0
