"""The sections of one run, for the person who has to answer for the server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from xclass.records.proof import Proof
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import record_order
from xclass.report.conditions_section import conditions_section, repeats_section
from xclass.report.disturbed import disturbed_by, marked, time_text
from xclass.report.explain import ACCURACY_CAVEAT, HOW_TO_READ, LEFT_OUT
from xclass.report.heap_section import heap_section
from xclass.report.ledger_section import ledger_section
from xclass.report.metrics_section import metrics_section
from xclass.report.page.document import Section
from xclass.report.pictures_section import latency_picture, pictures_section
from xclass.report.proofs import proofs_section
from xclass.report.ranks_section import ranks_lines, ranks_section
from xclass.report.repeat import repeat_section
from xclass.report.rows import Row, each_rank_text, merged_records, rows
from xclass.report.run_figures import LEDGER, TIMELINE
from xclass.report.text import (
    code,
    escape,
    flatten,
    rate_text,
    ratio_text,
    share_with_interval,
    table,
    value_text,
)
from xclass.report.verdict import verdict_text
from xclass.units import format_bytes, format_count, format_seconds

_FOLDED = {
    "By rank, rarity and confidence",
    "Bytes of each phase by component",
    "Ranks",
    "Who asked for the memory",
    "What each phase did",
    "Data",
    "Conditions",
    "How to repeat",
}
"""Long, and read by whoever makes the run again."""

_PASS_NAMES = {
    Pass.RSS: "untraced pass",
    Pass.HEAP: "traced pass",
    Pass.TWIN: "untraced twin",
}


def run_sections(
    records: Iterable[Record],
    *,
    run_dir: Path,
    damaged: Sequence[str] = (),
    figures: Collection[str] = (),
    proofs: Sequence[Proof] = (),
) -> list[Section]:
    """What one run says of itself; the first section is its verdict.

    Args:
        records: of one run, in any order; may be empty where every one was damaged.
        run_dir: named in the report; links are relative to it.
        figures: paths of the pictures that were drawn, relative to it.
        proofs: of phases of this run, under a cap.
        damaged: reasons of the record files that could not be read: they are reported, not hidden.
    """
    every = sorted(records, key=record_order)
    ordered, merged = merged_records(every), rows(every)
    bodies = {
        "": verdict_text(merged) if merged else "**No record of this run could be read.**",
        "Memory by method and phase": _memory(merged) + _beside_memory(ordered),
        "Accuracy": _accuracy(ordered, merged),
        "By rank, rarity and confidence": metrics_section(ordered),
        "Which classes are taken for which": pictures_section(ordered, figures),
        "Latency and throughput": _latency(ordered) + latency_picture(figures),
        "Under a cap": proofs_section(proofs),
        "How far the numbers repeat": repeats_section(merged) if merged else "",
        "Where the bytes are": LEDGER.markdown(figures),
        "Bytes of each phase by component": ledger_section(ordered),
        "Ranks": ranks_section(ordered),
        "Memory over time": TIMELINE.markdown(figures),
        "Who asked for the memory": heap_section(ordered, merged, run_dir),
        "What each phase did": _details(ordered),
        "Data": _data(ordered),
        "Left out, refused or failed": _left_out(every, damaged),
        "How to read these numbers": HOW_TO_READ,
        "What these numbers do not include": LEFT_OUT,
        "Conditions": conditions_section(every),
        "How to repeat": repeat_section(every, run_dir=run_dir),
    }
    return [
        Section(title=title, body=body, is_folded=title in _FOLDED) for title, body in bodies.items() if body
    ]


def _name(record: Record) -> str:
    return f"{code(record.method)} {record.phase}"


def verdict_label(verdict: str) -> str:
    """``does_not_fit`` as people write it."""
    return verdict.replace("_", " ")


def _memory(merged: Sequence[Row]) -> str:
    headers = [
        "method",
        "phase",
        "verdict",
        "peak RSS (measured)",
        "base (measured)",
        "of it imports (measured)",
    ]
    headers += [
        "peak - base (measured)",
        "closed form of peak - base (predicted)",
        "ratio measured / predicted",
    ]
    headers += [
        "heap peak (measured, traced pass)",
        "peak anonymous (measured)",
        "peak file pages (measured)",
    ]
    headers += ["time (measured)"]
    keys = ["peak_rss", "base_rss", "import", "peak_over_base", "predicted_over_base"]
    cells = [
        [
            code(row["method"]),
            f"{row['phase']}{each_rank_text(row)}",
            verdict_label(row["verdict"]),
            *(format_bytes(row[f"{key}_bytes"]) for key in keys),
            ratio_text(row["ratio"]),
            *(format_bytes(row[f"{key}_bytes"]) for key in ("peak_heap", "peak_anon", "peak_file")),
            time_text(row, "seconds"),
        ]
        for row in merged
    ]
    return table(headers, cells, num_text_columns=3) if cells else ""


def _beside_memory(records: Sequence[Record]) -> str:
    return _swapped(records) + _on_gpu(records) + ranks_lines(records)


def _swapped(records: Sequence[Record]) -> str:
    lines = [
        f"- {_name(record)}: {format_bytes(record.memory.end.swap_bytes)} were swapped out when it ended "
        "(measured). They are not in its RSS, so that its peak may be too low."
        for record in records
        if record.memory and record.memory.end.swap_bytes > 0
    ]
    return "\n".join(["\n", *lines]) if lines else ""


def _on_gpu(records: Sequence[Record]) -> str:
    """The GPU's memory beside the host's: what torch's allocator took, and what it should have taken."""
    lines = []
    for record in records:
        gpu = record.details.get("gpu")
        if gpu and record.pass_ is Pass.RSS:
            taken, total = format_bytes(gpu["taken_at_end_bytes"]), format_bytes(gpu["total_bytes"])
            lines.append(
                f"- {_name(record)} on {gpu['name']}: {format_bytes(gpu['peak_allocated_bytes'])} allocated "
                f"at most, {format_bytes(gpu['peak_reserved_bytes'])} reserved (measured); closed form "
                f"{format_bytes(gpu['predicted_bytes'])}. With its context and all processes the device had "
                f"{taken} of {total} taken at the end."
            )
    return "\n".join(["\n", *lines]) if lines else ""


def _accuracy(records: Sequence[Record], merged: Sequence[Row]) -> str:
    train_seconds = {row["method"]: row["seconds"] for row in merged if row["phase"] == Phase.TRAIN}
    examples = {row["method"]: row["examples_seen"] for row in merged if row["examples_seen"] is not None}
    cells = []
    for record in records:
        if record.accuracy is None:
            continue
        accuracy = record.accuracy
        at_1 = share_with_interval(accuracy.at_1, accuracy.at_1_low, accuracy.at_1_high)
        at_5 = share_with_interval(accuracy.at_5, accuracy.at_5_low, accuracy.at_5_high)
        cells.append(
            [
                code(record.method),
                *(f"{share} % ({low} to {high})" for share, low, high in (at_1, at_5)),
                format_count(accuracy.num_queries),
                format_count(examples.get(record.method)),
                format_seconds(train_seconds.get(record.method)),
            ]
        )
    if not cells:
        return ""
    headers = ["method", "right at first place (measured, 95 % interval)"]
    headers += ["among first five (measured, 95 % interval)", "queries"]
    headers += ["training examples consumed (measured)", "training time (measured)"]
    parts = [ACCURACY_CAVEAT, table(headers, cells, num_text_columns=1), _bayes(records)]
    return "\n\n".join(part for part in parts if part)


def _bayes(records: Sequence[Record]) -> str:
    for record in records:
        bayes = record.data_facts.get("bayes_accuracy")
        if isinstance(bayes, int | float):
            return (
                f"No classifier can be right more often than {bayes * 100:.1f} % on this data "
                "(Bayes accuracy, predicted from how the data is made)."
            )
    return ""


def _latency(records: Sequence[Record]) -> str:
    cells = [
        [
            code(record.method),
            format_count(latency.batch_size),
            *(
                marked(format_seconds(seconds), is_disturbed=disturbed_by([record]) is not None)
                for seconds in (latency.p50_seconds, latency.p95_seconds, latency.p99_seconds)
            ),
            rate_text(latency.queries_per_second),
            format_count(latency.num_batches),
        ]
        for record in records
        if record.pass_ is Pass.RSS
        for latency in sorted(record.latencies, key=lambda latency: latency.batch_size)
    ]
    if not cells:
        return ""
    headers = ["method", "queries per batch", "p50 (measured)", "p95 (measured)", "p99 (measured)"]
    headers += ["queries/s (measured)", "batches"]
    note = "Seconds per batch, nearest rank; of fewer than 100 batches p99 is the slowest one."
    return f"{table(headers, cells, num_text_columns=1)}\n\n{note}"


def _details(records: Sequence[Record]) -> str:
    """Steps, seconds of the parts, file bytes: the facts that only some methods have."""
    lines = [
        [code(record.method), str(record.phase), escape(key), value_text(value)]
        for record in records
        if record.pass_ is Pass.RSS
        for key, value in flatten(record.details).items()
    ]
    return table(["method", "phase", "fact (measured)", "value"], lines, num_text_columns=4) if lines else ""


def _data(records: Sequence[Record]) -> str:
    if not records:
        return ""
    first = records[0]
    facts = {"data": first.data, "classes": first.classes, "dimensions": first.dim, "seed": first.seed}
    for record in records:
        facts.update(flatten(record.data_facts))
        if record.accuracy is not None:
            facts.setdefault("queries answered", record.accuracy.num_queries)
    return table(
        ["fact", "value"], [[escape(k), value_text(v)] for k, v in facts.items()], num_text_columns=2
    )


def _left_out(records: Sequence[Record], damaged: Sequence[str]) -> str:
    lines = [
        f"- {_name(record)}, {_PASS_NAMES[record.pass_]}: **{verdict_label(record.verdict)}:** "
        f"{escape(record.cause or 'no cause was recorded')}"
        for record in records
        if record.verdict is not Verdict.MEASURED
    ]
    lines += [f"- Not readable: {escape(reason)}" for reason in damaged]
    return "\n".join(lines) or "Nothing: every phase that was asked for was measured."
