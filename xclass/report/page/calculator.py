"""The calculator inside the page: sliders for the size and the method, and what it then takes to rent.

Without a script it is a table of a few sizes. With it, everything that is shown was computed by the same
:class:`Projector` that ``python -m xclass.project`` asks; the script only looks it up and picks a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from xclass.projection.projector import Projector
from xclass.projection.result import MARKED_BEYOND, REFUSED_BEYOND
from xclass.records.record import Phase
from xclass.report.page.calculator_data import data_json
from xclass.report.page.calculator_table import CalculatorTable, Variant, make_table
from xclass.report.page.template_files import environment, text_of
from xclass.sizing.hardware import Hardware
from xclass.units import format_bytes, format_count

_STATE_WORDS = {
    "m": "measured",
    "p": "projected",
    "x": f"projected, more than {MARKED_BEYOND:g} x beyond what was measured",
    "f": "predicted by the closed form alone",
    "r": f"refused: more than {REFUSED_BEYOND:g} x beyond what was measured",
    "i": "not possible",
}
_SCRIPTS = ("calculator_numbers.js", "calculator_results.js", "calculator_plot.js", "calculator.js")
_EXAMPLE_STEPS = (1, 10, 100)
"""Of the number of classes that the sliders begin at: the sizes of the table that needs no script."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalculatorFragment:
    """Pieces of the page, escaped already."""

    html: str
    """The section; ids begin with ``calculator``."""
    css: str
    script: str
    """To stand after ``data_json``, in an element whose hash the page's policy may name."""
    data_json: str
    """For ``<script type="application/json" id="calculator-data">``."""


def calculator_fragment(
    projector: Projector,
    hardware: Hardware,
    asked: Mapping[str, int] | None = None,
    *,
    is_far_allowed: bool = False,
) -> CalculatorFragment:
    """Everything that the page needs for it.

    Args:
        projector: over the runs that the page reports.
        hardware: the catalogue that servers are chosen from.
        asked: ``classes`` and ``dim`` that the sliders begin at; else the largest that were measured.
        is_far_allowed: nothing is refused for its distance; it is marked all the same.
    """
    table = make_table(projector, asked or {}, is_far_allowed=is_far_allowed)
    html = (
        environment()
        .get_template("calculator.html.jinja")
        .render(
            table=table,
            hardware=hardware,
            states=_STATE_WORDS,
            example_classes=[format_count(count) for count in _example_classes(table)],
            examples=[_example(table, variant) for variant in table.variants if variant.is_measured],
        )
    )
    return CalculatorFragment(
        html=Markup(html),
        css=Markup(text_of("calculator.css")),
        script=Markup(_script()),
        data_json=Markup(data_json(table, hardware)),
    )


def _script() -> str:
    """All of it in one function, so that it leaves no name in the page."""
    parts = "\n".join(text_of(name) for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _example_classes(table: CalculatorTable) -> list[int]:
    """Where the sliders begin, and larger ones of their stops."""
    wanted = [table.start[0] * step for step in _EXAMPLE_STEPS]
    return list(dict.fromkeys(_at_most(table.classes, size) for size in wanted))


def _at_most(stops: tuple[int, ...], size: int) -> int:
    return max((stop for stop in stops if stop <= size), default=stops[0])


def _example(table: CalculatorTable, variant: Variant) -> tuple[str, list[str]]:
    """One row: what fitting and serving take, with where that comes from."""
    dim = table.start[1]
    states = variant.states[table.dims.index(dim)]
    cells = []
    for count in _example_classes(table):
        words = _STATE_WORDS[states[table.classes.index(count)]]
        phases = variant.cells.get((dim, count), ())
        figures = [
            f"{phase.phase.value} {format_bytes(phase.peak.value)} "
            f"({format_bytes(phase.peak.low)} to {format_bytes(phase.peak.high)})"
            for phase in phases
            if phase.phase is not Phase.LOAD
        ]
        cells.append("; ".join([*figures, words]))
    return variant.key, cells
