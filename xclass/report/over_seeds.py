"""Runs that differ in nothing but their seed as one row: means of shares, medians of all else."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, cos, pi, sin, sqrt
from statistics import fmean, median, median_low, stdev
from typing import Any

from xclass.records.record import Verdict
from xclass.report.rows import Row

_ENDS = ("_low", "_high")
_ACCURACY = {"accuracy_at_1": ("accuracy_low", "accuracy_high")}
_NO_FIGURES = {
    "classes",
    "dim",
    "seed",
    "num_queries",
    "num_examples",
    "throughput_batch_size",
    "latency_batch_size",
}
"""Numbers of a row that are the same in all of them, or mean nothing together."""


def over_seeds(rows: Sequence[Row]) -> list[Row]:
    """Rows of equal variant, size, data and settings, measured with several seeds, as one each.

    Args:
        rows: each with its ``run``, ``variant`` and ``settings`` (what was set besides the seed).

    Returns:
        The other rows as they are; a row over seeds has ``num_seeds``, and its ``run`` names them.
    """
    merged: list[Row] = []
    for group in seed_groups(rows):
        merged += [_merged(group)] if len(group) > 1 else group
    return merged


def seed_groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in their seed alone, together; every other row alone."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        names = ("data", "classes", "dim", "variant", "phase", "settings")
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    found: list[list[Row]] = []
    for group in groups.values():
        # A seed that was run twice is no further seed.
        has_each_once = len({row["seed"] for row in group}) == len(group)
        found += [group] if has_each_once else [[row] for row in group]
    return found


def _merged(group: Sequence[Row]) -> Row:
    seeds = sorted(row["seed"] for row in group)
    failed = next((row for row in group if row["verdict"] != Verdict.MEASURED), None)
    merged: Row = {
        **(failed or group[0]),
        "num_seeds": len(seeds),
        "run": f"seeds {', '.join(map(str, seeds))}",
    }
    merged["disturbed_by"] = next((by for row in group if (by := row.get("disturbed_by"))), None)
    if failed is not None:
        return merged | {"cause": f"seed {failed['seed']}: {failed['cause']}"}
    for key in group[0]:
        if key in _ACCURACY or f"{key}_low" in group[0]:
            merged |= _mean(key, group)
        elif key not in _NO_FIGURES and not key.endswith(_ENDS):
            values = [row[key] for row in group if _is_number(row.get(key))]
            if len(values) == len(group):
                merged[key] = median_low(values) if key.endswith("_bytes") else median(values)
    return merged


def _mean(key: str, group: Sequence[Row]) -> Row:
    """Mean and interval of a share over seeds."""
    low_key, high_key = _ACCURACY.get(key, (f"{key}_low", f"{key}_high"))
    told = [row for row in group if row.get(key) is not None]
    if len(told) < len(group):
        return {key: None, low_key: None, high_key: None}
    low, high = mean_interval([(row[key], row[low_key], row[high_key]) for row in told])
    return {key: fmean(row[key] for row in told), low_key: low, high_key: high}


def mean_interval(shares: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """95 % interval of the mean of a share over seeds, within 0 and 1.

    Student's, but never narrower on a side than those of single runs are on average: runs may share their
    queries (a test set that is asked whole), and what these leave open no number of seeds tells.

    Args:
        shares: (share, low, high) of each seed, at least two.
    """
    mean = fmean(share for share, _, _ in shares)
    half = t_quantile(len(shares) - 1) * stdev(share for share, _, _ in shares) / sqrt(len(shares))
    below = max(half, fmean(share - low for share, low, _ in shares))
    above = max(half, fmean(high - share for share, _, high in shares))
    return max(0.0, mean - below), min(1.0, mean + above)


def t_quantile(num_free: int) -> float:
    """The 97.5 % quantile of Student's distribution with so many degrees of freedom, 1 or more.

    Source: Abramowitz and Stegun, "Handbook of mathematical functions", 26.7.3 and 26.7.4: the distribution
    function as a finite sum for whole degrees of freedom; turned round by bisection.
    """
    low, high = 0.0, 1000.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, num_free) < 0.95 else (low, middle)
    return high


def _within(t: float, num_free: int) -> float:
    """P(|T| <= t)."""
    theta = atan2(t, sqrt(num_free))
    is_odd = num_free % 2 == 1
    term = cos(theta) if is_odd else 1.0
    total = term if num_free > 1 else 0.0
    for power in range(3 if is_odd else 2, num_free - 1, 2):
        term *= cos(theta) ** 2 * (power - 1) / power
        total += term
    return 2 / pi * (theta + sin(theta) * total) if is_odd else sin(theta) * total


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
