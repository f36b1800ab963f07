"""How alike the class vectors of groups are, a heat map per method: what lies close is easily confused."""

from __future__ import annotations

from collections.abc import Iterable

from xclass.records.record import Record
from xclass.report.confusion_figure import pictured_records, row_names
from xclass.report.heat_map import CELL, FIGURE_WIDTH, Cell, draw_cells, draw_scale, heading_height
from xclass.report.svg import MUTED, Page
from xclass.report.text import clean

_TOP, _PANEL_HEAD, _GAP = 92, 22, 34
_Table = list[list[float | None]]


def draw_similarity(records: Iterable[Record]) -> str | None:
    """One panel per method, all on one scale.

    Args:
        records: merged, one per method, phase and pass; those without similarities are left out.

    Returns:
        The SVG document; None where there are none.
    """
    panels = [
        (method, row_names(pictures), pictures.similarity, clean(pictures.noun))
        for method, pictures in pictured_records(records)
        if pictures.similarity is not None
    ]
    if not panels:
        return None
    found = [value for _, _, table, _ in panels for row in table for value in row if value is not None]
    high = max([0.01, *found])
    heights = [_PANEL_HEAD + heading_height(names) + CELL * len(names) + _GAP for _, names, _, _ in panels]
    noun = panels[0][3]
    page = Page(FIGURE_WIDTH, _TOP + sum(heights))
    page.text(16, 24, f"How alike the class vectors of each {noun} are", size=16, bold=True)
    page.text(
        16, 44, "mean cosine between class vectors of two rows, from a sample of each; 1 is the", colour=MUTED
    )
    page.text(
        16,
        60,
        "same direction, 0 unrelated; on the diagonal: between different classes of one row",
        colour=MUTED,
    )
    draw_scale(page, 78, ("0 or less", _text(high)), "mean cosine")
    top = float(_TOP)
    for (method, names, table, _), height in zip(panels, heights, strict=True):
        page.text(16, top + 16, method, size=13, bold=True)
        draw_cells(page, top + _PANEL_HEAD, names, names, _cells(table, high))
        top += height
    return page.render(f"How alike the class vectors of each {noun} are: mean cosines")


def _cells(table: _Table, high: float) -> list[list[Cell]]:
    return [[Cell(shade=max(value or 0.0, 0.0) / high, text=_text(value)) for value in row] for row in table]


def _text(value: float | None) -> str:
    """Two decimals without the zero before them: ``.41``, ``-.05``."""
    if value is None:
        return "-"
    text = f"{round(value, 2) + 0.0:.2f}"  # adding zero takes the sign off -0.00
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.1f}"
