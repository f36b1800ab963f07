"""How far the numbers repeat, and under what conditions each was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xclass.records.neighbours import NEIGHBOURS, NEIGHBOURS_FAILURE, company
from xclass.records.record import Pass, Record
from xclass.report.disturbed import time_text
from xclass.report.rows import Row
from xclass.report.text import code, escape, rate_text, table
from xclass.sizing.ledger import TINY_BYTES
from xclass.units import format_bytes, format_count, format_seconds

_ONCE = (
    "Each phase was measured once, so that nothing is known here of how far the numbers repeat: "
    "`measure.repeats=3` gives medians and spreads."
)


def repeats_section(merged: Sequence[Row]) -> str:
    """Median, least and most of bytes and times; disagreements with their causes."""
    repeated = [row for row in merged if (row["num_repeats"] or 0) > 1]
    if not repeated:
        return _ONCE
    cells = [
        [
            code(row["method"]),
            escape(row["phase"]),
            str(row["num_repeats"]),
            format_bytes(row["peak_over_base_bytes"]),
            _ends(row, "peak_over_base_{}_bytes", format_bytes),
            _width(row),
            time_text(row, "seconds"),
            _ends(row, "seconds_{}", format_seconds),
            _ends(row, "latency_p50_{}_seconds", format_seconds),
            _ends(row, "queries_per_second_{}", rate_text),
        ]
        for row in repeated
    ]
    headers = ["method", "phase", "repeats", "peak - base, median", "least to most", "spread of it"]
    headers += ["time, median", "least to most", "p50 of one query", "queries/s"]
    flagged = [
        f"- **{code(row['method'])} {escape(row['phase'])} does not repeat**: {escape(row['disagreement'])}."
        for row in repeated
        if row["disagreement"]
    ]
    agreement = "\n".join(flagged) or "No phase differs by more than 3 % of its peak - base."
    note = "All measured. Bytes of equal runs agree within 1 % where the allocator is pinned; times do not."
    return "\n\n".join([note, table(headers, cells, num_text_columns=2), agreement])


def conditions_section(records: Sequence[Record]) -> str:
    """Of every untraced child: the machine when it began, and what may have moved its bytes or times."""
    cells = [
        [
            code(record.method),
            str(record.phase) + (f", repeat {record.repeat + 1}" if record.repeat else ""),
            *_condition_cells(record.conditions),
            _processes(record),
            _company(record.conditions),
        ]
        for record in records
        if record.pass_ is Pass.RSS and record.conditions
    ]
    if not cells:
        return ""
    headers = [
        "method",
        "phase",
        "load when it began",
        "available then",
        "allocator",
        "threads",
        "huge pages",
    ]
    headers += ["faults that waited for the disk", "times others took the processor", "processes"]
    headers += ["other measured children beside it"]
    return "Conditions of each measurement:\n\n" + table(headers, cells, num_text_columns=2)


def _condition_cells(conditions: dict[str, Any]) -> list[str]:
    load = conditions.get("load_average")
    return [
        "-" if load is None else f"{load:.1f}",
        format_bytes(conditions.get("available_bytes")),
        escape(conditions.get("allocator") or "-"),
        format_count(conditions.get("num_threads")),
        format_bytes(conditions.get("huge_page_bytes")),
        format_count(conditions.get("num_major_faults")),
        format_count(conditions.get("num_involuntary_switches")),
    ]


def _company(conditions: dict[str, Any]) -> str:
    """Who ran beside; a dash where nobody looked (a record of an earlier version), or why nobody could."""
    if failure := conditions.get(NEIGHBOURS_FAILURE):
        return f"not known: {escape(failure)}"
    if NEIGHBOURS not in conditions:
        return "-"
    return escape(company(conditions)) or "none"


def _processes(record: Record) -> str:
    if record.memory is None or record.memory.peak_tree_bytes is None:
        return "1"
    together = format_bytes(record.memory.peak_tree_bytes)
    return f"{record.memory.num_processes}, together {together}"


def _ends(row: Row, key: str, render: Any) -> str:
    least, most = (row[key.format(end)] for end in ("least", "most"))
    return "-" if least is None else f"{render(least)} to {render(most)}"


def _width(row: Row) -> str:
    least, most = row["peak_over_base_least_bytes"], row["peak_over_base_most_bytes"]
    middle = row["peak_over_base_bytes"]
    if least is None or not middle:
        return "-"
    # A share of a few pages says nothing.
    return format_bytes(most - least) if middle < TINY_BYTES else f"{(most - least) / middle * 100:.2f} %"
