"""Writes the reports of a run or a sweep; all can be made again at any time from the records alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xclass.errors import RecordError
from xclass.records.store import run_folders, write_json, write_text
from xclass.report.advice import advice_line, within_points
from xclass.report.cautions_section import caution_lines
from xclass.report.number_tables import CSV_FILE, PARQUET_FILE, write_csv, write_parquet
from xclass.report.over_seeds import over_seeds
from xclass.report.page.contents import largest_rows, make_document
from xclass.report.page.document import Document
from xclass.report.page.number_rows import number_rows
from xclass.report.page.sources import RunRecords, read_run
from xclass.report.page.study import Study
from xclass.report.rows import NOTES, SUMMARY_SCHEMA_VERSION, Row, summary
from xclass.report.seeds_section import seeds_lines

SUMMARY_FILE, REPORT_FILE, PAGE_FILE = "summary.json", "report.md", "report.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reports:
    """What was written."""

    summary_json: Path
    report_md: Path
    report_html: Path
    rows: list[Row]
    """The rows of summary.json, for a table on the terminal."""
    damaged: list[str]
    """Reasons of the record files that could not be read; the reports name them."""
    remarks: list[str]
    """Advice and cautions, one line each, for a terminal."""
    seeds: list[str]
    """A line per variant that was measured with several seeds, for the terminal."""


def write_reports(run_dir: Path) -> Reports:
    """Write ``summary.json``, ``report.md``, ``report.html`` and ``figures/*.svg`` of one run.

    Raises:
        RecordError: the folder has no record files at all, or a report cannot be written.
    """
    damaged: list[str] = []
    run = read_run(run_dir, "", damaged)
    if not run.records and not damaged:
        raise RecordError(f"{run_dir}: no records/*.json in it; give the folder of one run")
    return write_document(run_dir, [run], damaged)


def write_sweep_reports(sweep_dir: Path) -> Reports:
    """Write the same of a sweep; each row of ``summary.json`` has its ``run``.

    The runs are the folders below ``sweep_dir`` that hold ``records/``; their own reports are left alone.

    Raises:
        RecordError: there is no run below the folder, or a report cannot be written.
    """
    damaged: list[str] = []
    folders = [folder for folder in run_folders(sweep_dir) if folder != sweep_dir]
    runs = [read_run(folder, folder.relative_to(sweep_dir).as_posix(), damaged) for folder in folders]
    if not runs:
        raise RecordError(f"{sweep_dir}: no run below it holds records/; give the folder of a sweep")
    return write_document(sweep_dir, runs, damaged)


def write_document(
    folder: Path, runs: Sequence[RunRecords], damaged: list[str], study: Study | None = None
) -> Reports:
    """Write all reports of some runs.

    Args:
        folder: where; the runs may lie elsewhere.
        runs: at least one; one without a label stands alone.
        damaged: reasons of the record files that could not be read.
        study: adds projections, servers and a calculator to the page, and the numbers as tables.

    Raises:
        RecordError: a report cannot be written.
    """
    is_alone = len(runs) == 1 and not runs[0].label
    numbers = summary(runs[0].records) if is_alone else _summary_of(runs)
    rows = [row for run in runs for row in run.variant_rows]
    if means := [row for row in over_seeds(rows) if "num_seeds" in row]:
        # Beside the rows and not among them: who adds rows up must not count a run twice.
        numbers["over_seeds"] = [{key: row[key] for key in row if key != "settings"} for row in means]
    write_json(folder / SUMMARY_FILE, numbers)
    for name in (CSV_FILE, PARQUET_FILE):
        # Of an older report over other runs: not made again without a study, or without pyarrow.
        (folder / name).unlink(missing_ok=True)
    document = make_document(runs, folder=folder, damaged=damaged, study=study)
    for path, svg in document.figures.items():
        write_text(folder / path, svg)
    write_text(folder / REPORT_FILE, document.to_markdown())
    try:
        _write_page(folder / PAGE_FILE, document, numbers, study)
    except RecordError as error:
        # Of a run that has just been measured the page is the least: its records and report.md are there.
        if study is not None:
            raise
        damaged.append(str(error))
    if study is not None:
        tables = number_rows(runs, study)
        write_csv(folder / CSV_FILE, tables)
        write_parquet(folder / PARQUET_FILE, tables)
    return Reports(
        summary_json=folder / SUMMARY_FILE,
        report_md=folder / REPORT_FILE,
        report_html=folder / PAGE_FILE,
        rows=numbers["rows"],
        damaged=damaged,
        remarks=_remarks(runs, numbers["rows"]),
        seeds=seeds_lines(rows),
    )


def _remarks(runs: Sequence[RunRecords], rows: Sequence[Row]) -> list[str]:
    points = within_points(record for run in runs for record in run.records)
    advice = advice_line(largest_rows(rows), within_points=points) if rows else ""
    return [*([advice] if advice else []), *caution_lines([(run.label, run.records) for run in runs])]


def _summary_of(runs: Sequence[RunRecords]) -> dict[str, Any]:
    rows = [row for run in runs for row in run.rows]
    return {"schema_version": SUMMARY_SCHEMA_VERSION, "rows": rows, "notes": NOTES}


def _write_page(path: Path, document: Document, numbers: dict[str, Any], study: Study | None) -> None:
    # Jinja2 and markdown-it take 0.1 s to import, which a run that has not ended need not wait for.
    from xclass.report.page.html import render_html

    calculator = None
    if study is not None:
        from xclass.report.page.calculator import calculator_fragment

        calculator = calculator_fragment(
            study.projector, study.hardware, study.changes, is_far_allowed=study.is_far_allowed
        )
    embedded = json.dumps(numbers, separators=(",", ":"))
    write_text(path, render_html(document, calculator=calculator, numbers_json=embedded))
