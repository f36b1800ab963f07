"""How sure a measured share is, and percentiles of measured times."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist


def wilson(successes: float, total: float, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a binomial share, without continuity correction.

    Unlike the textbook ``p +- z sqrt(p (1 - p) / n)`` it stays inside [0, 1] and keeps its coverage near
    0 and 1, where accuracies over millions of classes lie.

    Args:
        successes: queries answered right, 0 to total. Where queries are worth between 0 and 1 each, their
            sum: a mean m of such values varies by at most m (1 - m), so that the interval is never too short.
        total: queries, 0 or more; 0 knows nothing and gives (0, 1). Of unequal weights the
            effective number.
        confidence: coverage, between 0 and 1 exclusive.

    Returns:
        (low, high), shares; low is exactly 0.0 at no success, high exactly 1.0 at no failure.

    Raises:
        ValueError: an argument outside its range.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927), pages 209-212: (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    if not 0 <= successes <= total:
        raise ValueError(f"successes={successes}: allowed is 0 to total={total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: allowed is between 0 and 1")
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / total
    scale = 1 + z * z / total
    center = (share + z * z / (2 * total)) / scale
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    # At the ends the formula gives 0 and 1 up to rounding error only.
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == total else min(1.0, center + half)
    return low, high


def percentile(values: Iterable[float], percent: int) -> float:
    """Nearest-rank percentile: the smallest value that at least ``percent`` % of the values do not exceed.

    It is always a value that was measured, and with fewer than 100 values the 99th is the largest.

    Args:
        values: at least one, in any order.
        percent: 1 to 100, whole, so that the rank is exact integer arithmetic.

    Raises:
        ValueError: no values, or a percent outside its range.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("percentile of no values")
    if not 1 <= percent <= 100:
        raise ValueError(f"percent={percent}: allowed is 1 to 100")
    rank = -(-len(ordered) * percent // 100)
    return ordered[rank - 1]
