"""Peak RAM against classes, both logarithmic: what was measured, how it goes on, which servers hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xclass.report.log_axis import LogAxis, byte_axis, count_axis, count_label
from xclass.report.svg import COLOURS, GRID, INK, MUTED, Page, tick_label
from xclass.units import format_bytes, format_count

_WIDTH, _LEFT, _RIGHT, _TOP, _PANEL, _GAP = 760, 74, 16, 86, 300, 84
_HOW_TO_READ = (
    "dots: measured; ring: the largest size, predicted from the smaller ones",
    "line and band: projected, with its interval; dashed: more than 10 times beyond what was measured",
)
_SERVER = "#9a9a9a"
_LEAST_GAP = 13.0
"""Pixels between two labels of servers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """A size that a projection gives."""

    classes: int
    value: int
    low: int
    high: int
    is_marked: bool = False
    """Far beyond what was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakLine:
    """One variant in one panel."""

    name: str
    panel: str
    """Title of its panel: what the RAM is for."""
    points: Sequence[tuple[int, int]]
    """(classes, measured peak bytes)."""
    curve: Sequence[CurvePoint] = ()
    """Projected, in order of classes; empty where nothing was."""
    held_out: tuple[int, float] | None = None
    """(classes, predicted bytes) of the largest measured size, from the smaller ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLine:
    """What a server offers, across the panels."""

    name: str
    offered_bytes: int


def draw_peaks(lines: Sequence[PeakLine], servers: Sequence[ServerLine] = ()) -> str | None:
    """One panel per purpose, the same axes in all of them.

    Args:
        lines: with points or a curve; in the order of the legend.
        servers: drawn where their bytes lie within the axis.

    Returns:
        The SVG document; None where there are not two sizes.
    """
    drawn = [line for line in lines if line.points or line.curve]
    if len({size for line in drawn for size in _sizes(line)}) < 2:
        return None
    panels = list(dict.fromkeys(line.panel for line in drawn))
    names = list(dict.fromkeys(line.name for line in drawn))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    bottom = _TOP + len(panels) * (_PANEL + _GAP) - 12
    page = Page(_WIDTH, bottom)
    page.text(16, 24, "Peak RAM against classes", size=17, bold=True)
    page.text(16, 46, _HOW_TO_READ[0], colour=MUTED)
    page.text(16, 63, _HOW_TO_READ[1], colour=MUTED)
    classes = [size for line in drawn for size in _sizes(line)]
    sizes = [size for line in drawn for _, size in line.points]
    sizes += [end for line in drawn for at in line.curve for end in (max(1, at.low), at.high)]
    for number, panel in enumerate(panels):
        top = _TOP + number * (_PANEL + _GAP) + 20
        across = count_axis(classes, _LEFT, _WIDTH - _RIGHT)
        up = byte_axis(sizes, top + _PANEL, top)
        _frame(page, panel, across, up)
        _draw_servers(page, servers, up)
        for line in drawn:
            if line.panel == panel:
                _draw_line(page, line, colours[line.name], across, up)
    page.legend(16, bottom + 12, [(colour, name) for name, colour in colours.items()])
    return page.render("Peak RAM against the number of classes, measured and projected")


def _sizes(line: PeakLine) -> list[int]:
    return [size for size, _ in line.points] + [at.classes for at in line.curve]


def _frame(page: Page, title: str, across: LogAxis, up: LogAxis) -> None:
    page.text(_LEFT, up.end - 10, title, size=14, bold=True)
    for tick in up.ticks:
        y = up.place(tick)
        page.line(_LEFT, y, across.end, y, GRID)
        page.text(_LEFT - 7, y + 4, tick_label(int(tick)), colour=MUTED, anchor="end")
    for tick in across.ticks:
        x = across.place(tick)
        page.line(x, up.end, x, up.start, GRID)
        page.text(x, up.start + 17, count_label(tick), colour=MUTED, anchor="middle")
    page.text((across.start + across.end) / 2, up.start + 34, "classes", colour=MUTED, anchor="middle")


def _draw_servers(page: Page, servers: Sequence[ServerLine], up: LogAxis) -> None:
    """Dotted lines, named at the left; one too near to the one below it is left out."""
    last = up.start + _LEAST_GAP
    for server in sorted(servers, key=lambda server: server.offered_bytes):
        y = up.place(server.offered_bytes)
        if y < up.end or last - y < _LEAST_GAP:
            continue
        page.line(_LEFT, y, _WIDTH - _RIGHT, y, _SERVER, dash="1 4", width=1.5)
        page.text(_LEFT + 6, y - 3, server.name, size=11, colour=MUTED)
        last = y


def _draw_line(page: Page, line: PeakLine, colour: str, across: LogAxis, up: LogAxis) -> None:
    curve = [(across.place(at.classes), at) for at in line.curve]
    if curve:
        upper = [(x, up.place(at.high)) for x, at in curve]
        lower = [(x, up.place(at.low)) for x, at in reversed(curve)]
        page.area([*upper, *lower], colour, opacity=0.18)
        near = [(x, up.place(at.value)) for x, at in curve if not at.is_marked]
        far = [(x, up.place(at.value)) for x, at in curve if at.is_marked]
        page.polyline(near, colour)
        page.polyline([*near[-1:], *far], colour, dash="7 5")
    else:
        page.polyline([(across.place(size), up.place(peak)) for size, peak in sorted(line.points)], colour)
    for size, peak in line.points:
        title = f"{line.name}: {format_bytes(peak)} at {format_count(size)} classes (measured)"
        page.circle(across.place(size), up.place(peak), 4.5, colour, title=title)
    if line.held_out is not None:
        size, predicted = line.held_out
        at = f"{format_bytes(predicted)} at {format_count(size)} classes"
        title = f"{line.name}: {at} (predicted from the smaller sizes)"
        page.circle(across.place(size), up.place(predicted), 8, "none", stroke=INK, title=title)
