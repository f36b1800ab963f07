"""Writes the reports of a run or a sweep; all can be made again at any time from the records alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xclass.errors import RecordError
from xclass.records.store import write_json, write_text
from xclass.report.page.contents import make_document
from xclass.report.page.document import Document
from xclass.report.page.sources import RunRecords, read_run, run_folders
from xclass.report.rows import NOTES, SUMMARY_SCHEMA_VERSION, Row, summary

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


def write_reports(run_dir: Path) -> Reports:
    """Write ``summary.json``, ``report.md``, ``report.html`` and ``figures/*.svg`` of one run.

    Raises:
        RecordError: the folder has no record files at all, or a report cannot be written.
    """
    damaged: list[str] = []
    run = read_run(run_dir, "", damaged)
    if not run.records and not damaged:
        raise RecordError(f"{run_dir}: no records/*.json in it; give the folder of one run")
    return _write(run_dir, [run], summary(run.records), damaged)


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
    rows = [row for run in runs for row in run.rows]
    document = {"schema_version": SUMMARY_SCHEMA_VERSION, "rows": rows, "notes": NOTES}
    return _write(sweep_dir, runs, document, damaged)


def _write(folder: Path, runs: Sequence[RunRecords], numbers: dict[str, Any], damaged: list[str]) -> Reports:
    write_json(folder / SUMMARY_FILE, numbers)
    document = make_document(runs, damaged=damaged)
    for path, svg in document.figures.items():
        write_text(folder / path, svg)
    write_text(folder / REPORT_FILE, document.to_markdown())
    write_page(folder / PAGE_FILE, document, numbers)
    return Reports(
        summary_json=folder / SUMMARY_FILE,
        report_md=folder / REPORT_FILE,
        report_html=folder / PAGE_FILE,
        rows=numbers["rows"],
        damaged=damaged,
    )


def write_page(path: Path, document: Document, numbers: dict[str, Any]) -> None:
    """Write report.html.

    Raises:
        RecordError: it cannot be written.
    """
    # Jinja2 and markdown-it take 0.1 s to import, which a run that has not ended need not wait for.
    from xclass.report.page.html import render_html

    write_text(path, render_html(document, numbers_json=json.dumps(numbers, separators=(",", ":"))))
