"""The sentences that open a report: measured facts only, nothing projected."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.records.record import Phase, Verdict
from xclass.report.row_metrics import by_class_key, metric_text
from xclass.report.rows import Row, each_rank_text, is_half_as_good, shown_variant
from xclass.report.text import code, share_with_interval
from xclass.sizing.ledger import EQUAL_RUNS_BYTES
from xclass.units import format_bytes, format_count

_PURPOSES = {Phase.TRAIN: "train", Phase.BUILD: "build", Phase.SERVE: "serve"}


def verdict_text(rows: Sequence[Row]) -> str:
    """Which method answered best and with how much RAM, which serves in the least, what was not measured."""
    answered = [row for row in rows if row["accuracy_at_1"] is not None]
    sentences = [_best(answered, rows), _leanest(rows)] if answered else [_no_answers(rows)]
    num_missing = sum(row["verdict"] != Verdict.MEASURED for row in rows)
    if num_missing and answered:
        sentences.append(f"{num_missing} of {len(rows)} phases could not be measured: see below.")
    return " ".join(sentence for sentence in sentences if sentence)


def _has_peak(row: Row) -> bool:
    # What a killed child had reached is not what it would have needed.
    return row["verdict"] == Verdict.MEASURED and row["peak_rss_bytes"] is not None


def _names(row: Row) -> tuple[str, str]:
    """What the phases of one method in one run share; rows of a lone run do not name it."""
    return row.get("run", ""), row["method"]


def _shown(row: Row) -> str:
    """Two runs may differ in the index of one method: then a row says its variant."""
    return code(shown_variant(row))


def _best(answered: Sequence[Row], rows: Sequence[Row]) -> str:
    best = max(answered, key=lambda row: float(row["accuracy_at_1"]))
    share, low, high = share_with_interval(best["accuracy_at_1"], best["accuracy_low"], best["accuracy_high"])
    peaks = ", ".join(
        f"{format_bytes(row['peak_rss_bytes'])} to {purpose}{each_rank_text(row)}"
        for phase, purpose in _PURPOSES.items()
        for row in rows
        if _names(row) == _names(best) and row["phase"] == phase and _has_peak(row)
    )
    others = [row for row in answered if row is not best]
    text = (
        f"At {format_count(best['classes'])} classes of {code(best['data'])} ({best['dim']} dimensions), "
        f"**{_shown(best)} answered {'best' if others else 'right'}: {share} %** "
        f"{_asked(best)} {low} to {high})"
    )
    text += f", with a measured peak RAM of **{peaks}**." if peaks else "; its peak RAM was not measured."
    close = dict.fromkeys(_shown(row) for row in others if row["accuracy_high"] >= best["accuracy_low"])
    close.pop(_shown(best), None)
    if close:
        verb = "interval of {} overlaps" if len(close) == 1 else "intervals of {} overlap"
        text += f" The {verb.format(', '.join(close))} its: these queries do not rank them."
    if (tail := by_class_key(best, "tail_recall")) is not None:
        text += f" Of the queries of the rarest classes {_shown(best)} finds {metric_text(best, tail)}."
    if best.get("covered_accuracy") is not None:
        covered, right = metric_text(best, "coverage"), metric_text(best, "covered_accuracy")
        text += f" If it may pass where it is unsure, it answers {covered}, and {right} of these are right."
    return text


def _asked(row: Row) -> str:
    """How many queries a share is of, and of what its interval is."""
    queries = f"of {format_count(row['num_queries'])} queries"
    if "num_seeds" not in row:
        return f"{queries} (95 % interval"
    return f"{queries} on average of {row['num_seeds']} seeds (95 % interval over seeds"


def _leanest(rows: Sequence[Row]) -> str:
    every = [row for row in rows if row["phase"] == Phase.SERVE and _has_peak(row)]
    best = max(every, key=lambda row: row["accuracy_at_1"] or 0.0, default=None)
    serving = [row for row in every if is_half_as_good(row, best)]
    if best is None or len(serving) < 2:
        return ""
    among = "" if len(serving) == len(every) else " among those that are right at least half as often"
    least = min(serving, key=lambda row: int(row["peak_rss_bytes"]))
    most_bytes = max(int(row["peak_rss_bytes"]) for row in serving)
    if most_bytes - int(least["peak_rss_bytes"]) <= EQUAL_RUNS_BYTES:
        return (
            f"All serve in the same RAM{among}, to the {format_bytes(EQUAL_RUNS_BYTES)} by which equal runs "
            "differ."
        )
    if least is best:
        return f"{_shown(least)} also serves in the least RAM{among}."
    accuracy = ""
    if least["accuracy_at_1"] is not None:
        share, low, high = share_with_interval(
            least["accuracy_at_1"], least["accuracy_low"], least["accuracy_high"]
        )
        accuracy = f", {share} % right ({low} to {high})"
    return (
        f"Least RAM to serve{among}: {_shown(least)}, measured peak "
        f"{format_bytes(least['peak_rss_bytes'])}{accuracy}."
    )


def _no_answers(rows: Sequence[Row]) -> str:
    num_measured = sum(row["verdict"] == Verdict.MEASURED for row in rows)
    return (
        f"**No method answered queries in this run**: {num_measured} of {len(rows)} phases were measured. "
        "Why is said below, under what was left out."
    )
