"""The calculator's table and catalogue as JSON that can stand inside a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise
from math import floor, log10
from typing import Any

from xclass.projection.result import Basis, ProjectedPhase, ProjectedTime
from xclass.report.page.calculator_table import CalculatorTable, Variant
from xclass.report.page.compact import write_row
from xclass.report.text import clean
from xclass.sizing.hardware import Hardware, Server

_Size = tuple[int, int]
_Cells = Mapping[_Size, int]
"""By (dim, classes); what has no figures is not there."""
_BYTES: dict[str, Callable[[ProjectedPhase], int]] = {
    "peak": lambda phase: phase.peak.value,
    "low": lambda phase: phase.peak.low,
    "high": lambda phase: phase.peak.high,
    "base": lambda phase: phase.base_bytes,
    "mapped": lambda phase: phase.mapped_bytes,
    "disk": lambda phase: phase.disk_bytes,
}
_GUIDED = ("low", "high", "mapped")
"""Written along the peak, which bends where they do."""
_MAX_EXACT = 2**53
"""Largest whole number below which JavaScript has all others. Source: ECMA-262, Number.MAX_SAFE_INTEGER."""
_ABSENT = -1
_ELSEWHERE = "not measured in these runs: from the benchmark that comes with xclass, on another machine"
_UNSAFE = {"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Nothing in JSON that could end a script element, open a comment in one, or end a line of JavaScript.

Source: HTML standard, section 4.12.1.3, "Restrictions for contents of script elements".
"""


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_PLACE = "\0"
"""Of a number in a pattern; no text has it once it was cleaned."""


class _Notes:
    """Texts, each once, by number; those that differ in their numbers alone share a pattern."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self.patterns: dict[str, int] = {}
        self.fillings: list[str] = []

    def number(self, text: str) -> int:
        if text not in self._texts:
            cleaned = clean(text)
            self._texts[text] = len(self._texts)
            pattern = self.patterns.setdefault(_NUMBER.sub(_PLACE, cleaned), len(self.patterns))
            self.fillings.append(" ".join([str(pattern), *_NUMBER.findall(cleaned)]))
        return self._texts[text]


def data_json(table: CalculatorTable, hardware: Hardware) -> str:
    """The data of templates/calculator.js, which names every key."""
    notes = _Notes()
    document = {
        "classes": table.classes,
        "dims": table.dims,
        "start": table.start,
        "variants": [_variant(table, variant, notes) for variant in table.variants],
        "hardware": {
            "name": clean(hardware.name),
            "reserveBytes": hardware.reserve_bytes,
            "reserveShare": hardware.reserve_share,
            "headroomShare": hardware.headroom_share,
            # In the order in which they would be rented: the script takes the first that offers enough.
            "servers": [_server(hardware, server) for server in hardware.ranked()],
        },
    }
    return script_safe({**document, "patterns": list(notes.patterns), "notes": notes.fillings})


def script_safe(document: Any) -> str:
    """JSON for inside of ``<script type="application/json">``, whatever its texts say."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return "".join(_UNSAFE.get(character, character) for character in text)


def _server(hardware: Hardware, server: Server) -> dict[str, Any]:
    return {
        "vendor": clean(server.vendor),
        "instance": clean(server.instance),
        "vcpus": server.vcpus,
        "ramBytes": server.ram_bytes,
        "usableBytes": hardware.usable_bytes(server),
        "offeredBytes": hardware.offered_bytes(server),
        "usdPerHour": server.usd_per_hour,
        "usdPerMonth": server.usd_per_month,
        "region": clean(server.region),
        "date": clean(server.date),
    }


def _variant(table: CalculatorTable, variant: Variant, notes: _Notes) -> dict[str, Any]:
    first = next(iter(variant.cells.values()), ())
    return {
        "key": variant.key,
        "method": variant.method,
        "kind": variant.kind,
        "isMeasured": variant.is_measured,
        "states": [_runs(row) for row in variant.states],
        "reasons": [notes.number(reason) for reason in variant.reasons],
        "farHundredths": _rows(
            table, {size: _hundredths(phases[0].extrapolation) for size, phases in variant.cells.items()}
        ),
        "phases": _without_repeats([_phase(table, variant, number, notes) for number in range(len(first))]),
    }


def _runs(row: str) -> str:
    """``ppppxx`` as ``p4x2``."""
    return "".join(f"{letter}{len(list(run))}" for letter, run in groupby(row))


def _without_repeats(phases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is as in the phase before is left out: loading and serving have the same base and disk."""
    return phases[:1] + [
        {name: rows for name, rows in phase.items() if name not in _BYTES or rows != before[name]}
        for before, phase in pairwise(phases)
    ]


def _rows(table: CalculatorTable, values: _Cells, guide: _Cells | None = None) -> list[str]:
    """A row of numbers for each of the dimensions; stops without figures have none in it."""
    assert all(abs(value) < _MAX_EXACT for value in values.values())
    rows = []
    for dim in table.dims:
        stops = [count for count in table.classes if (dim, count) in values]
        row = [values[dim, count] for count in stops]
        rows.append(write_row(stops, row, [guide[dim, count] for count in stops] if guide else None))
    return rows


def _phase(table: CalculatorTable, variant: Variant, number: int, notes: _Notes) -> dict[str, Any]:
    cells = {size: phases[number] for size, phases in variant.cells.items()}
    first = next(iter(cells.values()))
    values = {name: {size: read(phase) for size, phase in cells.items()} for name, read in _BYTES.items()}
    quantities = list(dict.fromkeys(time.quantity for phase in cells.values() for time in phase.times))
    return {
        **{name: _rows(table, values[name], values["peak"] if name in _GUIDED else None) for name in _BYTES},
        "phase": first.phase.value,
        "note": _rows(table, {size: notes.number(_words(phase)) for size, phase in cells.items()}),
        "times": [_time(table, cells, quantity, notes) for quantity in quantities],
    }


def _words(phase: ProjectedPhase) -> str:
    return "; ".join((phase.error_words, *phase.caveats))


def _time(
    table: CalculatorTable, cells: Mapping[_Size, ProjectedPhase], quantity: str, notes: _Notes
) -> dict[str, Any]:
    """One time of a phase: rows as for bytes, in ticks."""
    times = {size: time for size, phase in cells.items() for time in phase.times if time.quantity == quantity}
    exponent = _tick_exponent(list(times.values()))

    def rows(read: Callable[[ProjectedTime], int]) -> list[str]:
        return _rows(table, {size: read(times[size]) if size in times else _ABSENT for size in cells})

    # An interval of times is a factor either way: written as such, in thousandths, it is a row of zeros.
    up = rows(lambda time: _thousandths(time.seconds.high, time.seconds.value))
    down = rows(lambda time: _thousandths(time.seconds.value, time.seconds.low))
    return {
        # Of other numbers at every stop: the pass over so many examples.
        "meaning": rows(lambda time: notes.number(time.meaning)),
        "note": rows(lambda time: notes.number(_origin(time))),
        "exponent": exponent,
        "value": rows(lambda time: round(time.seconds.value * 10.0**-exponent)),
        "up": up,
    } | ({} if down == up else {"down": down})


def _tick_exponent(times: Sequence[ProjectedTime]) -> int:
    """Power of ten, in seconds: six digits of the shortest, if JavaScript then can count the longest."""
    shortest = min((time.seconds.value for time in times if time.seconds.value > 0), default=1.0)
    exponent = floor(log10(shortest)) - 6
    while any(time.seconds.value / 10.0**exponent >= _MAX_EXACT for time in times):
        exponent += 1
    return exponent


def _origin(time: ProjectedTime) -> str:
    # The words of the reference name another factor at every stop, which would be a third of the page.
    return _ELSEWHERE if time.basis is Basis.PREDICTED else time.error_words


def _thousandths(larger: float, smaller: float) -> int:
    return round(1000 * larger / smaller) if smaller > 0 else 1000


def _hundredths(extrapolation: float) -> int:
    return _ABSENT if extrapolation == float("inf") else round(100 * extrapolation)
