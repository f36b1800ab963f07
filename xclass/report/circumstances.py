"""What else differs between two runs: settings, environment, versions, machine, which explain a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xclass.records.record import Phase, Record, Verdict
from xclass.report.causes import LOUD_LOAD
from xclass.report.disturbed import disturbed_by
from xclass.report.sides import Run, Side
from xclass.report.text import flatten

Circumstance = tuple[str, str, str]
"""(what, before, after)."""

_PASSING = ("load_average", "swap_used_bytes", "memory_limit_bytes")
"""Facts of a machine that change by themselves."""
_ALLOCATOR = (
    "environment MALLOC_",
    "environment NUMPY_MADVISE",
    "setting measure.allocator",
    "condition allocator",
    "machine libc",
    "machine transparent_huge_pages",
    "machine page_bytes",
)
_BESIDE = "beside other measured children"
_SPEED = (
    "environment OMP_",
    "setting threads",
    "machine processor",
    "machine num_cpus",
    "machine cgroup_cpus",
    "load when they began",
    _BESIDE,
)
_UNKNOWN = "a summary.json says nothing of settings, versions and machine: whether they differ is not known"


def find_circumstances(before: Side, after: Side) -> list[Circumstance]:
    """Each setting, variable, version and fact of the machine that differs between runs of one name.

    In a sweep, what differs in some pairs of runs only is said with the name of the run.
    """
    pairs = {name: (before[name], after[name]) for name in before if name in after}
    found: dict[Circumstance, list[str]] = {}
    for name, (one, other) in pairs.items():
        for circumstance in _differing(one, other):
            found.setdefault(circumstance, []).append(name)
    listed = []
    for (what, ours, theirs), names in found.items():
        if len(names) == len(pairs):
            listed.append((what, ours, theirs))
        else:
            listed += [(f"{name}: {what}", ours, theirs) for name in names]
    return listed


def find_warnings(before: Side, after: Side, circumstances: Sequence[Circumstance]) -> list[str]:
    """What the reader must know before any figure is compared."""
    said = []
    for starts, warning in (
        (_ALLOCATOR, "the allocator or its pages differ: bytes do not compare"),
        (_SPEED, "processor, threads, load or neighbours differ: times do not compare"),
    ):
        if any(start in what for what, _, _ in circumstances for start in starts):
            said.append(warning)
    if any(not run.records for side in (before, after) for run in side.values()):
        said.append(_UNKNOWN)
    return said


def _differing(before: Run, after: Run) -> list[Circumstance]:
    if not before.records or not after.records:
        return []
    found = []
    for what, facts in _FACTS.items():
        ours, theirs = (_common(facts, run.records) for run in (before, after))
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                found.append((f"{what} {key}", str(ours.get(key, "-")), str(theirs.get(key, "-"))))
    quiet, loud = _loads(before.records), _loads(after.records)
    if quiet and loud and abs(max(quiet) - max(loud)) >= LOUD_LOAD:
        one, other = (f"{min(side):.1f} to {max(side):.1f}" for side in (quiet, loud))
        found.append(("load when they began", one, other))
    one, other = (_company(run.records) for run in (before, after))
    if one != other:
        found.append((_BESIDE, one, other))
    return found


def _company(records: Sequence[Record]) -> str:
    disturbed = sum(bool(disturbed_by([record])) for record in _measured(records))
    return f"{disturbed} of {len(_measured(records))} measurements" if disturbed else "none"


def _loads(records: Sequence[Record]) -> list[float]:
    loads = (record.conditions.get("load_average") for record in _measured(records))
    return [load for load in loads if load is not None]


_FACTS: dict[str, Callable[[Record], dict[str, Any]]] = {
    "setting": lambda record: flatten(record.config),
    "environment": lambda record: flatten(record.environment),
    "machine": lambda record: {
        key: value for key, value in flatten(record.machine).items() if key not in _PASSING
    },
    "condition": lambda record: {"allocator": record.conditions.get("allocator")},
}


def _common(facts: Callable[[Record], dict[str, Any]], records: Sequence[Record]) -> dict[str, Any]:
    """What all records that were measured agree on."""
    found: dict[str, Any] = {}
    unequal = set()
    for record in _measured(records):
        for key, value in facts(record).items():
            if found.setdefault(key, value) != value:
                unequal.add(key)
    return {key: value for key, value in found.items() if key not in unequal}


def _measured(records: Sequence[Record]) -> Sequence[Record]:
    """Those of methods that were measured; where there is none, what there is was run alike."""
    measured = [
        record
        for record in records
        if record.verdict is Verdict.MEASURED and record.phase is not Phase.PREPARE
    ]
    return measured or records
