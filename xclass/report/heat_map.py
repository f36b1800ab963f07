"""A table of shares or cosines as coloured cells, with numbers in them: dark is much, also in print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xclass.report.svg import INK, MUTED, Page, text_width
from xclass.report.text import clean

FIGURE_WIDTH = 520
"""Pixels: on a phone of 360 the smallest text is still 7 high."""
LEFT, CELL = 110, 24
_SIZE = 10.5
_LIGHT, _DARK = (255, 255, 255), (8, 64, 129)
"""Ends of a scale of one hue, whose lightness alone tells values apart. Source: ColorBrewer, GnBu."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell."""

    shade: float
    """0 (white) to 1 (darkest)."""
    text: str
    title: str = ""
    """What a browser says under the pointer."""


def colour_of(shade: float) -> str:
    """Of the scale, at 0 to 1."""
    shade = min(max(shade, 0.0), 1.0)
    mixed = (round(light + (dark - light) * shade) for light, dark in zip(_LIGHT, _DARK, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def shorten(name: str, width: float, size: float = _SIZE) -> str:
    """As much of a name as fits."""
    name = clean(name) or "?"
    room = max(1, int(width / text_width("x", size)))
    return name if len(name) <= room else f"{name[: room - 1]}…"


def heading_height(columns: Sequence[str]) -> float:
    """Pixels that turned column headings take."""
    return max(text_width(shorten(name, LEFT), _SIZE) for name in columns) + 8


def draw_cells(
    page: Page, top: float, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]]
) -> float:
    """Column headings, row names and cells.

    Args:
        page: as wide as :data:`FIGURE_WIDTH`, or wider.
        top: of the headings.
        rows: names.
        columns: names.
        cells: a row per name.

    Returns:
        The y below the last row.
    """
    top += heading_height(columns)
    for number, name in enumerate(columns):
        x = LEFT + (number + 0.5) * CELL + 4
        page.text(x, top - 5, shorten(name, LEFT), size=_SIZE, turned=True)
    for number, (name, row) in enumerate(zip(rows, cells, strict=True)):
        y = top + number * CELL
        page.text(LEFT - 6, y + CELL / 2 + 4, shorten(name, LEFT - 14), size=_SIZE, anchor="end")
        for place, cell in enumerate(row):
            x = LEFT + place * CELL
            if not cell.text:
                continue  # most cells of a good classifier: the file stays small
            page.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, colour_of(cell.shade), title=cell.title)
            ink = "#ffffff" if cell.shade > 0.5 else INK
            page.text(x + CELL / 2, y + CELL / 2 + 3.5, cell.text, size=9.5, colour=ink, anchor="middle")
    _frame(page, top, len(columns) * CELL, len(rows) * CELL)
    return top + len(rows) * CELL


def _frame(page: Page, top: float, width: float, height: float) -> None:
    """White cells would have no edge."""
    corners = [
        (LEFT, top),
        (LEFT + width, top),
        (LEFT + width, top + height),
        (LEFT, top + height),
        (LEFT, top),
    ]
    page.polyline(corners, MUTED, width=1)


def draw_scale(page: Page, y: float, ends: tuple[str, str], name: str) -> None:
    """The colours from least to most, with what they mean.

    Args:
        page: to draw on.
        y: of its middle.
        ends: texts at both ends.
        name: of the quantity.
    """
    page.text(LEFT - 6, y + 4, ends[0], size=_SIZE, anchor="end", colour=MUTED)
    steps = 24
    for step in range(steps):
        page.rect(LEFT + step * 6, y - 6, 6, 12, colour_of(step / (steps - 1)))
    page.polyline(
        [(LEFT, y - 6), (LEFT + 144, y - 6), (LEFT + 144, y + 6), (LEFT, y + 6), (LEFT, y - 6)],
        MUTED,
        width=1,
    )
    page.text(LEFT + 150, y + 4, f"{ends[1]}  {name}", size=_SIZE, colour=MUTED)
