"""The figure of ``index_frontier.py``: recall against speed and against resident bytes, as plain SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _TOP, _GAP, _LEFT, _LEGEND = 400, 400, 84, 74, 66, 215
_COLOURS = (
    "#1b1b1b", "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#8c2d04", "#cc79a7", "#7a3e9d",
    "#4b6a00", "#8aa000", "#7f7f7f", "#b03060", "#20639b",
)  # fmt: skip
_RECALL_TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One point: its recall, what the panels put above it, and whether it is reranked."""

    recall: float
    values: tuple[float, ...]
    is_filled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One axis of values over recall."""

    title: str
    ticks: Sequence[float]
    name: Callable[[float], str]
    bar: float | None = None
    """Upper edge of the region that a bar asks for; its left edge is a recall of 0.98."""


def recall_place(recall: float) -> float:
    """Place of a recall on an axis from 0 to 1 on which each halving of the misses is a step."""
    misses = max(1.0 - recall, 5e-4)
    return math.log(1.0 / misses) / math.log(1.0 / 5e-4)


def draw(title: str, subtitle: str, series: dict[str, list[Mark]], panels: Sequence[Panel]) -> str:
    """The panels side by side, one colour and shape per series, the legend to the right.

    Args:
        title: first line.
        subtitle: second line: what hollow and filled marks and the shaded region are.
        series: name -> its points.
        panels: as many as each mark has values.
    """
    width = _LEFT + len(panels) * (_WIDTH + _GAP) + _LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_TOP + _HEIGHT + 64}" '
        f'viewBox="0 0 {width} {_TOP + _HEIGHT + 64}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="46" fill="#444">{escape(subtitle)}</text>',
    ]
    for at, panel in enumerate(panels):
        left = _LEFT + at * (_WIDTH + _GAP)
        parts += _axes(panel, left)
        for number, marks in enumerate(series.values()):
            parts += _series(number, marks, at, panel, left)
    parts += _legend(list(series), width - _LEGEND - 16)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(left: float, recall: float) -> float:
    return left + 8 + recall_place(recall) * (_WIDTH - 16)


def _y(panel: Panel, value: float) -> float:
    low, high = math.log(panel.ticks[0]), math.log(panel.ticks[-1])
    share = (math.log(min(max(value, panel.ticks[0]), panel.ticks[-1])) - low) / (high - low)
    return _TOP + _HEIGHT - 8 - share * (_HEIGHT - 16)


def _axes(panel: Panel, left: float) -> list[str]:
    bottom = _TOP + _HEIGHT
    parts = []
    if panel.bar is not None:
        x, y = _x(left, 0.98), _y(panel, panel.bar)
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{left + _WIDTH - x:.1f}" height="{bottom - y:.1f}" '
            'fill="#e7f4e4"/>'
        )
    for tick in panel.ticks:
        y = _y(panel, tick)
        parts += [
            f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>',
            f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{panel.name(tick)}</text>',
        ]
    for tick in _RECALL_TICKS:
        x = _x(left, tick)
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" '
            f'stroke="{"#5a9e4b" if tick == 0.98 else "#e4e4e4"}"/>',
            f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle" font-size="12">{tick:g}</text>',
        ]
    middle = left + _WIDTH / 2
    return [
        *parts,
        f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#888"/>',
        f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle">recall@10 of exact search</text>',
        f'<text x="{left}" y="{_TOP - 7}" font-weight="bold">{escape(panel.title)}</text>',
    ]


def _series(number: int, marks: list[Mark], at: int, panel: Panel, left: float) -> list[str]:
    """One line through the marks without and one through those with rerank, in order of recall."""
    colour = _COLOURS[number % len(_COLOURS)]
    parts = []
    for is_filled in (False, True):
        chosen = sorted(
            (m for m in marks if m.is_filled is is_filled), key=lambda m: (m.recall, m.values[at])
        )
        places = [(_x(left, m.recall), _y(panel, m.values[at])) for m in chosen]
        if len(places) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            style = f'fill="none" stroke="{colour}" opacity="0.45"'
            style += "" if is_filled else ' stroke-dasharray="3 3"'
            parts.append(f'<polyline points="{path}" {style}/>')
        parts += [_shape(number, x, y, colour if is_filled else "white", colour) for x, y in places]
    return parts


def _shape(number: int, x: float, y: float, fill: str, stroke: str) -> str:
    """Circle, square, diamond, triangle up or down, in turn."""
    style = f'fill="{fill}" stroke="{stroke}" stroke-width="1.6"'
    kind, r = number % 5, 4.6
    if kind == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {style}/>'
    corners = {
        1: ((-r, -r), (r, -r), (r, r), (-r, r)),
        2: ((0, -1.35 * r), (1.35 * r, 0), (0, 1.35 * r), (-1.35 * r, 0)),
        3: ((0, -1.2 * r), (1.2 * r, r), (-1.2 * r, r)),
        4: ((0, 1.2 * r), (1.2 * r, -r), (-1.2 * r, -r)),
    }[kind]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{path}" {style}/>'


def _legend(names: list[str], left: float) -> list[str]:
    parts = []
    for number, name in enumerate(names):
        y = _TOP + 12 + number * 21
        colour = _COLOURS[number % len(_COLOURS)]
        parts += [
            _shape(number, left, y, colour, colour),
            f'<text x="{left + 13}" y="{y + 4}">{escape(name)}</text>',
        ]
    return parts
