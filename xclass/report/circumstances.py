"""What else differs between two runs: settings, environment, versions, machine, which explain a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from xclass.records.record import Phase, Record, Verdict
from xclass.report.causes import LOUD_LOAD
from xclass.report.text import flatten

Side = dict[str, list[Record]]
"""Run of a sweep (empty for a single run) -> its records."""

_PASSING = ("load_average", "swap_used_bytes", "memory_limit_bytes")
"""Facts of a machine that change by themselves."""


def find_circumstances(before: Side, after: Side) -> list[tuple[str, str, str]]:
    """(what, before, after) of each setting, variable, version and fact of the machine that differs."""
    found = []
    for what, facts in _FACTS.items():
        ours, theirs = (_common(facts, side) for side in (before, after))
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                found.append((f"{what} {key}", str(ours.get(key, "-")), str(theirs.get(key, "-"))))
    quiet, loud = _loads(before), _loads(after)
    if quiet and loud and abs(max(quiet) - max(loud)) >= LOUD_LOAD:
        one, other = (f"{min(side):.1f} to {max(side):.1f}" for side in (quiet, loud))
        found.append(("load when they began", one, other))
    return found


def _loads(side: Side) -> list[float]:
    loads = (record.conditions.get("load_average") for record in _measured(side))
    return [load for load in loads if load is not None]


_FACTS: dict[str, Callable[[Record], dict[str, Any]]] = {
    "setting": lambda record: flatten(record.config),
    "environment": lambda record: flatten(record.environment),
    "machine": lambda record: {
        key: value for key, value in flatten(record.machine).items() if key not in _PASSING
    },
    "condition": lambda record: {"allocator": record.conditions.get("allocator")},
}


def _common(facts: Callable[[Record], dict[str, Any]], side: Side) -> dict[str, Any]:
    """What all records of a side that were measured agree on; a sweep's own variable drops out."""
    found: dict[str, Any] = {}
    unequal = set()
    for record in _measured(side):
        for key, value in facts(record).items():
            if found.setdefault(key, value) != value:
                unequal.add(key)
    return {key: value for key, value in found.items() if key not in unequal}


def _measured(side: Side) -> Iterable[Record]:
    return (
        record
        for records in side.values()
        for record in records
        if record.verdict is Verdict.MEASURED and record.phase is not Phase.PREPARE
    )
