"""The figures over all runs of a report: RAM against classes, and accuracy against the RAM of serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xclass.records.record import Verdict
from xclass.report.frontier_figure import Answerer, draw_frontier
from xclass.report.page.projection_section import projected_lines
from xclass.report.page.study import PURPOSES, Study
from xclass.report.peak_figure import PeakLine, ServerLine, draw_peaks
from xclass.report.rows import Row, is_half_as_good, shown_variant
from xclass.sizing.choice import format_usd
from xclass.sizing.hardware import Hardware, Server
from xclass.units import format_bytes, format_count

FRONTIER_FIGURE, PEAKS_FIGURE = "figures/frontier.svg", "figures/peaks.svg"


def client_figures(rows: Sequence[Row], largest: Sequence[Row], study: Study | None) -> dict[str, str]:
    """Path -> SVG of what can be drawn.

    Args:
        rows: of all runs, each with its ``variant``.
        largest: those that compare methods at one size.
        study: adds projected lines and servers.
    """
    lines = _lines(rows, study)
    drawn = {
        PEAKS_FIGURE: draw_peaks(lines, _servers(study.hardware) if study else []),
        FRONTIER_FIGURE: draw_frontier(_answerers(largest), _subtitle(largest)),
    }
    return {path: svg for path, svg in drawn.items() if svg is not None}


def _lines(rows: Sequence[Row], study: Study | None) -> list[PeakLine]:
    """Points of other dimensions than those of a curve do not lie on it: they are a line of their own."""
    dims = {variant: config.dim for variant, (config, _) in study.configs.items()} if study else {}
    points: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in rows:
        panel = PURPOSES.get(row["phase"])
        if panel and row["verdict"] == Verdict.MEASURED and row["peak_rss_bytes"] is not None:
            is_other = row["dim"] != dims.get(row["variant"], row["dim"])
            name = f"{row['variant']}, dim {row['dim']}" if is_other else row["variant"]
            points.setdefault((name, panel), []).append((row["classes"], row["peak_rss_bytes"]))
    curves = {(line.name, line.panel): line for line in projected_lines(study)} if study else {}
    return [
        replace(
            curves.get((name, panel)) or PeakLine(name=name, panel=panel, points=()),
            points=points.get((name, panel), ()),
        )
        for name, panel in dict.fromkeys([*points, *curves])
    ]


def _servers(hardware: Hardware) -> list[ServerLine]:
    """Of each size of RAM the cheapest: the others would be lines above one another."""
    cheapest: dict[int, Server] = {}
    for server in hardware.ranked():
        cheapest.setdefault(server.ram_bytes, server)
    lines = []
    for ram_bytes, server in sorted(cheapest.items()):
        month = server.usd_per_month
        price = "" if month is None else f", {format_usd(month)} a month"
        name = f"{server.vendor} {server.instance}, {format_bytes(ram_bytes)}{price}"
        lines.append(ServerLine(name=name, offered_bytes=hardware.offered_bytes(server)))
    return lines


def _answerers(rows: Sequence[Row]) -> list[Answerer]:
    """Of the first data set: shares of right answers to other questions do not compare.

    What is right less than half as often as the best is left out: the others would be one point on its scale.
    """
    answered = [row for row in rows if row["accuracy_at_1"] is not None and row["data"] == rows[0]["data"]]
    best = max(answered, key=lambda row: float(row["accuracy_at_1"]), default=None)
    return [
        Answerer(
            name=shown_variant(row),
            peak_bytes=row["peak_rss_bytes"],
            at_1=row["accuracy_at_1"],
            low=row["accuracy_low"],
            high=row["accuracy_high"],
        )
        for row in answered
        if row["peak_rss_bytes"] is not None and is_half_as_good(row, best)
    ]


def _subtitle(rows: Sequence[Row]) -> str:
    return f"{format_count(rows[0]['classes'])} classes of {rows[0]['data']}" if rows else ""
