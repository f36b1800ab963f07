"""The contents of a report over one run, several runs or a sweep: which sections, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xclass.records.record import Phase, Verdict
from xclass.report.frontier_figure import Answerer, draw_frontier
from xclass.report.ledger_figure import draw_ledger
from xclass.report.markdown import LEDGER_FIGURE, TIMELINE_FIGURE, run_sections
from xclass.report.page.document import Document, Section
from xclass.report.page.method_table import method_table
from xclass.report.page.sources import RunRecords
from xclass.report.peak_figure import PeakLine, draw_peaks
from xclass.report.rows import Row, merged_records
from xclass.report.sweep import sweep_sections
from xclass.report.text import code
from xclass.report.timeline_figure import draw_timeline
from xclass.report.verdict import verdict_text
from xclass.units import format_count

FRONTIER_FIGURE, PEAKS_FIGURE = "figures/frontier.svg", "figures/peaks.svg"

_PANELS = {Phase.TRAIN: "to train or build", Phase.BUILD: "to train or build", Phase.SERVE: "to serve"}


def make_document(runs: Sequence[RunRecords], *, damaged: Sequence[str]) -> Document:
    """Everything that records alone say, in the order in which a client asks.

    Args:
        runs: at least one; sections about a single run are of the largest.
        damaged: reasons of the record files that could not be read.
    """
    rows = [row for run in runs for row in run.rows]
    largest = largest_rows(rows)
    lead = max(runs, key=lambda run: max((record.classes for record in run.records), default=0))
    figures = {**_client_figures(rows, largest), **run_figures(lead)}
    own = run_sections(
        lead.records, run_dir=lead.folder, damaged=damaged, figures=list(figures), proofs=lead.proofs
    )
    client = [
        Section(title="Methods and phases", body=method_table(largest)),
        Section(title="RAM against classes", body=_peaks(figures)),
        Section(title="Accuracy against RAM", body=_frontier(figures)),
    ]
    if len(runs) == 1:
        sections = [own[0], *client, *own[1:]]
    else:
        opening = Section(title="", body=verdict_text(largest) if largest else own[0].body)
        # What was left out is told over all runs, not of the largest alone.
        of_lead = [part for part in own[1:] if not part.title.startswith("Left out")]
        everything = sweep_sections([(run.label, run.records) for run in runs], damaged=damaged)
        sections = [opening, *client, *everything, _of_lead(lead), *of_lead]
    return Document(title="xclass report", sections=tuple(sections), figures=figures)


def largest_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each data set the rows of its largest size, preparation left out."""
    most: dict[str, int] = {}
    for row in rows:
        most[row["data"]] = max(row["classes"], most.get(row["data"], 0))
    return [row for row in rows if row["classes"] == most[row["data"]] and row["phase"] != Phase.PREPARE]


def variant_name(row: Row) -> str:
    """Names a line of a figure."""
    return ", ".join(str(row[key]) for key in ("method", "index", "data") if row[key])


def run_figures(run: RunRecords) -> dict[str, str]:
    """Path -> SVG of what the records of one run allow."""
    merged = merged_records(run.records)
    drawn = {LEDGER_FIGURE: draw_ledger(merged), TIMELINE_FIGURE: draw_timeline(merged)}
    return {path: svg for path, svg in drawn.items() if svg is not None}


def _of_lead(run: RunRecords) -> Section:
    return Section(
        title="The largest run in detail",
        body=f"All that follows is of one run: {code(run.label)}. Each run folder has a report of its own.",
    )


def _client_figures(rows: Sequence[Row], largest: Sequence[Row]) -> dict[str, str]:
    drawn = {
        PEAKS_FIGURE: draw_peaks(_measured_lines(rows)),
        FRONTIER_FIGURE: draw_frontier(_answerers(largest), _subtitle(largest)),
    }
    return {path: svg for path, svg in drawn.items() if svg is not None}


def _measured_lines(rows: Sequence[Row]) -> list[PeakLine]:
    points: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in rows:
        panel = _PANELS.get(row["phase"])
        if panel and row["verdict"] == Verdict.MEASURED and row["peak_rss_bytes"] is not None:
            at = (row["classes"], row["peak_rss_bytes"])
            points.setdefault((panel, variant_name(row)), []).append(at)
    return [PeakLine(name=name, panel=panel, points=found) for (panel, name), found in points.items()]


def _answerers(rows: Sequence[Row]) -> list[Answerer]:
    first = rows[0]["data"] if rows else ""
    return [
        Answerer(
            name=variant_name(row),
            peak_bytes=row["peak_rss_bytes"],
            at_1=row["accuracy_at_1"],
            low=row["accuracy_low"],
            high=row["accuracy_high"],
        )
        for row in rows
        if row["accuracy_at_1"] is not None and row["peak_rss_bytes"] is not None and row["data"] == first
    ]


def _subtitle(rows: Sequence[Row]) -> str:
    return f"{format_count(rows[0]['classes'])} classes of {rows[0]['data']}" if rows else ""


def _peaks(figures: Mapping[str, str]) -> str:
    if PEAKS_FIGURE not in figures:
        return ""
    return (
        f"![Peak RAM against the number of classes]({PEAKS_FIGURE})\n\n"
        "Peak resident memory of the whole process, the base of its engine included. Left out: the operating "
        "system, other processes and replicas."
    )


def _frontier(figures: Mapping[str, str]) -> str:
    if FRONTIER_FIGURE not in figures:
        return ""
    return f"![Accuracy against the RAM of serving]({FRONTIER_FIGURE})"
