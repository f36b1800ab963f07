"""Speed against RAM for memory-mapped serving, as plain SVG made from proofs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from xclass.records.proof import Proof
from xclass.report.proofs import room_text
from xclass.report.text import rate_text
from xclass.units import format_decimal_bytes, format_seconds

_WIDTH, _HEIGHT, _TOP, _GAP, _LEFT, _LEGEND_ROW = 460, 330, 84, 90, 80, 20
_COLOURS = ("#1b1b1b", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axis:
    """A logarithmic axis over whole decades or steps of 1, 2, 5."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)


def draw_curves(title: str, subtitle: str, series: Mapping[str, Sequence[Proof]]) -> str:
    """Median latency and queries per second over the size of the cap, one line per series.

    Args:
        title: first line.
        subtitle: second line.
        series: name -> its proofs; one without latencies did not come to an end and is a cross at the edge.
    """
    width = _LEFT + 2 * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 70 + _LEGEND_ROW * len(series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="46" fill="#444">{escape(subtitle)}</text>',
    ]
    panels: tuple[tuple[str, Callable[[Proof], float], Callable[[float], str], bool], ...] = (
        ("median time of one query (lower is better)", _p50_seconds, format_seconds, True),
        ("queries per second in batches (higher is better)", _rate, rate_text, False),
    )
    everything = [proof for proofs in series.values() for proof in proofs]
    sizes = _axis([float(proof.size_bytes) for proof in everything], (1, 2, 5))
    for at, (heading, value, name, is_worst_high) in enumerate(panels):
        left = _LEFT + at * (_WIDTH + _GAP)
        ended = [value(proof) for proof in everything if proof.latencies]
        if not ended:
            continue
        values = _axis(ended, (1,))
        parts += _frame(heading, left, sizes, values, name)
        for number, proofs in enumerate(series.values()):
            worst = values.high if is_worst_high else values.low
            points = [(proof, value(proof) if proof.latencies else worst) for proof in proofs]
            parts += _line(_COLOURS[number % len(_COLOURS)], left, sizes, values, points)
    for number, label in enumerate(series):
        y = _TOP + _HEIGHT + 66 + number * _LEGEND_ROW
        parts.append(f'<circle cx="{_LEFT + 6}" cy="{y - 4}" r="4.5" fill="{_COLOURS[number % 6]}"/>')
        parts.append(f'<text x="{_LEFT + 18}" y="{y}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _p50_seconds(proof: Proof) -> float:
    return proof.latencies[0].p50_seconds


def _rate(proof: Proof) -> float:
    return proof.latencies[-1].queries_per_second


def _axis(values: Sequence[float], steps: Sequence[int]) -> _Axis:
    low, high = min(values), max(values)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high * 1.0001))
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    below = max((tick for tick in ticks if tick <= low), default=low)
    above = min((tick for tick in ticks if tick >= high and tick > below), default=high)
    return _Axis(low=below, high=above, ticks=tuple(tick for tick in ticks if below <= tick <= above))


def _frame(heading: str, left: float, sizes: _Axis, values: _Axis, name: Callable[[float], str]) -> list[str]:
    bottom = _TOP + _HEIGHT
    parts = [f'<text x="{left}" y="{_TOP - 10}" font-weight="bold">{escape(heading)}</text>']
    for tick in values.ticks:
        y = bottom - values.place(tick) * _HEIGHT
        parts.append(f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{escape(name(tick))}</text>')
    for tick in sizes.ticks:
        x = left + sizes.place(tick) * _WIDTH
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#e4e4e4"/>')
        label = format_decimal_bytes(tick).replace(".00", "").replace(".0", "")
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{label}</text>')
    middle = left + _WIDTH / 2
    parts.append(f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle">cap of the whole process</text>')
    parts.append(
        f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#888"/>'
    )
    return parts


def _line(
    colour: str, left: float, sizes: _Axis, values: _Axis, points: Sequence[tuple[Proof, float]]
) -> list[str]:
    places = [
        (
            left + sizes.place(proof.size_bytes) * _WIDTH,
            _TOP + _HEIGHT - values.place(value) * _HEIGHT,
            proof,
        )
        for proof, value in sorted(points, key=lambda point: point[0].size_bytes)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, proof in places if proof.latencies)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" opacity="0.5"/>'] if path else []
    for x, y, proof in places:
        label, label_y = room_text(proof.file_share), y - 9
        if proof.latencies:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')
        else:
            arm = f"M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10"
            parts.append(f'<path d="{arm}" stroke="{colour}" stroke-width="2.5"/>')
            label, label_y = f"{label} (no end)", y + 17 if y <= _TOP else y - 9
        parts.append(
            f'<text x="{x:.1f}" y="{label_y:.1f}" font-size="10" text-anchor="middle" fill="{colour}">'
            f"{escape(label)}</text>"
        )
    return parts
