"""Resident memory over time, phase by phase, with what began when and the two peaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from xclass.records.record import Pass, Record
from xclass.report.svg import COLOURS, GRID, INK, MUTED, Page, byte_ticks, text_width, tick_label
from xclass.units import format_seconds

_WIDTH, _LEFT, _RIGHT, _TOP, _PANEL, _GAP = 980, 76, 20, 84, 150, 78
_PHASE_GAP, _LEAST_PHASE = 14, 90
_ANON, _FILE, _SHMEM = "#0072b2", "#b7d7ea", "#cc79a7"
_PEAK, _FORM = COLOURS[5], INK


def draw_timeline(records: Iterable[Record]) -> str | None:
    """One panel per method, its phases side by side, each on its own axis of time.

    Args:
        records: merged, one per method, phase and pass; those without samples are left out.

    Returns:
        The SVG document; None where nothing was sampled.
    """
    sampled = [record for record in records if record.pass_ is Pass.RSS and len(record.timeline) > 1]
    panels = [list(group) for _, group in groupby(sampled, key=lambda record: record.method)]
    if not panels:
        return None
    page = Page(_WIDTH, _TOP + len(panels) * (_PANEL + _GAP) + 24)
    page.text(16, 24, "Resident memory over time", size=16, bold=True)
    page.text(
        16, 44, "sampled from outside; the peak is the kernel's, which sees what samples miss", colour=MUTED
    )
    for number, panel in enumerate(panels):
        _draw_panel(page, panel, _TOP + number * (_PANEL + _GAP))
    page.legend(
        16, page.height - 14,
        [(_ANON, "anonymous"), (_FILE, "file pages"), (_SHMEM, "shared memory"),
         (_PEAK, "peak, measured by the kernel"), (_FORM, "base + closed form (dashed)")],
    )  # fmt: skip
    return page.render("Resident memory over time")


def _draw_panel(page: Page, records: Sequence[Record], top: float) -> None:
    most = max([*(row[1] for record in records for row in record.timeline), *map(_peak, records)])
    ticks = byte_ticks(most * 1.02, 4)
    page.text(16, top - 8, records[0].method, bold=True)
    for tick in ticks:
        y = _y(tick, ticks[-1], top)
        page.line(_LEFT, y, _WIDTH - _RIGHT, y, GRID)
        page.text(_LEFT - 6, y + 4, tick_label(tick), size=10, colour=MUTED, anchor="end")
    left = float(_LEFT)
    for record, width in zip(records, _widths(records), strict=True):
        _draw_phase(page, record, left, width, top, ticks[-1])
        left += width + _PHASE_GAP


def _widths(records: Sequence[Record]) -> list[float]:
    """As wide as they were long, but wide enough for their names."""
    room = _WIDTH - _LEFT - _RIGHT - _PHASE_GAP * (len(records) - 1)
    spare = room - _LEAST_PHASE * len(records)
    total = sum(record.timeline[-1][0] for record in records) or 1.0
    return [_LEAST_PHASE + spare * record.timeline[-1][0] / total for record in records]


def _draw_phase(page: Page, record: Record, left: float, width: float, top: float, most: int) -> None:
    end = max(record.timeline[-1][0], 1e-9)

    def x(seconds: float) -> float:
        return left + min(seconds / end, 1.0) * width

    layers = [(_ANON, 2), (_FILE, 3), (_SHMEM, 4)]
    below = [0.0] * len(record.timeline)
    for colour, column in layers:
        above = [low + row[column] for low, row in zip(below, record.timeline, strict=True)]
        upper = [(x(row[0]), _y(high, most, top)) for row, high in zip(record.timeline, above, strict=True)]
        lower = [(x(row[0]), _y(low, most, top)) for row, low in zip(record.timeline, below, strict=True)]
        if any(row[column] for row in record.timeline):
            page.area([*upper, *reversed(lower)], colour)
        below = above
    _draw_lines(page, record, left, width, top, most)
    bottom = top + _PANEL
    for (seconds, name), room in zip(record.marks, _rooms(record, x, left + width), strict=True):
        page.line(x(seconds), top, x(seconds), bottom, MUTED, dash="2 3")
        if text_width(name, 10) < room:
            page.text(x(seconds) + 3, top + 10, name, size=10, colour=INK)
        else:
            page.text(x(seconds) - 3, top + 4 + text_width(name, 10), name, size=10, colour=INK, turned=True)
    page.text(left, bottom + 15, str(record.phase), bold=True)
    page.text(left, bottom + 30, format_seconds(record.timeline[-1][0]), size=11, colour=MUTED)


def _draw_lines(page: Page, record: Record, left: float, width: float, top: float, most: int) -> None:
    if record.memory is None:
        return
    peak = _y(record.memory.peak_rss_bytes, most, top)
    page.line(left, peak, left + width, peak, _PEAK, width=1.6)
    if record.predicted:
        form = record.memory.base.rss_bytes + record.predicted.get("over_base_bytes", 0)
        if form <= most:
            y = _y(form, most, top)
            page.line(left, y, left + width, y, _FORM, width=1.2, dash="5 4")


def _rooms(record: Record, x: object, right: float) -> list[float]:
    """Pixels between each mark and the next."""
    assert callable(x)
    places = [*(x(seconds) for seconds, _ in record.marks), right]
    return [after - before for before, after in pairwise(places)]


def _peak(record: Record) -> int:
    return record.memory.peak_rss_bytes if record.memory else 0


def _y(num_bytes: float, most: int, top: float) -> float:
    return top + _PANEL - num_bytes / most * _PANEL
