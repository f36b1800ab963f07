"""Metrics in the rows of summary.json: which of them a table shows, with no digit more than it carries."""

from __future__ import annotations

from xclass.report.rows import Row
from xclass.report.text import share_with_interval

_ALIKE_SHARE = 0.2


def by_class_key(row: Row, name: str) -> str | None:
    """Key of a recall by class that says most.

    At first place; of several true classes, of which one answer finds one, among all answers.

    Args:
        row: of a serve phase, or any other.
        name: ``tail_recall``, ``macro_recall`` ...

    Returns:
        None where the row has none.
    """
    places = [key.rpartition("_")[2] for key in row if key.startswith(f"{name}_at_")]
    ks = sorted(int(place) for place in places if place.isdecimal() and row[f"{name}_at_{place}"] is not None)
    has_one_class = row.get("precision_at_1") == row.get("recall_at_1")
    return f"{name}_at_{ks[0 if has_one_class else -1]}" if ks else None


def metric_interval(row: Row, key: str) -> tuple[str, str, str]:
    """Value and ends in percent, without the sign."""
    return share_with_interval(row[key], row[f"{key}_low"], row[f"{key}_high"])


def metric_text(row: Row, key: str | None) -> str:
    """``64 % (60 to 68)``; ``-`` where there is no such metric."""
    if key is None or row.get(key) is None:
        return "-"
    share, low, high = metric_interval(row, key)
    return f"{share} % ({low} to {high})"


def adds_nothing(difference: float, interval: float) -> bool:
    """Whether two metrics differ by so little of the width of an interval that nobody would look for it."""
    return abs(difference) <= interval * _ALIKE_SHARE
