"""Why two measurements of one thing disagree: what differed between them, looked up in their records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xclass.records.neighbours import company
from xclass.records.record import Record
from xclass.report.text import flatten
from xclass.units import format_bytes, format_count

LOUD_LOAD = 1.0
"""Difference of load averages that counts: one more program that wants a processor."""
_SWITCHES = 3.0
"""Ratio of involuntary switches that counts."""
_SHARE = 0.3
"""Part of a disagreement that a kind of memory must make up to be named as where it lies."""

NO_CAUSE = "no cause found: allocator, huge pages, file pages, threads, load and neighbours were alike"


def find_causes(low: Record, high: Record) -> list[str]:
    """What differed, most telling first, as clauses without a full stop; never empty.

    Args:
        low: the record with the lower peak.
        high: of the same method, phase and pass, with the higher one.
    """
    causes = [*_settings(low, high), *_work(low, high), *_split(low, high), *_conditions(low, high)]
    return causes or [NO_CAUSE]


def _settings(low: Record, high: Record) -> Iterator[str]:
    for what, ours, theirs in (
        ("setting", flatten(low.config), flatten(high.config)),
        ("environment", flatten(low.environment), flatten(high.environment)),
        ("version", flatten(low.machine.get("packages") or {}), flatten(high.machine.get("packages") or {})),
    ):
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                yield f"{what} {key}: {ours.get(key)} and {theirs.get(key)}"
    one, other = (record.conditions.get("allocator") for record in (low, high))
    if one != other:
        yield f"allocator: {one} and {other}"


def _work(low: Record, high: Record) -> Iterator[str]:
    if low.examples_seen != high.examples_seen:
        yield (
            f"work: {format_count(low.examples_seen)} and {format_count(high.examples_seen)} examples: "
            "a budget of time gives what the machine manages (budget.examples fixes it)"
        )


def _split(low: Record, high: Record) -> Iterator[str]:
    """Where the difference lies, and what is known to move that kind of memory."""
    if low.memory is None or high.memory is None:
        return
    total = abs(high.memory.peak_rss_bytes - low.memory.peak_rss_bytes)
    file_bytes = high.memory.peak_file_bytes - low.memory.peak_file_bytes
    anon_bytes = high.memory.peak_anon_bytes - low.memory.peak_anon_bytes
    huge_bytes = _number(high, "huge_page_bytes") - _number(low, "huge_page_bytes")
    if abs(file_bytes) > _SHARE * total:
        size = format_bytes(abs(file_bytes))
        yield f"file pages: {size} of it are pages of files, which stayed resident or did not"
    if abs(huge_bytes) > _SHARE * total:
        yield f"huge pages: {format_bytes(abs(huge_bytes))} more anonymous memory in huge pages"
    elif abs(anon_bytes) > _SHARE * total and (low.config.get("measure") or {}).get("allocator") == "system":
        yield (
            "allocator: measure.allocator=system keeps freed blocks or not by the order of calls "
            "(measure.allocator=pinned does not)"
        )


def _conditions(low: Record, high: Record) -> Iterator[str]:
    ours, theirs = _number(low, "num_threads"), _number(high, "num_threads")
    if ours != theirs:
        yield f"threads: {ours:.0f} and {theirs:.0f} at the end"
    ours, theirs = _number(low, "load_average"), _number(high, "load_average")
    if abs(ours - theirs) >= LOUD_LOAD:
        yield f"load: {ours:.1f} and {theirs:.1f} when they began"
    beside = [company(record.conditions) for record in (low, high)]
    if any(beside):
        yield f"neighbours: beside {beside[0] or 'nobody'}, and beside {beside[1] or 'nobody'}"
    fewer, more = sorted(_number(record, "num_involuntary_switches") for record in (low, high))
    if more > _SWITCHES * max(fewer, 100.0):
        yield f"load: {fewer:,.0f} and {more:,.0f} times another program took the processor"


def _number(record: Record, key: str) -> float:
    value: Any = record.conditions.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
