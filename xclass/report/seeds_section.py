"""How far accuracy and memory move when nothing but the seed is changed: a table over the runs of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.records.record import Verdict
from xclass.report.over_seeds import over_seeds, seed_groups
from xclass.report.page.method_table import accuracy_text
from xclass.report.row_metrics import by_class_key, metric_text
from xclass.report.rows import Row, shown_variant
from xclass.report.text import clean, code, share_with_interval, table
from xclass.units import format_bytes, format_count

_HEADERS = (
    "variant",
    "data",
    "classes",
    "dim",
    "seeds",
    "right at first place: mean (95 % interval over seeds)",
    "of each seed",
    "of the rarest classes: mean (95 % interval over seeds)",
    "peak RAM to serve (measured)",
)
_TAIL = 7
"""Place of the rarest classes, which not every data set has."""
_WORDS = (
    "The same run with several seeds: each makes its own random choices (synthetic data and queries, the "
    "order of training, first values). Means have Student's 95 % interval over seeds, which is never taken "
    "narrower than that of a single run's queries, because runs may share these. The opening sentences and "
    "the table of methods and phases show these means, and medians of bytes and times."
)


def seeds_section(rows: Sequence[Row]) -> str:
    """Every variant that answered with several seeds; empty where there is none.

    Args:
        rows: of all runs, each with ``variant`` and ``settings``.
    """
    groups = _answered_groups(rows)
    if not groups:
        return ""
    lines = [list(_HEADERS), *(_cells(group) for group in groups)]
    if all(line[_TAIL] == "-" for line in lines[1:]):
        lines = [line[:_TAIL] + line[_TAIL + 1 :] for line in lines]
    return f"{_WORDS}\n\n{table(lines[0], lines[1:], num_text_columns=2)}"


def seeds_lines(rows: Sequence[Row]) -> list[str]:
    """The same for a terminal: a line per variant."""
    lines = []
    for group in _answered_groups(rows):
        (mean,) = over_seeds(group)
        size = f"{format_count(mean['classes'])} classes of {clean(mean['data'])}, {mean['dim']} dimensions"
        share = accuracy_text(mean)
        lines.append(f"{clean(shown_variant(mean))} at {size}: {share} right, mean over {len(group)} seeds")
    return lines


def _answered_groups(rows: Sequence[Row]) -> list[list[Row]]:
    return [group for group in seed_groups(rows) if len(group) > 1 and _has_answered(group)]


def _has_answered(group: Sequence[Row]) -> bool:
    return all(row["accuracy_at_1"] is not None and row["verdict"] == Verdict.MEASURED for row in group)


def _cells(group: Sequence[Row]) -> list[str]:
    (mean,) = over_seeds(group)
    ordered = sorted(group, key=lambda row: int(row["seed"]))
    each = (
        share_with_interval(row["accuracy_at_1"], row["accuracy_low"], row["accuracy_high"])[0]
        for row in ordered
    )
    peaks = [row["peak_rss_bytes"] for row in group if row["peak_rss_bytes"] is not None]
    return [
        code(shown_variant(mean)),
        code(mean["data"]),
        format_count(mean["classes"]),
        str(mean["dim"]),
        ", ".join(str(row["seed"]) for row in ordered),
        accuracy_text(mean),
        f"{', '.join(each)} %",
        metric_text(mean, by_class_key(mean, "tail_recall")),
        " to ".join(dict.fromkeys(format_bytes(peak) for peak in (min(peaks), max(peaks)))) if peaks else "-",
    ]
