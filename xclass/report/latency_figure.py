"""How long queries wait, as a distribution: a line per method, one panel per batch size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xclass.records.record import Latency, Pass, Record
from xclass.report.heat_map import FIGURE_WIDTH, shorten
from xclass.report.log_axis import value_axis
from xclass.report.svg import COLOURS, GRID, MUTED, Page
from xclass.units import format_count, format_seconds

_TOP, _PANEL_HEAD, _PLOT, _AXIS, _GAP, _LINE = 72, 26, 190, 44, 30, 18
_LEFT, _RIGHT = 52, 24
_DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 2", "1 2")
_SHOWN_PERCENTS = (50, 95, 99, 100)
_COLUMNS = (270, 340, 410, 496)
"""Right ends of the columns under a panel."""
_Line = tuple[str, Latency]


def draw_latency(records: Iterable[Record]) -> str | None:
    """Share of batches answered within a time, times on a logarithmic scale.

    Args:
        records: merged, one per method, phase and pass; those without quantiles are left out.

    Returns:
        The SVG document; None where no distribution was kept.
    """
    lines = [
        (record.method, latency)
        for record in records
        if record.pass_ is Pass.RSS
        for latency in record.latencies
        if latency.quantiles and latency.quantiles[0][1] > 0
    ]
    sizes = sorted({latency.batch_size for _, latency in lines})
    if not sizes:
        return None
    panels = [[line for line in lines if line[1].batch_size == size] for size in sizes]
    page = Page(FIGURE_WIDTH, _TOP + sum(map(_height, panels)))
    page.text(16, 24, "How long an answer takes", size=16, bold=True)
    page.text(
        16, 44, "height: percent of what was asked that was answered within the time below it;", colour=MUTED
    )
    page.text(
        16, 60, "a steep line is a steady server, a long way to the right its slowest answers", colour=MUTED
    )
    top = float(_TOP)
    for panel in panels:
        _draw_panel(page, panel, top)
        top += _height(panel)
    return page.render("Distribution of the time an answer takes, by method and batch size")


def _height(panel: Sequence[_Line]) -> float:
    return _PANEL_HEAD + _PLOT + _AXIS + _LINE * (len(panel) + 1) + _GAP


def _draw_panel(page: Page, panel: Sequence[_Line], top: float) -> None:
    page.text(16, top + 14, _asked(panel), size=13, bold=True)
    top += _PANEL_HEAD
    for level in (0, 50, 95, 100):
        y = _y(level, top)
        page.line(_LEFT, y, FIGURE_WIDTH - _RIGHT, y, GRID)
        page.text(_LEFT - 6, y + 4, f"{level} %", size=10, colour=MUTED, anchor="end")
    seconds_of = [seconds for _, latency in panel for _, seconds in latency.quantiles]
    across = value_axis(seconds_of, _LEFT, FIGURE_WIDTH - _RIGHT)
    for tick in across.ticks:
        x = across.place(tick)
        page.line(x, top, x, top + _PLOT, GRID)
        page.text(x, top + _PLOT + 16, format_seconds(tick), size=10, colour=MUTED, anchor="middle")
    for number, (method, latency) in enumerate(panel):
        colour, dash = COLOURS[number % len(COLOURS)], _DASHES[number % len(_DASHES)]
        points = [(across.place(seconds), _y(percent, top)) for percent, seconds in latency.quantiles]
        page.polyline(points, colour, dash=dash)
        for percent, seconds in latency.quantiles:
            if percent in _SHOWN_PERCENTS:
                title = f"{method}, {percent:g} %: {format_seconds(seconds)}"
                page.circle(across.place(seconds), _y(percent, top), 3, colour, title=title)
    _draw_table(page, panel, top + _PLOT + _AXIS)


def _asked(panel: Sequence[_Line]) -> str:
    size, least = panel[0][1].batch_size, min(latency.num_batches for _, latency in panel)
    most = max(latency.num_batches for _, latency in panel)
    number = format_count(least) if least == most else f"{format_count(least)} to {format_count(most)}"
    return f"{number} single queries" if size == 1 else f"{number} batches of {format_count(size)} queries"


def _draw_table(page: Page, panel: Sequence[_Line], y: float) -> None:
    """The legend, with the figures that people ask for."""
    for name, x in zip(("median", "95 %", "99 %", "slowest"), _COLUMNS, strict=True):
        page.text(x, y, name, size=10.5, colour=MUTED, anchor="end")
    for number, (method, latency) in enumerate(panel):
        y += _LINE
        colour, dash = COLOURS[number % len(COLOURS)], _DASHES[number % len(_DASHES)]
        page.line(16, y - 4, 44, y - 4, colour, width=2.5, dash=dash)
        page.text(50, y, shorten(method, 158, 11), size=11)
        known = {row[0]: row[1] for row in latency.quantiles}
        for percent, x in zip(_SHOWN_PERCENTS, _COLUMNS, strict=True):
            page.text(x, y, format_seconds(known.get(percent)), size=11, anchor="end")


def _y(percent: float, top: float) -> float:
    return top + _PLOT * (1 - percent / 100)
