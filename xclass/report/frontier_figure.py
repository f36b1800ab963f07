"""Accuracy against the RAM of serving: who answers best, who needs least, and who is beaten in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xclass.report.log_axis import byte_axis
from xclass.report.svg import COLOURS, GRID, INK, MUTED, Page, tick_label
from xclass.report.text import share_with_interval
from xclass.units import format_bytes

_WIDTH, _LEFT, _RIGHT, _TOP, _HEIGHT = 760, 62, 34, 92, 320


@dataclass(frozen=True, kw_only=True, slots=True)
class Answerer:
    """One variant that answered queries."""

    name: str
    peak_bytes: int
    """Measured, of serving."""
    at_1: float
    low: float
    high: float


def frontier(answerers: Sequence[Answerer]) -> list[Answerer]:
    """Those that no other one matches with less RAM and at least as many right answers; by RAM."""
    best: list[Answerer] = []
    for one in sorted(answerers, key=lambda one: (one.peak_bytes, -one.at_1)):
        if not best or one.at_1 > best[-1].at_1:
            best.append(one)
    return best


def draw_frontier(answerers: Sequence[Answerer], subtitle: str) -> str | None:
    """A point with its interval for each, and a line through those on the frontier.

    Args:
        answerers: of one data set and size: accuracies of different ones do not compare.
        subtitle: of what data and size.

    Returns:
        The SVG document; None with fewer than two.
    """
    if len(answerers) < 2:
        return None
    names = list(dict.fromkeys(one.name for one in answerers))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    page = Page(_WIDTH, _TOP + _HEIGHT)
    page.text(16, 24, "Accuracy against the RAM of serving", size=17, bold=True)
    page.text(16, 46, subtitle, colour=MUTED)
    page.text(16, 63, "bars: 95 % interval; line: nobody is right more often with less RAM", colour=MUTED)
    across = byte_axis([one.peak_bytes for one in answerers], _LEFT, _WIDTH - _RIGHT)
    bottom = _TOP + _HEIGHT
    low, high, step = _shares(answerers)

    def up(share: float) -> float:
        return bottom - (share * 100 - low) / (high - low) * _HEIGHT

    for percent in range(low, high + 1, step):
        page.line(_LEFT, up(percent / 100), _WIDTH - _RIGHT, up(percent / 100), GRID)
        page.text(_LEFT - 7, up(percent / 100) + 4, f"{percent} %", colour=MUTED, anchor="end")
    for tick in across.ticks:
        page.line(across.place(tick), _TOP, across.place(tick), bottom, GRID)
        page.text(across.place(tick), bottom + 17, tick_label(int(tick)), colour=MUTED, anchor="middle")
    page.text(_WIDTH / 2, bottom + 34, "peak RAM of serving (measured)", colour=MUTED, anchor="middle")
    best = [(across.place(one.peak_bytes), up(one.at_1)) for one in frontier(answerers)]
    page.polyline(best, INK, dash="3 3")
    for one in answerers:
        x, colour = across.place(one.peak_bytes), colours[one.name]
        page.line(x, up(one.low), x, up(one.high), colour, width=2)
        share, least, most = share_with_interval(one.at_1, one.low, one.high)
        title = f"{one.name}: {share} % ({least} to {most}) in {format_bytes(one.peak_bytes)}"
        page.circle(x, up(one.at_1), 6, colour, title=title)
    page.legend(16, bottom + 56, [(colour, name) for name, colour in colours.items()])
    return page.render("Share of right answers against the peak RAM of serving")


def _shares(answerers: Sequence[Answerer]) -> tuple[int, int, int]:
    """Least and most of the axis, and its step, in percent."""
    least = int(min(one.low for one in answerers) * 100)
    most = int(max(one.high for one in answerers) * 100) + 1
    step = next((step for step in (1, 2, 5, 10) if (most - least) / step <= 6), 20)
    return least // step * step, -(-most // step) * step, step
