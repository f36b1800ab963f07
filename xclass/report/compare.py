"""What changed between two runs, by how much, and whether that is more than noise; from records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from xclass.records.record import Pass, Record, Verdict
from xclass.report.circumstances import Circumstance, find_circumstances, find_warnings
from xclass.report.noise import HEAP, HEAP_KEY, METRICS, Metric, find_noise
from xclass.report.rows import merged_records
from xclass.report.sides import PhaseSide, Side, phases_of
from xclass.units import format_bytes

_SIZES = ("classes", "dim", "data", "index")


class Change(StrEnum):
    """What a difference is worth."""

    GREW = "grew"
    SHRANK = "shrank"
    NOISE = "within noise"


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

    def memory_changes(self) -> list[Change]:
        """What the gated figures say together: growth of one is growth; empty where none was measured."""
        changes = {
            one.change
            for one in self.differences
            if one.delta is not None
            and (one.metric.is_gated or self.verdicts is None)
            and one.metric.is_bytes
        }
        return [change for change in Change if change in changes][:1]

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
    lost: list[str]
    """Those of only_before that were measured."""
    circumstances: list[Circumstance] = field(default_factory=list)
    """(what, before, after): settings, environment, versions and machine that differ."""
    warnings: list[str] = field(default_factory=list)
    """Which figures do not compare, and why."""

    @property
    def verdict(self) -> str:
        """One sentence on memory: how many phases grew, shrank or did neither, by their gated figures."""
        found = Counter(change for phase in self.phases for change in phase.memory_changes())
        num_unmeasured = len(self.phases) - found.total()
        parts = [f"{found[change]} {change}" for change in Change]
        parts += [f"{num_unmeasured} not measured on both sides"] if num_unmeasured else []
        return f"memory of {len(self.phases)} phases: {', '.join(parts)}"

    def gate_failures(self, limit: Limit) -> list[str]:
        """Why ``--fail-on-increase`` refuses; empty where it passes."""
        gone = [f"{label}: measured before, missing now" for label in self.lost]
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
        lost=[label for label, side in ours.items() if label not in theirs and side.is_measured],
        only_after=[label for label in theirs if label not in ours],
        circumstances=circumstances,
        warnings=find_warnings(before, after, circumstances),
    )


def _compare_phase(label: str, before: PhaseSide, after: PhaseSide) -> PhaseComparison:
    is_traced_only = before.is_traced_only and after.is_traced_only
    return PhaseComparison(
        label=label,
        verdicts=None if is_traced_only else (before.row["verdict"], after.row["verdict"]),
        has_lost_heap=_value(HEAP, before) is not None and bool(after.row.get("cause_heap")),
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
    noise = find_noise(metric, before, after, abs(one or 0.0))
    return Difference(metric=metric, before=one, after=other, noise=noise)


def _value(metric: Metric, side: PhaseSide) -> float | None:
    # What a killed child had reached is not what it would have needed. The heap has a pass of its own.
    return side.row.get(metric.key) if side.is_measured or metric is HEAP else None


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
