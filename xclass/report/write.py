"""Writes the reports of a run or a sweep; both can be made again at any time from the records alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xclass.errors import RecordError
from xclass.records.proof import Proof, read_proofs
from xclass.records.record import Record
from xclass.records.store import RECORDS_FOLDER, read_records, write_json, write_text
from xclass.report.ledger_figure import draw_ledger
from xclass.report.markdown import LEDGER_FIGURE, TIMELINE_FIGURE, render_markdown
from xclass.report.pictures_section import draw_pictures
from xclass.report.rows import NOTES, SUMMARY_SCHEMA_VERSION, Row, merged_records, rows, summary
from xclass.report.sweep import render_sweep_markdown
from xclass.report.timeline_figure import draw_timeline

SUMMARY_FILE = "summary.json"
REPORT_FILE = "report.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reports:
    """What was written."""

    summary_json: Path
    report_md: Path
    rows: list[Row]
    """The rows of summary.json, for a table on the terminal."""
    damaged: list[str]
    """Reasons of the record files that could not be read; the reports name them."""


def write_reports(run_dir: Path) -> Reports:
    """Write ``summary.json``, ``report.md`` and its ``figures/*.svg`` of one run.

    Raises:
        RecordError: the folder has no record files at all, or a report cannot be written.
    """
    damaged: list[str] = []
    records = read_records(run_dir, damaged=damaged)
    if not records and not damaged:
        raise RecordError(f"{run_dir}: no records/*.json in it; give the folder of one run")
    paths = run_dir / SUMMARY_FILE, run_dir / REPORT_FILE
    document = summary(records)
    write_json(paths[0], document)
    figures = _write_figures(run_dir, records)
    proofs = _proofs(run_dir, damaged)
    report = render_markdown(records, run_dir=run_dir, damaged=damaged, figures=figures, proofs=proofs)
    write_text(paths[1], report)
    return Reports(summary_json=paths[0], report_md=paths[1], rows=document["rows"], damaged=damaged)


def _proofs(run_dir: Path, damaged: list[str]) -> list[Proof]:
    try:
        return read_proofs(run_dir)
    except RecordError as error:
        damaged.append(str(error))
        return []


def _write_figures(run_dir: Path, records: list[Record]) -> list[str]:
    """Draw what the records allow; paths relative to the run."""
    merged = merged_records(records)
    drawn = {
        LEDGER_FIGURE: draw_ledger(merged),
        TIMELINE_FIGURE: draw_timeline(merged),
        **draw_pictures(merged),
    }
    for name, page in drawn.items():
        if page is not None:
            write_text(run_dir / name, page)
    return [name for name, page in drawn.items() if page is not None]


def write_sweep_reports(sweep_dir: Path) -> Reports:
    """Write ``summary.json`` (rows of all runs, each with its ``run``) and ``report.md`` of a sweep.

    The runs are the folders below ``sweep_dir`` that hold ``records/``; their own reports are left alone.

    Raises:
        RecordError: there is no run below the folder, or a report cannot be written.
    """
    damaged: list[str] = []
    runs: list[tuple[str, list[Record]]] = []
    for folder in sorted(path.parent for path in sweep_dir.rglob(RECORDS_FOLDER) if path.is_dir()):
        if folder != sweep_dir:
            runs.append((folder.relative_to(sweep_dir).as_posix(), read_records(folder, damaged=damaged)))
    if not runs:
        raise RecordError(f"{sweep_dir}: no run below it holds records/; give the folder of a sweep")
    merged = [{"run": label, **row} for label, records in runs for row in rows(records)]
    paths = sweep_dir / SUMMARY_FILE, sweep_dir / REPORT_FILE
    write_json(paths[0], {"schema_version": SUMMARY_SCHEMA_VERSION, "rows": merged, "notes": NOTES})
    write_text(paths[1], render_sweep_markdown(runs, damaged=damaged))
    return Reports(summary_json=paths[0], report_md=paths[1], rows=merged, damaged=damaged)
