"""Several measurements of one phase as one: medians, their spread, and why they disagree where they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median, median_low
from typing import Any

from xclass.records.memory import MemoryReading
from xclass.records.record import Latency, Record, Verdict
from xclass.report.causes import find_causes
from xclass.units import format_bytes

FLAGGED_SHARE = 0.03
"""A spread of peak - base above this share of its median is flagged; 1 % is what pinned runs keep."""

_PARTS = ("peak_anon_bytes", "peak_file_bytes", "peak_shmem_bytes", "sampled_peak_rss_bytes")


def merge(repeats: Sequence[Record]) -> Record:
    """One record: medians of bytes and times, all else of the first repeat.

    A phase of which one repeat was not measured is not measured: its verdict and cause are that one's.

    Args:
        repeats: of one method, phase and pass, in order; at least one.
    """
    first = repeats[0]
    failed = next((record for record in repeats if record.verdict is not Verdict.MEASURED), None)
    if failed is not None and failed is not first:
        cause = f"repeat {failed.repeat + 1} of {len(repeats)}: {failed.cause}"
        return replace(first, verdict=failed.verdict, cause=cause)
    if failed is not None or len(repeats) == 1:
        return first
    return replace(
        first,
        memory=_memory([record.memory for record in repeats if record.memory]),
        seconds=median(record.seconds or 0.0 for record in repeats),
        latencies=_latencies(repeats),
    )


def spreads(repeats: Sequence[Record]) -> dict[str, Any]:
    """Least and most of each figure as keys of a summary row; None with fewer than two measurements."""
    measured = [record for record in repeats if record.verdict is Verdict.MEASURED]
    figures: dict[str, Callable[[Record], float | None]] = {
        "peak_over_base_{}_bytes": over_base_bytes,
        "seconds_{}": lambda record: record.seconds,
        "latency_p50_{}_seconds": lambda record: _smallest(record, "p50_seconds"),
        "queries_per_second_{}": lambda record: _largest(record, "queries_per_second"),
    }
    row: dict[str, Any] = {"num_repeats": len(measured)}
    for name, of in figures.items():
        values = [value for record in measured if (value := of(record)) is not None]
        has_spread = len(values) > 1
        row[name.format("least")] = min(values) if has_spread else None
        row[name.format("most")] = max(values) if has_spread else None
    row["disagreement"] = disagreement(measured)
    return row


def disagreement(repeats: Sequence[Record]) -> str | None:
    """One sentence where bytes of equal runs differ by more than 3 % and than the kernel's own error.

    Args:
        repeats: measured, of one method, phase and pass.

    Returns:
        None where they agree.
    """
    read = [(size, record) for record in repeats if (size := over_base_bytes(record)) is not None]
    if len(read) < 2:
        return None
    (least, low), (most, high) = (pick(read, key=lambda pair: pair[0]) for pick in (min, max))
    middle = median(size for size, _ in read)
    error_bytes = int(high.machine.get("rss_counter_error_bytes") or 0)
    if most - least <= max(FLAGGED_SHARE * middle, 2 * error_bytes):
        return None
    return (
        f"peak - base from {format_bytes(least)} to {format_bytes(most)} in {len(read)} repeats, "
        f"{(most - least) / middle * 100:.0f} % apart: {'; '.join(find_causes(low, high))}"
    )


def over_base_bytes(record: Record) -> int | None:
    """Measured peak - base; None where there is no reading."""
    return record.memory.over_base_bytes if record.memory else None


def _memory(readings: list[MemoryReading]) -> MemoryReading | None:
    """The reading with the median peak - base, its other peaks replaced by their own medians."""
    if not readings:
        return None
    ordered = sorted(readings, key=lambda reading: reading.over_base_bytes)
    middle = ordered[(len(ordered) - 1) // 2]
    parts = {name: median_low(getattr(reading, name) for reading in readings) for name in _PARTS}
    return replace(middle, **parts)


def _latencies(repeats: Sequence[Record]) -> list[Latency]:
    merged = []
    for latency in repeats[0].latencies:
        same = [one for record in repeats for one in record.latencies if one.batch_size == latency.batch_size]
        names = ("p50_seconds", "p95_seconds", "p99_seconds", "queries_per_second")
        medians = {name: median(getattr(one, name) for one in same) for name in names}
        merged.append(replace(latency, **medians, quantiles=_quantiles([one.quantiles for one in same])))
    return merged


def _quantiles(repeats: Sequence[list[list[float]]]) -> list[list[float]]:
    """Median seconds at each percent that all repeats have."""
    known = [{row[0]: row[1] for row in rows} for rows in repeats]
    shared = [percent for percent in known[0] if all(percent in one for one in known)]
    return [[percent, median(one[percent] for one in known)] for percent in shared]


def _smallest(record: Record, name: str) -> float | None:
    sizes = sorted(record.latencies, key=lambda latency: latency.batch_size)
    return getattr(sizes[0], name) if sizes else None


def _largest(record: Record, name: str) -> float | None:
    sizes = sorted(record.latencies, key=lambda latency: latency.batch_size)
    return getattr(sizes[-1], name) if sizes else None
