"""Where measurements bend away from their closed form between two sizes, and what the records say of why.

A bend makes every projection beyond it doubtful, however well small sizes fit: with malloc as the system has
it, a fit on sizes up to 1e5 classes is 138 % off at 8e5 (research/memory.md 1d).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from xclass.projection.points import Point
from xclass.projection.time_series import CACHED, TimeSeries
from xclass.records.record import Record
from xclass.units import MIB, format_bytes, format_count

TOLERATED_SHARE = 0.05
"""By which a slope may lie away from the others: what closed forms of indexes are held to."""
_PINNED = "MALLOC_MMAP_THRESHOLD_"
_MMAP_LIMIT_BYTES = 32 * MIB
"""Source: glibc, malloc/malloc.c, DEFAULT_MMAP_THRESHOLD_MAX: larger blocks never stay in the heap."""
_CACHE_BYTES = 256 * MIB
"""No last-level cache that one process has to itself is larger; no record has the size of its own."""


@dataclass(frozen=True, slots=True)
class _Step:
    """From one size to the next that is clearly larger."""

    small: Point
    large: Point
    slope: float
    """Growth of the measured peak - base over that of its closed form."""


def byte_kinks(points: Sequence[Point]) -> list[str]:
    """One line for each step between sizes at which memory grows by another factor than elsewhere.

    Args:
        points: of one variant and phase.
    """
    steps = list(_steps(sorted(points, key=lambda point: point.plan.over_base_bytes)))
    if len(steps) < 2:
        return []
    slopes = [step.slope for step in steps]
    # Of two that disagree the one that keeps to the closed form is the rule.
    usual = median(slopes) if len(slopes) > 2 else min(slopes, key=lambda slope: abs(slope - 1.0))
    return [
        f"kink: from {_size(step.small)} to {_size(step.large)} memory grew {step.slope:.2f} times as fast "
        f"as its closed form, elsewhere {usual:.2f}: {_cause(step)}"
        for step in steps
        if abs(step.slope - usual) > TOLERATED_SHARE * abs(usual)
    ]


def time_kinks(quantity: str, series: TimeSeries) -> list[str]:
    """A line where the smallest sizes follow another law of time than the others and were left out.

    Only of what is repeated until its time is steady: opening and saving happen once in a run.
    """
    fit = series.fit
    if not fit.num_left_out or quantity not in CACHED:
        return []
    ordered = sorted(series.observed, key=lambda one: (one.work, one.measured))
    last = ordered[fit.num_left_out - 1]
    which = f"smallest size, {_size(last.point)}, follows another law than the others and is"
    if fit.num_left_out > 1:
        which = f"{fit.num_left_out} smallest sizes, up to {_size(last.point)}, follow another law and are"
    vectors_bytes = last.point.shape.class_vectors_bytes
    is_cached = last.measured < fit.seconds(last.work) and vectors_bytes < _CACHE_BYTES
    cause = (
        f"class vectors of {format_bytes(vectors_bytes)} may still lie in the processor's cache"
        if is_cached
        else "no record says why"
    )
    return [f"kink: {quantity}: the {which} left out: {cause}"]


def _steps(points: Sequence[Point]) -> Iterator[_Step]:
    """Steps whose growth is large enough for a slope: the counter is off by less than is looked for."""
    small = points[0]
    for point in points[1:]:
        growth = point.plan.over_base_bytes - small.plan.over_base_bytes
        if growth * TOLERATED_SHARE >= point.counter_error_bytes + small.counter_error_bytes:
            yield _Step(small, point, (point.over_base_bytes - small.over_base_bytes) / growth)
            small = point


def _cause(step: _Step) -> str:
    """What the records of either side name; the first that applies."""
    records = [*step.small.records, *step.large.records]
    if any(_PINNED not in record.environment for record in records):
        return (
            "malloc was not pinned (measure.allocator=system): what is freed in blocks below "
            f"{format_bytes(_MMAP_LIMIT_BYTES)} stays resident"
        )
    if any(record.memory and record.memory.end.swap_bytes for record in records):
        return "pages were swapped out and are missing from the peak"
    if any(record.conditions.get("huge_page_bytes") for record in records):
        return "huge pages: the first byte of one makes all of it resident"
    if changed := _changed(records):
        return f"the sizes were measured with different versions of {changed}"
    return "no record says why"


def _changed(records: Sequence[Record]) -> str:
    """Packages, or else the commit, in which records differ."""
    versions = [record.machine.get("packages") or {} for record in records]
    names = sorted({name for a, b in pairwise(versions) for name in {*a, *b} if a.get(name) != b.get(name)})
    is_other_commit = len({record.machine.get("git_commit") for record in records}) > 1
    return ", ".join(names) or ("xclass (by commit)" if is_other_commit else "")


def _size(point: Point) -> str:
    return f"{format_count(point.shape.num_classes)} classes x {point.shape.dim}"
