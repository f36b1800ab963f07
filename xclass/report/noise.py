"""The figures that are compared, and how far they lie apart in runs that are equal."""

from __future__ import annotations

from dataclasses import dataclass

from xclass.report.sides import PhaseSide
from xclass.units import MIB

BYTES_NOISE_SHARE = 0.01
"""Peaks of equal runs with a pinned allocator agree within it (benchmarks/records/measure/repeats)."""
TIME_NOISE_SHARE = 0.30
"""Single times of a shared machine do not compare closer than this. Source: memory.md, "+-30 %"."""
UNKNOWN_ERROR_BYTES = MIB
"""Taken where no record states machine.rss_counter_error_bytes (a summary.json); 0.75 MiB on 2 CPUs."""
HEAP_KEY = "peak_heap_bytes"
HEAP_NOISE_SHARE, HEAP_NOISE_BYTES = 0.03, MIB
"""How far traced passes of equal runs lie apart: how many chunks the feed's threads hold at once is chance.

Not gated beside resident peaks, because it counts address space too: of three equal runs (1e5 classes, 64
dimensions, 2 threads) serving took 0.8 or 129 MiB, the latter where OpenBLAS mapped its buffers in the phase
and not before it; no more was resident (30.2 to 30.5 MB to build, 36.7 to 37.7 MB to train).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One figure of a summary row."""

    key: str
    name: str
    is_bytes: bool = False
    is_gated: bool = False
    """``--fail-on-increase`` looks at it."""
    ends: tuple[str, str] | None = None
    """Keys of its least and most over repeats, or of its interval."""


METRICS = (
    Metric(key="peak_rss_bytes", name="peak RSS", is_bytes=True, is_gated=True),
    Metric(
        key="peak_over_base_bytes", name="peak - base", is_bytes=True, is_gated=True,
        ends=("peak_over_base_least_bytes", "peak_over_base_most_bytes"),
    ),
    Metric(key="base_rss_bytes", name="base", is_bytes=True),
    Metric(key="peak_anon_bytes", name="anonymous", is_bytes=True),
    Metric(key="peak_file_bytes", name="file pages", is_bytes=True),
    Metric(key=HEAP_KEY, name="heap peak", is_bytes=True),
    Metric(key="seconds", name="time", ends=("seconds_least", "seconds_most")),
    Metric(
        key="latency_p50_seconds", name="p50, one query",
        ends=("latency_p50_least_seconds", "latency_p50_most_seconds"),
    ),
    Metric(
        key="queries_per_second", name="queries/s",
        ends=("queries_per_second_least", "queries_per_second_most"),
    ),
    Metric(key="accuracy_at_1", name="right", ends=("accuracy_low", "accuracy_high")),
)  # fmt: skip


HEAP = next(metric for metric in METRICS if metric.key == HEAP_KEY)


def find_noise(metric: Metric, before: PhaseSide, after: PhaseSide, value: float) -> float:
    """A difference up to it means nothing: half of what both sides spread over, or more where more is known.

    Args:
        metric: the figure.
        before: of one side.
        after: of the other.
        value: of the figure before, in its unit.

    Returns:
        In the unit of the figure.
    """
    spread = sum(_width(metric, side) for side in (before, after)) / 2
    if metric.key == "accuracy_at_1":
        return spread
    if not metric.is_bytes:
        return max(TIME_NOISE_SHARE * value, spread)
    if metric is HEAP:
        return max(HEAP_NOISE_SHARE * value, HEAP_NOISE_BYTES)
    error_bytes = _counter_error(before, after)
    return max(BYTES_NOISE_SHARE * value, error_bytes, spread)


def _counter_error(before: PhaseSide, after: PhaseSide) -> float:
    errors = [record.machine.get("rss_counter_error_bytes") for record in before.records + after.records]
    return max((float(error) for error in errors if error), default=UNKNOWN_ERROR_BYTES)


def _width(metric: Metric, side: PhaseSide) -> float:
    """Most less least of the repeats, or of the figure's interval."""
    ends = [value for key in metric.ends or () if (value := side.row.get(key)) is not None]
    values = [value for row in side.repeats() if (value := row[metric.key]) is not None]
    found = ends if len(ends) == 2 else values
    return float(max(found) - min(found)) if found else 0.0
