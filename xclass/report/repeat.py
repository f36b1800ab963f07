"""The section of a report that lets somebody else get the same numbers."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xclass.records.record import Pass, Record
from xclass.report.text import code, escape, fence, flatten, table, value_text

_ABSENT = object()


def repeat_section(records: Sequence[Record], *, run_dir: Path) -> str:
    """Commands, machine and versions, pinned environment and config of a run.

    What differs between children (each has its own command and, for the traced pass, a shortened
    config) is listed as a difference from the first, so that the common part is readable.
    """
    if not records:
        return "No record could be read, so that nothing is known of how this run was made."
    first = records[0]
    parts = [
        f"Run folder {code(run_dir)}, begun {code(min(r.started_at for r in records) or '-')} (UTC), "
        f"seed {first.seed}.",
        f"The whole run again: {code(first.invocation or 'not recorded')}",
        "One line repeats one measurement:",
        fence("\n".join(dict.fromkeys(_command(record) for record in records)), "sh"),
        "Machine and versions:",
        _facts([record.machine for record in records]),
        "Environment pinned for the measured process (allocator, threads):",
        _facts([record.environment for record in records]),
        f"Config of {_name(first)}:",
        fence(json.dumps(first.config, indent=2).replace("<", "\\u003c"), "json"),
        _differences(records),
    ]
    return "\n\n".join(part for part in parts if part)


def _name(record: Record) -> str:
    traced = ", traced pass" if record.pass_ is Pass.HEAP else ""
    return f"{code(record.method)} {record.phase}{traced}"


def _command(record: Record) -> str:
    if not record.command:
        return f"# no command: {record.method} {record.phase}"
    pinned = [f"{name}={value}" for name, value in record.environment.items()]
    # A line break inside an argument would read as two commands.
    return " ".join(shlex.join(["env", *pinned, *record.command]).split())


def _facts(found: Sequence[Mapping[str, Any]]) -> str:
    """The values that most records agree on; what was read at different moments differs a little."""
    values: dict[str, Counter[str]] = {}
    for facts in found:
        for key, value in flatten(facts).items():
            values.setdefault(key, Counter())[value_text(value)] += 1
    if not values:
        return "not recorded"
    rows = [
        [escape(key), counted.most_common(1)[0][0] + _others(len(counted) - 1)]
        for key, counted in values.items()
    ]
    return table(["fact", "value"], rows, num_text_columns=2)


def _others(num_others: int) -> str:
    return f" (and {num_others} other values: see the records)" if num_others else ""


def _differences(records: Sequence[Record]) -> str:
    first = flatten(records[0].config)
    lines = []
    for record in records[1:]:
        own = flatten(record.config)
        changed = [
            f"{key}={_json(own.get(key, _ABSENT))}"
            for key in dict.fromkeys([*own, *first])
            if own.get(key, _ABSENT) != first.get(key, _ABSENT)
        ]
        if changed:
            lines.append(f"- {_name(record)}: {', '.join(code(text) for text in changed)}")
    return "\n".join(["Other configs differ from it in:", "", *lines]) if lines else ""


def _json(value: Any) -> str:
    return "(absent)" if value is _ABSENT else json.dumps(value)
