"""Speed against RAM for memory-mapped serving, as plain SVG made from proofs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from xclass.records.proof import Proof
from xclass.report.log_axis import LogAxis, value_axis
from xclass.report.proofs import room_text
from xclass.report.svg import COLOURS, GRID, MUTED, Page
from xclass.report.text import rate_text
from xclass.units import format_decimal_bytes, format_seconds

_WIDTH, _HEIGHT, _TOP, _GAP, _LEFT, _LEGEND_ROW = 460, 330, 84, 90, 80, 20
_BOTTOM = _TOP + _HEIGHT


def draw_curves(title: str, subtitle: str, series: Mapping[str, Sequence[Proof]]) -> str:
    """Median latency and queries per second over the size of the cap, one line per series.

    Args:
        title: first line.
        subtitle: second line.
        series: name -> its proofs; one without latencies did not come to an end and is a cross at the edge.
    """
    page = Page(_LEFT + 2 * (_WIDTH + _GAP), _BOTTOM + 70 + _LEGEND_ROW * len(series))
    page.text(_LEFT, 24, title, size=16, bold=True)
    page.text(_LEFT, 46, subtitle, colour=MUTED)
    panels: tuple[tuple[str, Callable[[Proof], float], Callable[[float], str], bool], ...] = (
        ("median time of one query (lower is better)", _p50_seconds, format_seconds, True),
        ("queries per second in batches (higher is better)", _rate, rate_text, False),
    )
    everything = [proof for proofs in series.values() for proof in proofs]
    for at, (heading, value, name, is_worst_high) in enumerate(panels):
        left = _LEFT + at * (_WIDTH + _GAP)
        ended = [value(proof) for proof in everything if proof.latencies]
        if not ended:
            continue
        across = value_axis([float(proof.size_bytes) for proof in everything], left, left + _WIDTH)
        up = value_axis(ended, _BOTTOM, _TOP, digits=(1,))
        _frame(page, heading, across, up, name)
        for number, proofs in enumerate(series.values()):
            worst = up.high if is_worst_high else up.low
            points = [(proof, value(proof) if proof.latencies else worst) for proof in proofs]
            _line(page, COLOURS[number % len(COLOURS)], across, up, points)
    for number, label in enumerate(series):
        y = _BOTTOM + 66 + number * _LEGEND_ROW
        page.circle(_LEFT + 6, y - 4, 4.5, COLOURS[number % len(COLOURS)])
        page.text(_LEFT + 18, y, label)
    return page.render(title)


def _p50_seconds(proof: Proof) -> float:
    return proof.latencies[0].p50_seconds


def _rate(proof: Proof) -> float:
    return proof.latencies[-1].queries_per_second


def _frame(page: Page, heading: str, across: LogAxis, up: LogAxis, name: Callable[[float], str]) -> None:
    page.text(across.start, _TOP - 10, heading, bold=True)
    for tick in up.ticks:
        y = up.place(tick)
        page.line(across.start, y, across.end, y, GRID)
        page.text(across.start - 7, y + 4, name(tick), anchor="end")
    for tick in across.ticks:
        x = across.place(tick)
        page.line(x, _TOP, x, _BOTTOM, GRID)
        label = format_decimal_bytes(tick).replace(".00", "").replace(".0", "")
        page.text(x, _BOTTOM + 17, label, anchor="middle")
    page.text((across.start + across.end) / 2, _BOTTOM + 38, "cap of the whole process", anchor="middle")


def _line(
    page: Page, colour: str, across: LogAxis, up: LogAxis, points: Sequence[tuple[Proof, float]]
) -> None:
    places = [
        (across.place(proof.size_bytes), up.place(value), proof)
        for proof, value in sorted(points, key=lambda point: point[0].size_bytes)
    ]
    page.polyline([(x, y) for x, y, proof in places if proof.latencies], colour, width=1)
    for x, y, proof in places:
        label, label_y = room_text(proof.file_share), y - 9
        if proof.latencies:
            page.circle(x, y, 4.5, colour)
        else:
            page.line(x - 5, y - 5, x + 5, y + 5, colour, width=2.5)
            page.line(x - 5, y + 5, x + 5, y - 5, colour, width=2.5)
            label, label_y = f"{label} (no end)", y + 17 if y <= _TOP else y - 9
        page.text(x, label_y, label, size=10, colour=colour, anchor="middle")
