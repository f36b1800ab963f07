"""Class vectors on a plane, told apart by the colour and shape of their group: islands, or a fog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xclass.records.pictures import ClassMap
from xclass.records.record import Record
from xclass.report.confusion_figure import pictured_records, row_names
from xclass.report.heat_map import FIGURE_WIDTH, shorten
from xclass.report.svg import COLOURS, GRID, MUTED, Page
from xclass.report.text import clean

_TOP, _PANEL_HEAD, _PLOT, _GAP = 72, 62, 300, 40
_LEGEND_COLUMNS = 3
_LEFT, _RIGHT = 16, 16
_SIZE = 4.5
_Point = tuple[float, float]
_OUTLINES: tuple[tuple[_Point, ...], ...] = (
    (),
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
    ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    ((0, 1.3), (1.2, -0.9), (-1.2, -0.9)),
    ((-1.5, -0.5), (-0.5, -0.5), (-0.5, -1.5), (0.5, -1.5), (0.5, -0.5), (1.5, -0.5), (1.5, 0.5), (0.5, 0.5),
     (0.5, 1.5), (-0.5, 1.5), (-0.5, 0.5), (-1.5, 0.5)),
)  # fmt: skip
"""Disc, square, triangle, diamond, triangle on its tip, cross: for print without colours."""


def draw_class_map(records: Iterable[Record]) -> str | None:
    """One panel per method, each on the two axes of its own vectors.

    Args:
        records: merged, one per method, phase and pass; those without a map are left out.

    Returns:
        The SVG document; None where there is none.
    """
    panels = [
        (method, row_names(pictures), pictures.class_map, clean(pictures.noun))
        for method, pictures in pictured_records(records)
        if pictures.class_map is not None
    ]
    if not panels:
        return None
    noun = panels[0][3]
    page = Page(FIGURE_WIDTH, _TOP + len(panels) * (_PANEL_HEAD + _PLOT + _GAP))
    page.text(16, 24, f"Class vectors by {noun}", size=16, bold=True)
    page.text(
        16, 44, "a point is a class; near points point the same way. Only two of the many", colour=MUTED
    )
    page.text(16, 60, "directions are seen: what lies apart is apart, what overlaps may not be", colour=MUTED)
    for number, (method, names, class_map, _) in enumerate(panels):
        _draw_panel(page, method, names, class_map, _TOP + number * (_PANEL_HEAD + _PLOT + _GAP))
    return page.render(f"Class vectors by {noun}, on the two axes along which they differ most")


def _draw_panel(page: Page, method: str, names: Sequence[str], class_map: ClassMap, top: float) -> None:
    rows = sorted({int(point[0]) for point in class_map.points})
    page.text(16, top + 16, method, size=13, bold=True)
    _draw_legend(page, top + 34, [names[row] for row in rows])
    top += _PANEL_HEAD
    bottom, right = top + _PLOT, FIGURE_WIDTH - _RIGHT
    corners = [(_LEFT, top), (right, top), (right, bottom), (_LEFT, bottom), (_LEFT, top)]
    page.polyline(corners, GRID, width=1)
    xs, ys = ([point[axis] for point in class_map.points] for axis in (1, 2))
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    # One scale for both axes, or distances would not be distances.
    wide, high = (
        (right - _LEFT - 24) / max(max(xs) - min(xs), 1e-9),
        (_PLOT - 24) / max(max(ys) - min(ys), 1e-9),
    )
    scale = min(wide, high)
    for row, x, y in class_map.points:
        place = (_LEFT + right) / 2 + (x - middle[0]) * scale, (top + bottom) / 2 - (y - middle[1]) * scale
        _draw_mark(page, *place, rows.index(int(row)), names[int(row)])
    first, second = (f"{share * 100:.0f} %" for share in class_map.explained_shares)
    words = f"the axes hold {first} (across) and {second} (up) of how these vectors differ"
    page.text(_LEFT, bottom + 16, words, size=11, colour=MUTED)


def _draw_mark(page: Page, x: float, y: float, kind: int, title: str) -> None:
    colour, outline = COLOURS[kind % len(COLOURS)], _OUTLINES[kind % len(_OUTLINES)]
    if outline:
        page.area([(x + across * _SIZE * 0.9, y + down * _SIZE * 0.9) for across, down in outline], colour)
    else:
        page.circle(x, y, _SIZE, colour, title=title)


def _draw_legend(page: Page, y: float, names: Sequence[str]) -> None:
    room = (FIGURE_WIDTH - _LEFT - _RIGHT) / _LEGEND_COLUMNS
    for kind, name in enumerate(names):
        line, column = divmod(kind, _LEGEND_COLUMNS)
        x = _LEFT + column * room
        _draw_mark(page, x + 5, y + 16 * line - 4, kind, name)
        page.text(x + 14, y + 16 * line, shorten(name, room - 22, 11), size=11)
