"""What changed between two runs, by how much, and whether that is more than noise; from records alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from xclass.records.record import Pass, Record, Verdict
from xclass.report.circumstances import Circumstance, find_circumstances, find_warnings
from xclass.report.rows import merged_records
from xclass.report.sides import PhaseSide, Side, phases_of
from xclass.units import MIB, format_bytes

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
_SIZES = ("classes", "dim", "data", "index")


class Change(StrEnum):
    """What a difference is worth."""

    GREW = "grew"
    SHRANK = "shrank"
    NOISE = "within noise"


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


_HEAP = next(metric for metric in METRICS if metric.key == HEAP_KEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One figure on both sides; None where a side has none."""

    metric: Metric
    before: float | None
    after: float | None
    noise: float
    """In the unit of the figure: a difference up to it means nothing."""

    @property
    def delta(self) -> float | None:
        """After less before."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def share(self) -> float | None:
        """The difference as a share of before."""
        return self.delta / self.before if self.delta is not None and self.before else None

    @property
    def change(self) -> Change:
        """Grew, shrank, or within noise."""
        delta = self.delta
        if delta is None or abs(delta) <= self.noise:
            return Change.NOISE
        return Change.GREW if delta > 0 else Change.SHRANK

    def growth_text(self) -> str:
        """The difference in bytes and, where there is something to grow from, in percent."""
        share = "" if self.share is None or self.share < 0 else f" ({self.share * 100:.1f} %)"
        return f"{format_bytes(self.delta)}{share}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How much memory may grow; exactly one of the two is set."""

    share: float | None = None
    num_bytes: int | None = None

    def is_exceeded_by(self, difference: Difference) -> bool:
        """Whether the figure grew by more than the limit and by more than noise."""
        if difference.delta is None or difference.change is not Change.GREW:
            return False
        if self.num_bytes is not None:
            return difference.delta > self.num_bytes
        # From nothing (a peak no higher than its base) any growth is more than a share.
        return difference.delta > (self.share or 0.0) * max(0.0, difference.before or 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseComparison:
    """One phase of one method on both sides."""

    label: str
    """``dense_softmax train``, with the run of a sweep before it."""
    verdicts: tuple[str, str] | None
    """None where only the traced pass was given: the untraced one was not looked for."""
    has_lost_heap: bool
    """The heap pass was measured before and failed now."""
    sizes: list[tuple[str, str, str]]
    """(key, before, after) of classes, dim, data and index where they differ: other problems."""
    differences: list[Difference]
    components: list[tuple[str, int]]
    """Component of the closed form -> bytes by which it changed, largest change first."""
    held: list[tuple[str, int]]
    """Component that the method held at the end -> bytes by which it changed, largest change first."""
    owners: list[tuple[str, int]]
    """Function that held heap at its peak -> bytes by which that changed, largest change first."""

    def of(self, key: str) -> Difference:
        """The difference of one metric."""
        return next(one for one in self.differences if one.metric.key == key)

    @property
    def is_heap_growth_idle(self) -> bool:
        """Whether no more became resident: what the heap asked for beyond that is address space."""
        return self.verdicts is not None and self.of("peak_over_base_bytes").change is not Change.GREW

    @property
    def growth(self) -> float:
        """Bytes by which the peak grew: resident, or of the heap where only that is known."""
        deltas = (self.of(key).delta for key in ("peak_rss_bytes", HEAP_KEY))
        return next((delta for delta in deltas if delta is not None), 0.0)

    def gate_failures(self, limit: Limit) -> list[str]:
        """Why ``--fail-on-increase`` refuses this phase; empty where it does not."""
        if self.verdicts and self.verdicts[0] == Verdict.MEASURED != self.verdicts[1]:
            return [f"{self.label}: {Verdict.MEASURED} before, {self.verdicts[1].replace('_', ' ')} now"]
        gone = [f"{self.label}: heap peak measured before, its pass failed now"] if self.has_lost_heap else []
        return gone + [
            f"{self.label}: {one.metric.name} grew by {one.growth_text()}"
            for one in self.differences
            if (one.metric.is_gated or self.verdicts is None) and limit.is_exceeded_by(one)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Everything that ``compare`` says."""

    phases: list[PhaseComparison]
    """Those that both sides have, the largest growth of peak RSS first."""
    only_before: list[str]
    only_after: list[str]
    circumstances: list[Circumstance] = field(default_factory=list)
    """(what, before, after): settings, environment, versions and machine that differ."""
    warnings: list[str] = field(default_factory=list)
    """Which figures do not compare, and why."""

    def gate_failures(self, limit: Limit) -> list[str]:
        """Why ``--fail-on-increase`` refuses; empty where it passes."""
        gone = [f"{label}: measured before, missing now" for label in self.only_before]
        return [line for phase in self.phases for line in phase.gate_failures(limit)] + gone


def compare(before: Side, after: Side) -> Comparison:
    """Match both sides by run, method and phase, and compare what they share."""
    ours, theirs = phases_of(before), phases_of(after)
    if len(ours) == len(theirs) == 1:
        # Two records were named: that is what is to be compared, whatever they are of.
        joint = " -> ".join(dict.fromkeys([*ours, *theirs]))
        ours, theirs = ({joint: side} for found in (ours, theirs) for side in found.values())
    phases = [_compare_phase(label, ours[label], theirs[label]) for label in ours if label in theirs]
    phases.sort(key=lambda phase: -phase.growth)
    circumstances = find_circumstances(before, after)
    return Comparison(
        phases=phases,
        only_before=[label for label in ours if label not in theirs],
        only_after=[label for label in theirs if label not in ours],
        circumstances=circumstances,
        warnings=find_warnings(before, after, circumstances),
    )


def _compare_phase(label: str, before: PhaseSide, after: PhaseSide) -> PhaseComparison:
    is_traced_only = before.is_traced_only and after.is_traced_only
    return PhaseComparison(
        label=label,
        verdicts=None if is_traced_only else (before.row["verdict"], after.row["verdict"]),
        has_lost_heap=_value(_HEAP, before) is not None and bool(after.row.get("cause_heap")),
        sizes=[
            (key, str(one), str(other))
            for key in _SIZES
            if (one := before.row.get(key)) != (other := after.row.get(key))
        ],
        differences=[_difference(metric, before, after) for metric in METRICS],
        components=_changes(_predicted(before.records), _predicted(after.records)),
        held=_changes(_held(before.records), _held(after.records)),
        owners=_changes(_owners(before.records), _owners(after.records)),
    )


def _difference(metric: Metric, before: PhaseSide, after: PhaseSide) -> Difference:
    one, other = (_value(metric, side) for side in (before, after))
    noise = _noise(metric, before, after, abs(one or 0.0))
    return Difference(metric=metric, before=one, after=other, noise=noise)


def _value(metric: Metric, side: PhaseSide) -> float | None:
    # What a killed child had reached is not what it would have needed. The heap has a pass of its own.
    return side.row.get(metric.key) if side.is_measured or metric is _HEAP else None


def _noise(metric: Metric, before: PhaseSide, after: PhaseSide, value: float) -> float:
    """Half of what both sides spread over, and never less than what this kind of figure is known to."""
    spread = sum(_width(metric, side) for side in (before, after)) / 2
    if metric.key == "accuracy_at_1":
        return spread
    if not metric.is_bytes:
        return max(TIME_NOISE_SHARE * value, spread)
    if metric is _HEAP:
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


def _changes(one: dict[str, int], other: dict[str, int]) -> list[tuple[str, int]]:
    deltas = {name: other.get(name, 0) - one.get(name, 0) for name in dict.fromkeys([*one, *other])}
    changed = [(name, delta) for name, delta in deltas.items() if delta]
    return sorted(changed, key=lambda item: -abs(item[1]))


def _predicted(records: Sequence[Record]) -> dict[str, int]:
    untraced = next((one for one in merged_records(records) if one.pass_ is Pass.RSS), None)
    return dict((untraced.predicted or {}).get("components", {})) if untraced else {}


def _held(records: Sequence[Record]) -> dict[str, int]:
    untraced = next((one for one in merged_records(records) if one.pass_ is Pass.RSS), None)
    return dict(untraced.held or {}) if untraced else {}


def _owners(records: Sequence[Record]) -> dict[str, int]:
    """By function: lines move when a file is edited."""
    found: dict[str, int] = {}
    for top in (one for record in records if record.heap for one in record.heap.top):
        name = f"{top.function} in {top.place.rpartition(':')[0]}"
        found[name] = found.get(name, 0) + top.num_bytes
    return found
