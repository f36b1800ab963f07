"""A page of plain SVG: shapes, axes of bytes, a legend. It opens anywhere, prints and survives e-mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from xclass.report.text import clean
from xclass.units import GIB, KIB, MIB, format_bytes

COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8aa000", "#7a3e9d", "#8c5a2b",
    "#f0c9a0", "#a3d9c0", "#c9b3dd", "#e8a0a0", "#9fb6cc",
)  # fmt: skip
"""Told apart by people who see few colours. Source: Okabe and Ito, Color Universal Design, and darker kin."""
INK, MUTED, GRID = "#1b1b1b", "#555555", "#e2e2e2"
_CHARACTER_WIDTH = 6.6
"""Of 12 px text, on the wide side: labels are placed without a browser at hand."""


def text_width(text: str, size: float = 12.0) -> float:
    """About how wide a text will be, in pixels."""
    return len(text) * _CHARACTER_WIDTH * size / 12.0


class Page:
    """Shapes in the order they are drawn; coordinates in pixels from the upper left."""

    def __init__(self, width: float, height: float) -> None:
        """An empty white page."""
        self.width = width
        self.height = height
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, fill: str, *, title: str = "") -> None:
        """A filled rectangle; ``title`` is shown by a browser under the pointer."""
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{fill}"'
        inside = f"<title>{escape(clean(title))}</title>" if title else ""
        self._parts.append(f"<rect {shape}>{inside}</rect>" if inside else f"<rect {shape}/>")

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str = GRID,
        *,
        width: float = 1,
        dash: str = "",
    ) -> None:
        """A straight line."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}"{dashes}/>'
        )

    def area(self, points: Iterable[tuple[float, float]], fill: str, *, opacity: float = 1) -> None:
        """A filled polygon."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        see_through = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
        self._parts.append(f'<polygon points="{path}" fill="{fill}"{see_through}/>')

    def polyline(
        self, points: Iterable[tuple[float, float]], colour: str, *, width: float = 2, dash: str = ""
    ) -> None:
        """Straight lines from point to point."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
        )

    def circle(
        self, x: float, y: float, radius: float, fill: str, *, stroke: str = "", title: str = ""
    ) -> None:
        """A disc; with ``fill="none"`` and a stroke, a ring. ``title`` as for a rectangle."""
        edge = f' stroke="{stroke}" stroke-width="2"' if stroke else ""
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}"{edge}'
        inside = f"<title>{escape(clean(title))}</title>" if title else ""
        self._parts.append(f"{shape}>{inside}</circle>" if inside else f"{shape}/>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = INK,
        anchor: str = "start",
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """One line of text; whatever it holds is escaped. ``turned`` reads from below upwards."""
        weight = ' font-weight="bold"' if bold else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"'
            f"{weight}{turn}>{escape(clean(text))}</text>"
        )

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Coloured squares with their names, in lines as wide as the page, which grows to hold them."""
        at = x
        for colour, name in entries:
            width = text_width(clean(name)) + 30
            if at + width > self.width - 8 and at > x:
                at, y = x, y + 18
            self.rect(at, y - 9, 11, 11, colour)
            self.text(at + 16, y + 1, name)
            at += width
        self.height = max(self.height, y + 22)

    def render(self, title: str) -> str:
        """The document; ``title`` is what a screen reader says."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:.0f}" height="{self.height:.0f}" '
            f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" '
            'font-family="Helvetica, Arial, sans-serif">'
        )
        background = '<rect width="100%" height="100%" fill="white"/>'
        label = f"<title>{escape(clean(title))}</title>"
        return "\n".join([head, label, background, *self._parts, "</svg>"]) + "\n"


def byte_ticks(most_bytes: float, num_ticks: int = 5) -> list[int]:
    """Round numbers of bytes from 0 to at least ``most_bytes``, about ``num_ticks`` of them."""
    most_bytes = max(most_bytes, KIB)
    unit = next(unit for unit in (GIB, MIB, KIB) if most_bytes >= unit)
    wanted = max(most_bytes / unit / num_ticks, 0.1)
    scale = 10.0 ** (len(str(int(wanted))) - 1 if wanted >= 1 else -1)
    step = next(step for step in (1, 2, 5, 10, 20) if step * scale >= wanted) * scale
    ticks = [0]
    while ticks[-1] < most_bytes:
        ticks.append(round(len(ticks) * step * unit))
    return ticks


def tick_label(num_bytes: int) -> str:
    """Of an axis: ``0``, else as everywhere."""
    return "0" if num_bytes == 0 else format_bytes(num_bytes)
