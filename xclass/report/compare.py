"""What changed between two runs, by how much, and whether that is more than noise; from records alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from xclass.errors import RecordError
from xclass.records.record import Pass, Record, Verdict
from xclass.records.store import RECORDS_FOLDER, read_record, read_records
from xclass.report.circumstances import Side, find_circumstances
from xclass.report.rows import Row, merged_records, rows

BYTES_NOISE_SHARE = 0.01
"""Peaks of equal runs with a pinned allocator agree within it (benchmarks/records/measure/repeats)."""
TIME_NOISE_SHARE = 0.30
"""Single times of a shared machine do not compare closer than this. Source: memory.md, "+-30 %"."""


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
    Metric(key="peak_heap_bytes", name="heap peak", is_bytes=True, is_gated=True),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseComparison:
    """One phase of one method on both sides."""

    label: str
    """``dense_softmax train``, with the run of a sweep before it."""
    verdicts: tuple[str, str]
    differences: list[Difference]
    components: list[tuple[str, int]]
    """Component of the closed form -> bytes by which it changed, largest change first."""
    owners: list[tuple[str, int]]
    """Function that held heap at its peak -> bytes by which that changed, largest change first."""

    def of(self, key: str) -> Difference:
        """The difference of one metric."""
        return next(one for one in self.differences if one.metric.key == key)

    def gate_failures(self, limit_share: float) -> list[str]:
        """Why ``--fail-on-increase`` refuses this phase; empty where it does not."""
        if self.verdicts[0] == Verdict.MEASURED and self.verdicts[1] != Verdict.MEASURED:
            return [f"{self.label}: {Verdict.MEASURED} before, {self.verdicts[1].replace('_', ' ')} now"]
        return [
            f"{self.label}: {one.metric.name} grew by {one.share * 100:.1f} %"
            for one in self.differences
            if one.metric.is_gated and one.change is Change.GREW and one.share and one.share > limit_share
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Everything that ``compare`` says."""

    phases: list[PhaseComparison]
    """Those that both sides have, the largest growth of peak RSS first."""
    only_before: list[str]
    only_after: list[str]
    circumstances: list[tuple[str, str, str]] = field(default_factory=list)
    """(what, before, after): settings, environment, versions and machine that differ."""

    def gate_failures(self, limit_share: float) -> list[str]:
        """Why ``--fail-on-increase`` refuses; empty where it passes."""
        gone = [f"{label}: measured before, missing now" for label in self.only_before]
        return [line for phase in self.phases for line in phase.gate_failures(limit_share)] + gone


def read_side(path: Path) -> Side:
    """One record file, one run folder, or every run below a folder.

    Raises:
        RecordError: nothing of that kind is there, or a record is damaged: half a comparison is none.
    """
    if path.is_file():
        return {"": [read_record(path)]}
    if records := read_records(path):
        return {"": records}
    folders = sorted(found.parent for found in path.rglob(RECORDS_FOLDER) if found.is_dir())
    side = {folder.relative_to(path).as_posix(): read_records(folder) for folder in folders}
    if not any(side.values()):
        raise RecordError(f"{path}: no records in it; give a record, the folder of a run, or of a sweep")
    return side


def compare(before: Side, after: Side) -> Comparison:
    """Match both sides by run, method and phase, and compare what they share."""
    ours, theirs = _by_phase(before), _by_phase(after)
    if len(ours) == len(theirs) == 1:
        # Two records were named: that is what is to be compared, whatever they are of.
        joint = " -> ".join(dict.fromkeys([*ours, *theirs]))
        ours, theirs = ({joint: side} for found in (ours, theirs) for side in found.values())
    only_before = [label for label in ours if label not in theirs]
    only_after = [label for label in theirs if label not in ours]
    phases = [_compare_phase(label, ours[label], theirs[label]) for label in ours if label in theirs]
    phases.sort(key=lambda phase: -(phase.of("peak_rss_bytes").delta or 0.0))
    return Comparison(
        phases=phases,
        only_before=only_before,
        only_after=only_after,
        circumstances=find_circumstances(before, after),
    )


_PhaseSide = tuple[Row, list[Record]]


def _by_phase(side: Side) -> dict[str, _PhaseSide]:
    found = {}
    for run, records in side.items():
        for row in rows(records):
            own = [one for one in records if (one.method, one.phase) == (row["method"], row["phase"])]
            label = f"{row['method']} {row['phase']}"
            found[f"{run}: {label}" if run else label] = (row, own)
    return found


def _compare_phase(label: str, before: _PhaseSide, after: _PhaseSide) -> PhaseComparison:
    return PhaseComparison(
        label=label,
        verdicts=(before[0]["verdict"], after[0]["verdict"]),
        differences=[_difference(metric, before, after) for metric in METRICS],
        components=_changes(_predicted(before[1]), _predicted(after[1])),
        owners=_changes(_owners(before[1]), _owners(after[1])),
    )


def _difference(metric: Metric, before: _PhaseSide, after: _PhaseSide) -> Difference:
    one, other = (_value(metric, side[0]) for side in (before, after))
    return Difference(metric=metric, before=one, after=other, noise=_noise(metric, before, after))


def _value(metric: Metric, row: Row) -> float | None:
    # What a killed child had reached is not what it would have needed.
    return row[metric.key] if row["verdict"] == Verdict.MEASURED else None


def _noise(metric: Metric, before: _PhaseSide, after: _PhaseSide) -> float:
    """Half of what both sides spread over, and never less than what this kind of figure is known to."""
    value = abs(float(before[0][metric.key] or 0.0))
    spread = sum(_width(metric, side[0]) for side in (before, after)) / 2
    if metric.is_bytes:
        machines = [record.machine for record in before[1] + after[1]]
        error = max(float(machine.get("rss_counter_error_bytes") or 0) for machine in machines)
        return max(BYTES_NOISE_SHARE * value, error, spread)
    if metric.key == "accuracy_at_1":
        return spread
    return max(TIME_NOISE_SHARE * value, spread)


def _width(metric: Metric, row: Row) -> float:
    if metric.ends is None or row[metric.ends[0]] is None:
        return 0.0
    return float(row[metric.ends[1]] - row[metric.ends[0]])


def _changes(one: dict[str, int], other: dict[str, int]) -> list[tuple[str, int]]:
    deltas = {name: other.get(name, 0) - one.get(name, 0) for name in dict.fromkeys([*one, *other])}
    changed = [(name, delta) for name, delta in deltas.items() if delta]
    return sorted(changed, key=lambda item: -abs(item[1]))


def _predicted(records: Sequence[Record]) -> dict[str, int]:
    untraced = next((one for one in merged_records(records) if one.pass_ is Pass.RSS), None)
    return dict((untraced.predicted or {}).get("components", {})) if untraced else {}


def _owners(records: Sequence[Record]) -> dict[str, int]:
    """By function: lines move when a file is edited."""
    found: dict[str, int] = {}
    for top in (one for record in records if record.heap for one in record.heap.top):
        name = f"{top.function} in {top.place.rpartition(':')[0]}"
        found[name] = found.get(name, 0) + top.num_bytes
    return found
