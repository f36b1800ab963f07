"""The table that is read first: every method and phase with RAM, closed form, accuracy, latency and time."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.records.record import Verdict
from xclass.report.disturbed import time_text
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.rows import Row, each_rank_text, shown_variant
from xclass.report.text import code, escape, ratio_text, share_with_interval, table
from xclass.units import format_bytes, format_count

_HEADERS = (
    "phase",
    "peak RAM (measured)",
    "base (measured)",
    "closed form of peak - base (predicted)",
    "measured / predicted",
    "right at first place (measured, 95 % interval)",
    "time of one query, p50 (measured)",
    "time (measured)",
)


def method_table(rows: Sequence[Row]) -> str:
    """The rows of one or several runs; what is the same in all of them is said once, above.

    Args:
        rows: of the summary, each with ``run`` and ``variant``.
    """
    if not rows:
        return ""
    varying = [key for key in ("data", "classes", "dim", "run") if len({row[key] for row in rows}) > 1]
    headers = ["variant", *varying, *_HEADERS]
    cells = [
        [code(shown_variant(row)), *(_fact(row, key) for key in varying), row["phase"], *_figures(row)]
        for row in rows
    ]
    parts = [_common(rows[0], varying), table(headers, cells, num_text_columns=2 + len(varying))]
    if any(row["accuracy_at_1"] is not None for row in rows):
        parts.append(f"{ACCURACY_CAVEAT} Training, building, loading and serving are processes of their own.")
    return "\n\n".join(part for part in parts if part)


def accuracy_text(row: Row) -> str:
    """Share right at first place with its interval; ``-`` where nothing was answered."""
    if row["accuracy_at_1"] is None:
        return "-"
    share, low, high = share_with_interval(row["accuracy_at_1"], row["accuracy_low"], row["accuracy_high"])
    return f"{share} % ({low} to {high})"


def _common(row: Row, varying: Sequence[str]) -> str:
    said = {
        "classes": f"{format_count(row['classes'])} classes",
        "data": f"data {code(row['data'])}",
        "dim": f"{row['dim']} dimensions",
    }
    facts = [text for key, text in said.items() if key not in varying]
    return f"All at {', '.join(facts)}." if facts else ""


def _fact(row: Row, key: str) -> str:
    return format_count(row[key]) if key in ("classes", "dim") else code(row[key]) or "-"


def _figures(row: Row) -> list[str]:
    if row["verdict"] != Verdict.MEASURED:
        # What a killed child had reached is no peak of the phase.
        predicted = format_bytes(row["predicted_over_base_bytes"])
        return [escape(row["verdict"].replace("_", " ")), "-", predicted, *"----"]
    return [
        f"{format_bytes(row['peak_rss_bytes'])}{each_rank_text(row)}",
        format_bytes(row["base_rss_bytes"]),
        format_bytes(row["predicted_over_base_bytes"]),
        ratio_text(row["ratio"]),
        accuracy_text(row),
        time_text(row, "latency_p50_seconds"),
        time_text(row, "seconds"),
    ]
