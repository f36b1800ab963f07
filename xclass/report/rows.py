"""summary.json: one flat row per (method, phase), merged from its untraced and its traced pass.

This is the stable interface for other programs. A key is only ever added; one that is renamed or
re-interpreted raises SUMMARY_SCHEMA_VERSION.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xclass.records.ranks import ranks_peak_bytes
from xclass.records.record import Latency, Pass, Phase, Record, Verdict
from xclass.records.store import record_order
from xclass.report.disturbed import disturbed_by
from xclass.report.repeats import merge, over_base_bytes, spreads
from xclass.sizing.ledger import explain_peak

SUMMARY_SCHEMA_VERSION = 1

Row = dict[str, Any]

NOTES = {
    "bytes": "integers; predicted_* are closed forms computed before the run, all others are measured",
    "verdict": "of the untraced (rss) pass; cause_heap says why the traced pass gave no peak_heap_bytes",
    "predicted_peak_bytes": "includes the base that the plan assumed; predicted_over_base_bytes does not",
    "import_bytes": "base_rss_bytes minus the resident bytes of the interpreter before the engine's import",
    "peak_file_bytes": "file pages are reclaimable: the kernel can drop them and read them again",
    "ratio": "peak_over_base_bytes / predicted_over_base_bytes: measured over predicted",
    "explained_share": "share of peak_over_base_bytes that the components of the closed form add up to",
    "accuracy_low": "with accuracy_high the 95 % Wilson interval of accuracy_at_1",
    "metrics": "precision_at_1, ndcg_at_5, tail_recall_at_1, coverage and more, each with *_low and *_high "
    "of its 95 % interval: keys of those serve rows only that have them",
    "over_seeds": "beside rows, of runs that differ in their seed alone: means of accuracy and metrics with "
    "their interval over seeds, medians of bytes and times",
    "latency_p50_seconds": "p50, p95, p99 are of the smallest batch size measured: latency_batch_size",
    "queries_per_second": "of the largest batch size measured: throughput_batch_size",
    "gpu_peak_bytes": "most that torch's allocator had reserved on the GPU (device=cuda), else null",
    "num_ranks": "processes that trained together, else null: memory is of the one of them with the most; "
    "ranks_peak_bytes is the sum of their peaks, what one machine needs for all of them",
    "num_repeats": "measurements of this phase; bytes and times are medians, *_least and *_most the ends",
    "disagreement": "why repeats differ by more than 3 % of peak - base, else null",
    "tracer_added_bytes": "peak - base under memray minus that of an equally short untraced twin",
    "traced_seconds": "of the shortened pass under memray, beside untraced_twin_seconds: its slowdown",
    "disturbed_by": "other measured children that ran during this phase, else null: its times do not compare",
    "lender": "method or model whose trained class vectors or encoder this one uses, else null",
    "seconds": "wall clock of the phase in the untraced pass, imports excluded",
}


def each_rank_text(row: Row) -> str:
    """What stands behind the bytes of a phase that several ranks carried out; empty for one process."""
    return f" in each of {row['num_ranks']} ranks" if row.get("num_ranks") else ""


def is_half_as_good(row: Row, best: Row | None) -> bool:
    """Whether a row is right at least half as often as the best, or nobody knows.

    What is hardly ever right, as guessing the commonest class, is no server that anybody looks for.
    """
    share = row["accuracy_high"]
    return best is None or share is None or share >= (best["accuracy_at_1"] or 0.0) / 2


def shown_variant(row: Row) -> str:
    """Which variant a row is of, for a place that names its data besides; the method where it has none."""
    words = str(row.get("variant", row["method"])).split(", ")
    return ", ".join(word for place, word in enumerate(words) if place == 0 or word != row.get("data"))


def summary(records: Iterable[Record]) -> dict[str, Any]:
    """The content of summary.json.

    Latency percentiles are those of the smallest batch size measured (1 by default: what one waiting user
    feels), queries per second that of the largest (what a full server delivers); each row names both sizes.

    Args:
        records: of one run, in any order.

    Returns:
        ``{"schema_version": 1, "rows": [...], "notes": {...}}``; see :func:`rows`.
    """
    return {"schema_version": SUMMARY_SCHEMA_VERSION, "rows": rows(records), "notes": NOTES}


def rows(records: Iterable[Record]) -> list[Row]:
    """One row per (method, phase), in the order they ran; None where a value has no meaning."""
    passes: dict[tuple[str, Phase], dict[Pass, list[Record]]] = {}
    for record in sorted(records, key=record_order):
        by_pass = passes.setdefault((record.method, record.phase), {})
        by_pass.setdefault(record.pass_, []).append(record)
    return [_row(by_pass) for by_pass in passes.values()]


def merged_records(records: Iterable[Record]) -> list[Record]:
    """In order, one record per method, phase and pass: of its repeats, medians."""
    found: dict[tuple[str, Phase, Pass], list[Record]] = {}
    for record in sorted(records, key=record_order):
        found.setdefault((record.method, record.phase, record.pass_), []).append(record)
    return [merge(repeats) for repeats in found.values()]


def _row(by_pass: dict[Pass, list[Record]]) -> Row:
    repeats = by_pass.get(Pass.RSS, [])
    rss = merge(repeats) if repeats else None
    heap, twin = (by_pass[one][0] if one in by_pass else None for one in (Pass.HEAP, Pass.TWIN))
    facts = rss or heap or twin
    assert facts is not None
    verdict, cause = (
        (rss.verdict, rss.cause) if rss else (Verdict.FAILED, "the untraced pass left no readable record")
    )
    return {
        "method": facts.method,
        "phase": facts.phase.value,
        "classes": facts.classes,
        "dim": facts.dim,
        "data": facts.data,
        "verdict": verdict.value,
        "cause": cause,
        "cause_heap": heap.cause if heap and heap.verdict is not Verdict.MEASURED else None,
        **_memory(rss),
        "peak_heap_bytes": heap.heap.peak_heap_bytes if heap and heap.heap else None,
        **_tracer(heap, twin),
        "seconds": rss.seconds if rss else None,
        "examples_seen": rss.examples_seen if rss else None,
        "num_examples": facts.data_facts.get("num_examples"),
        **_accuracy(rss),
        **_metrics(rss),
        **_latency(rss),
        **spreads(repeats),
        "flamegraph": heap.heap.flamegraph if heap and heap.heap else None,
        "seed": facts.seed,
        "index": facts.details.get("index"),
        "gpu_peak_bytes": (rss.details.get("gpu") or {}).get("peak_reserved_bytes") if rss else None,
        "lender": _lender(facts),
        "disturbed_by": disturbed_by(repeats),
        "num_ranks": len(rss.ranks) or None if rss else None,
        "ranks_peak_bytes": ranks_peak_bytes(rss.ranks) if rss else None,
    }


def _lender(record: Record) -> str | None:
    index, methods = record.config.get("index") or {}, record.config.get("method") or {}
    if record.method != "nearest_neighbour" or not isinstance(index, dict) or not isinstance(methods, dict):
        return None
    own = methods.get(record.method) or {}
    lenders = [
        index.get("model"),
        index.get("vectors"),
        own.get("encoder") if isinstance(own, dict) else None,
    ]
    return next((str(one) for one in lenders if one not in (None, "means", "projection")), None)


def _memory(rss: Record | None) -> Row:
    reading = rss.memory if rss else None
    predicted = (rss.predicted if rss else None) or {}
    predicted_over_base = predicted.get("over_base_bytes")
    over_base = over_base_bytes(rss) if rss else None
    explained = explain_peak(rss) if rss else None
    ratio = None
    # What a killed child had reached says nothing about the closed form.
    if rss and rss.verdict is Verdict.MEASURED and over_base is not None and predicted_over_base:
        ratio = over_base / predicted_over_base
    return {
        "predicted_peak_bytes": predicted.get("peak_bytes"),
        "available_bytes": rss.available_bytes if rss else None,
        "held_bytes": sum(rss.held.values()) if rss and rss.held is not None else None,
        "import_bytes": reading.base.rss_bytes - reading.interpreter.rss_bytes if reading else None,
        "base_rss_bytes": reading.base.rss_bytes if reading else None,
        "peak_rss_bytes": reading.peak_rss_bytes if reading else None,
        "peak_anon_bytes": reading.peak_anon_bytes if reading else None,
        "peak_file_bytes": reading.peak_file_bytes if reading else None,
        "peak_shmem_bytes": reading.peak_shmem_bytes if reading else None,
        "peak_over_base_bytes": over_base,
        "predicted_over_base_bytes": predicted_over_base,
        "ratio": ratio,
        "explained_share": explained.explained_share if explained else None,
    }


def _tracer(heap: Record | None, twin: Record | None) -> Row:
    """What the tracer cost: the traced pass beside the equally short untraced one."""
    row: Row = {"traced_seconds": None, "untraced_twin_seconds": None, "tracer_added_bytes": None}
    if heap is None or heap.heap is None or twin is None or twin.memory is None:
        return row
    traced_bytes = heap.heap.traced_peak_over_base_bytes
    untraced_bytes = over_base_bytes(twin)
    if traced_bytes is not None and untraced_bytes is not None:
        row["tracer_added_bytes"] = traced_bytes - untraced_bytes
    return row | {"traced_seconds": heap.seconds, "untraced_twin_seconds": twin.seconds}


def _accuracy(rss: Record | None) -> Row:
    measured = rss.accuracy if rss else None
    return {
        "accuracy_at_1": measured.at_1 if measured else None,
        "accuracy_at_5": measured.at_5 if measured else None,
        "accuracy_low": measured.at_1_low if measured else None,
        "accuracy_high": measured.at_1_high if measured else None,
        "num_queries": measured.num_queries if measured else None,
    }


def _metrics(rss: Record | None) -> Row:
    row: Row = {}
    for metric in rss.metrics if rss else []:
        row |= {metric.key: metric.value, f"{metric.key}_low": metric.low, f"{metric.key}_high": metric.high}
    return row


def _latency(rss: Record | None) -> Row:
    by_size = sorted(rss.latencies if rss else [], key=lambda latency: latency.batch_size)
    one: Latency | None = by_size[0] if by_size else None
    full: Latency | None = by_size[-1] if by_size else None
    return {
        "queries_per_second": full.queries_per_second if full else None,
        "throughput_batch_size": full.batch_size if full else None,
        "latency_p50_seconds": one.p50_seconds if one else None,
        "latency_p95_seconds": one.p95_seconds if one else None,
        "latency_p99_seconds": one.p99_seconds if one else None,
        "latency_batch_size": one.batch_size if one else None,
    }
