"""Which groups of classes are taken for which, a heat map per method, and how much stays in the group."""

from __future__ import annotations

from collections.abc import Iterable

from xclass.records.pictures import Pictures
from xclass.records.record import Record
from xclass.report.heat_map import CELL, FIGURE_WIDTH, LEFT, Cell, draw_cells, draw_scale, heading_height
from xclass.report.svg import MUTED, Page
from xclass.report.text import clean
from xclass.units import format_count

_TOP, _PANEL_HEAD, _GAP = 92, 56, 34


def draw_confusion(records: Iterable[Record]) -> str | None:
    """One panel per method: a row per group of the true class, a column per group of the first answer.

    Args:
        records: merged, one per method, phase and pass; those without pictures are left out.

    Returns:
        The SVG document; None where no record knows two groups.
    """
    pictured = pictured_records(records)
    if not pictured:
        return None
    noun = clean(pictured[0][1].noun)
    page = Page(FIGURE_WIDTH, _TOP + sum(_height(pictures) for _, pictures in pictured))
    page.text(16, 24, f"Which {noun} is taken for which", size=16, bold=True)
    page.text(
        16, 44, f"row: {noun} of the query's true class; column: {noun} of the first answer", colour=MUTED
    )
    page.text(16, 60, "number: percent of the row's queries; the diagonal stays in the group", colour=MUTED)
    draw_scale(page, 78, ("0 %", "100 %"), "darkness: square root of the share")
    top = float(_TOP)
    for method, pictures in pictured:
        _draw_panel(page, method, pictures, top)
        top += _height(pictures)
    said = " ".join(f"{method}: {'; '.join(confusion_words(pictures))}." for method, pictures in pictured)
    return page.render(f"Which {noun} is taken for which. {said}")


def pictured_records(records: Iterable[Record]) -> list[tuple[str, Pictures]]:
    """Method and pictures of the records that have pictures of at least two groups."""
    return [
        (record.method, record.pictures)
        for record in records
        if record.pictures is not None and len(record.pictures.confusion) > 1
    ]


def row_names(pictures: Pictures) -> list[str]:
    """Of the rows of a picture."""
    others = f"{format_count(pictures.num_other_groups)} others"
    return [*pictures.groups, *([others] if pictures.num_other_groups else [])]


def confusion_words(pictures: Pictures) -> list[str]:
    """How many answers were wrong, and how many of these stayed in the true group."""
    num_queries, num_wrong = pictures.num_queries, pictures.num_wrong
    wrong = f"{percent_text(num_wrong, num_queries)} % of {format_count(num_queries)} first answers are wrong"
    if not num_wrong:
        return [wrong]
    inside = f"{percent_text(pictures.num_wrong_in_group, num_wrong)} % of these stay in the true"
    chance = ""
    if pictures.by_chance_share is not None:
        chance = f" ({percent_text(pictures.by_chance_share, 1)} % would by chance)"
    return [wrong, f"{inside} {clean(pictures.noun)}{chance}"]


def percent_text(part: float, whole: float) -> str:
    """Whole percent, but neither 0 nor 100 for what is not all or nothing."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.5:
        return "<1"
    # Half upwards: to even, 0.5 would become 0.
    return ">99" if 99.5 <= percent < 100 else str(int(percent + 0.5))


def _height(pictures: Pictures) -> float:
    return _PANEL_HEAD + heading_height(_columns(pictures)) + CELL * len(pictures.confusion) + _GAP


def _columns(pictures: Pictures) -> list[str]:
    """Headings; the last one only where queries were left without an answer."""
    others = ["others: own", "others: wrong"] if pictures.num_other_groups else []
    return [*pictures.groups, *others, *(["no answer"] if any(row[-1] for row in pictures.confusion) else [])]


def _counts(pictures: Pictures, row: int) -> list[int]:
    """Queries of a row under each heading: on the diagonal lies what stays in the true group, everywhere."""
    counts, num_groups = pictures.confusion[row], len(pictures.groups)
    others = []
    if pictures.num_other_groups:
        own = pictures.num_in_group[row] if row == num_groups else 0
        others = [own, counts[num_groups] - own]
    return [*counts[:num_groups], *others, counts[-1]]


def _draw_panel(page: Page, method: str, pictures: Pictures, top: float) -> None:
    names, columns = row_names(pictures), _columns(pictures)
    page.text(16, top + 16, method, size=13, bold=True)
    for number, words in enumerate(confusion_words(pictures)):
        page.text(16, top + 33 + 16 * number, words, size=11)
    cells = [_cells(pictures, name, columns, row) for row, name in enumerate(names)]
    bottom = draw_cells(page, top + _PANEL_HEAD, names, columns, cells)
    first = bottom - CELL * len(names)
    right = LEFT + CELL * len(columns) + 6
    page.text(right + 26, first - 18, "right", size=10, colour=MUTED, anchor="end")
    page.text(right + 26, first - 6, "class", size=10, colour=MUTED, anchor="end")
    page.text(right + 64, first - 6, "queries", size=10, colour=MUTED, anchor="end")
    for row, counts in enumerate(pictures.confusion):
        y = first + (row + 0.5) * CELL + 4
        share = percent_text(pictures.num_right[row], sum(counts))
        page.text(right + 26, y, f"{share} %" if sum(counts) else "-", size=10, anchor="end")
        page.text(right + 64, y, format_count(sum(counts)), size=10, anchor="end")


def _cells(pictures: Pictures, name: str, columns: list[str], row: int) -> list[Cell]:
    counts = _counts(pictures, row)
    total = sum(counts)
    return [
        Cell(
            shade=(count / total) ** 0.5 if total else 0.0,
            text=percent_text(count, total) if count else "",
            title=f"{name}, {column}: {format_count(count)} of {format_count(total)}",
        )
        for column, count in zip(columns, counts, strict=False)
    ]
