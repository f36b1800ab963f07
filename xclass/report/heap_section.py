"""Who asked for the memory: the largest allocations in words, the flamegraphs, and what tracing cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xclass.records.record import Allocation, HeapReading, Pass, Record
from xclass.report.rows import Row
from xclass.report.text import code, escape, link, table
from xclass.units import format_bytes, format_count, format_seconds

_LEAST_SHARE = 0.001
"""Smaller parts of the heap are not worth a line."""
_NOT_KEPT = "The flamegraphs of this run were not kept beside its records; repeat the run to draw them again."


def heap_section(records: Sequence[Record], merged: Sequence[Row], run_dir: Path) -> str:
    """Everything that the traced pass is for.

    Args:
        records: one per method, phase and pass.
        merged: rows of the summary.
        run_dir: folder of the report, in which flamegraphs are looked for.
    """
    traced = [(record, record.heap) for record in records if record.pass_ is Pass.HEAP and record.heap]
    if not traced:
        return ""
    parts = [_owners(record, heap, run_dir) for record, heap in traced]
    graphs = [heap.flamegraph for _, heap in traced if heap.flamegraph]
    if graphs and not any((run_dir / graph).is_file() for graph in graphs):
        parts.append(_NOT_KEPT)
    return "\n\n".join([*parts, _tracer(merged)])


def _owners(record: Record, heap: HeapReading, run_dir: Path) -> str:
    title = f"**{code(record.method)} {record.phase}**: heap peak {format_bytes(heap.peak_heap_bytes)}"
    title += f" in {format_count(heap.num_allocations)} allocations (measured, traced pass)"
    if heap.flamegraph and (run_dir / heap.flamegraph).is_file():
        title += f", {link('flamegraph of the heap peak', heap.flamegraph)}"
    large = [one for one in heap.top if one.num_bytes >= _LEAST_SHARE * heap.peak_heap_bytes]
    lines = [f"- {_in_words(one, heap.peak_heap_bytes)}" for one in large]
    return "\n".join([f"{title}.", *(["", *lines] if lines else [])])


def _in_words(one: Allocation, peak_bytes: int) -> str:
    share = one.num_bytes / peak_bytes * 100 if peak_bytes else 0.0
    calls = "one call" if one.num_calls == 1 else f"{format_count(one.num_calls)} calls"
    kind = "mapped, counted in full whether resident or not" if one.via == "mmap" else f"{calls} of {one.via}"
    words = f"{format_bytes(one.num_bytes)}, {share:.0f} %: {code(one.function)} in {code(one.place)}, {kind}"
    return f"{words}: {code(one.source)}" if one.source else words


def _tracer(merged: Sequence[Row]) -> str:
    """The cost of tracing, phase by phase, against an untraced twin of equal length."""
    cells = [
        [
            code(row["method"]),
            escape(row["phase"]),
            format_seconds(row["untraced_twin_seconds"]),
            format_seconds(row["traced_seconds"]),
            f"{row['traced_seconds'] / row['untraced_twin_seconds']:.2f} x",
            format_bytes(row["tracer_added_bytes"]),
        ]
        for row in merged
        if row["traced_seconds"] and row["untraced_twin_seconds"]
    ]
    if not cells:
        return "What tracing cost is not known: the untraced twin of the traced pass was not measured."
    headers = ["method", "phase", "untraced (measured)", "traced (measured)", "slowdown"]
    headers += ["added to peak - base (measured)"]
    note = (
        "What tracing cost: each phase, equally shortened, without and with the tracer. Of phases that take "
        "milliseconds the slowdown is the tracer's own start."
    )
    return f"{note}\n\n{table(headers, cells, num_text_columns=2)}"
