"""The contents of a report over one run, several runs or a sweep: which sections, in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from xclass.report.advice import within_points
from xclass.report.cautions_section import CAUTIONS, caution_pointer, cautions_section
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.markdown import run_sections
from xclass.report.over_seeds import over_seeds
from xclass.report.page.answer import answer, best_variant
from xclass.report.page.document import CALCULATOR, Document, Section
from xclass.report.page.figures import FRONTIER_FIGURE, PEAKS_FIGURE, client_figures
from xclass.report.page.method_table import method_table
from xclass.report.page.naive_section import naive_section
from xclass.report.page.projection_section import held_out_section, projected_section
from xclass.report.page.servers_section import leaner_section, servers_section
from xclass.report.page.sources import RunRecords
from xclass.report.page.study import PURPOSES, Study
from xclass.report.page.times_section import held_out_times_section, projected_times_section
from xclass.report.rows import Row, merged_records
from xclass.report.run_figures import draw_run_figures
from xclass.report.seeds_section import seeds_section
from xclass.report.sweep import sweep_sections
from xclass.report.text import code
from xclass.units import format_count

_CALCULATOR_ELSEWHERE = (
    "report.html, beside this file, has a calculator: sliders for classes, dimensions, method, index and "
    "replicas give RAM, time, server and month."
)
_MORE = (
    "`python -m xclass.report runs=FOLDER` makes this page again from the records alone, with what is "
    "projected for larger sizes, the servers that hold it and their price, and a calculator. Several runs "
    "or a sweep show how memory grows: `runs=A,B,C`."
)


def make_document(
    runs: Sequence[RunRecords], *, folder: Path, damaged: Sequence[str], study: Study | None = None
) -> Document:
    """Everything that records say, in the order in which a client asks.

    Args:
        runs: at least one; sections about a single run are of the largest.
        folder: of the report; runs below it are linked.
        damaged: reasons of the record files that could not be read.
        study: adds what is projected, and the servers.
    """
    by_run = [(run.label, run.variant_rows) for run in runs]
    rows = [row for _, own in by_run for row in own]
    largest = largest_rows(over_seeds(rows))
    lead = max(runs, key=lambda run: max((record.classes for record in run.records), default=0))
    figures = {**client_figures(rows, largest, study), **draw_run_figures(merged_records(lead.records))}
    own = run_sections(
        lead.records, run_dir=lead.folder, damaged=damaged, figures=figures, proofs=lead.proofs
    )
    cautioned = [(run.label, run.records) for run in sorted(runs, key=lambda run: run is not lead)]
    body = answer(largest, study, within_points=_points(lead, study)) if largest else own[0].body
    opening = Section(title="", body="\n\n".join(filter(None, [body, caution_pointer(cautioned)])))
    cautions = Section(title=CAUTIONS, body=cautions_section(cautioned))
    seeds = Section(title="Over seeds", body=seeds_section(rows))
    client = [opening, *_client_sections(largest, figures, study, [seeds, cautions])]
    if len(runs) == 1:
        sections = [*client, *own[1:]]
    else:
        # What was left out is told over all runs, not of the largest alone.
        of_lead = [part for part in own[1:] if not part.title.startswith("Left out")]
        is_below = all(run.folder == folder / run.label for run in runs)
        everything = sweep_sections(by_run, damaged=damaged, has_links=is_below)
        sections = [*client, *everything, _of_lead(lead), *of_lead]
    title = _title(largest) if study is not None and largest else "xclass report"
    return Document(title=title, sections=tuple(sections), figures=figures)


def _points(lead: RunRecords, study: Study | None) -> float:
    asked = None if study is None else study.within_points
    return within_points(lead.records) if asked is None else asked


def _title(largest: Sequence[Row]) -> str:
    most = max(row["classes"] for row in largest)
    return f"{format_count(most)} classes: which method, on which server"


def largest_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each data set the rows of its largest size, the data set with most classes first.

    Phases that no server is chosen for are left out.
    """
    most: dict[str, int] = {}
    for row in rows:
        most[row["data"]] = max(row["classes"], most.get(row["data"], 0))
    found = [row for row in rows if row["classes"] == most[row["data"]] and row["phase"] in PURPOSES]
    return sorted(found, key=lambda row: (-most[row["data"]], row["data"]))


def _client_sections(
    largest: Sequence[Row], figures: Collection[str], study: Study | None, notes: Sequence[Section]
) -> list[Section]:
    sections = [Section(title="Methods and phases", body=method_table(largest)), *notes]
    if study is not None:
        body = naive_section(study, best_variant(largest))
        sections.insert(0, Section(title="From where to where", body=body))
    if study is not None:
        sections += [
            Section(title="Servers and what a month costs", body=servers_section(study)),
            Section(title="What would fit a cheaper server", body=leaner_section(study), is_folded=True),
        ]
    sections.append(Section(title="RAM against classes", body=_peaks(figures)))
    if study is not None:
        sections += [
            Section(title="Predicted first, then measured", body=held_out_section(study)),
            Section(title="Projected", body=projected_section(study)),
            Section(title="Projected times", body=projected_times_section(study), is_folded=True),
            Section(
                title="Times predicted first, then measured",
                body=held_out_times_section(study),
                is_folded=True,
            ),
            Section(title=CALCULATOR, body=_CALCULATOR_ELSEWHERE),
        ]
    sections.append(Section(title="Accuracy against RAM", body=_frontier(figures)))
    if study is None:
        sections.append(Section(title="Larger sizes, servers and prices", body=_MORE))
    return sections


def _of_lead(run: RunRecords) -> Section:
    return Section(
        title="The largest run in detail",
        body=f"All that follows is of one run: {code(run.label)}. Each run folder has a report of its own.",
    )


def _peaks(figures: Collection[str]) -> str:
    if PEAKS_FIGURE not in figures:
        return ""
    return (
        f"![Peak RAM against the number of classes]({PEAKS_FIGURE})\n\n"
        "Peak resident memory of the whole process, the base of its engine included. Left out: the operating "
        "system, other processes and replicas."
    )


def _frontier(figures: Collection[str]) -> str:
    if FRONTIER_FIGURE not in figures:
        return ""
    return (
        f"![Accuracy against the RAM of serving]({FRONTIER_FIGURE})\n\n{ACCURACY_CAVEAT} "
        "Points whose bars overlap are not ranked by these queries. Left out: methods that "
        "are right less than half as often as the best, and the speed of answering; the table above has both."
    )
