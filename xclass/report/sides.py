"""The two sides of a comparison: a record, a run, a sweep, or the summary.json that one of them left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xclass.errors import RecordError
from xclass.records.record import Pass, Record, Verdict
from xclass.records.store import RECORDS_FOLDER, parse_record, read_json, read_records
from xclass.report.rows import SUMMARY_SCHEMA_VERSION, Row, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a side."""

    rows: list[Row]
    """Of its summary.json: one per method and phase."""
    records: list[Record] = field(default_factory=list)
    """Empty where only a summary.json is at hand, which says nothing of machine, settings and components."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> Run:
        """A run that is known by its records."""
        found = list(records)
        return cls(rows=rows(found), records=found)


_FIGURES = ("_bytes", "_seconds", "_per_second", "_at_1", "_low", "_high", "_least", "_most")

Side = dict[str, Run]
"""Run of a sweep (empty for a single run) -> what is known of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseSide:
    """One phase of one method on one side."""

    row: Row
    records: list[Record]

    @property
    def is_measured(self) -> bool:
        """Whether the untraced pass gave figures."""
        return bool(self.row["verdict"] == Verdict.MEASURED)

    @property
    def is_traced_only(self) -> bool:
        """A heap record by itself: its verdict is not that of an untraced pass, which nobody looked for."""
        return bool(self.records) and all(record.pass_ is not Pass.RSS for record in self.records)

    def repeats(self) -> list[Row]:
        """One row per measurement of the untraced pass; empty where only the merged row is known."""
        return [
            row
            for record in self.records
            if record.pass_ is Pass.RSS and record.verdict is Verdict.MEASURED
            for row in rows([record])
        ]


def phases_of(side: Side) -> dict[str, PhaseSide]:
    """``dense_softmax train`` -> its side; in a sweep with the run before it."""
    found = {}
    for name, run in side.items():
        for row in run.rows:
            own = [one for one in run.records if (one.method, one.phase) == (row["method"], row["phase"])]
            label = f"{row['method']} {row['phase']}"
            found[f"{name}: {label}" if name else label] = PhaseSide(row=row, records=own)
    return found


def read_side(path: Path) -> Side:
    """One record file, one summary.json, one run folder, or every run below a folder.

    Raises:
        RecordError: nothing of that kind is there, or a record is damaged: half a comparison is none.
    """
    if path.is_file():
        return _read_file(path)
    if records := read_records(path):
        return {"": Run.of(records)}
    folders = sorted(found.parent for found in path.rglob(RECORDS_FOLDER) if found.is_dir())
    side = {folder.relative_to(path).as_posix(): Run.of(read_records(folder)) for folder in folders}
    if not any(run.records for run in side.values()):
        reason = "no records in it" if path.is_dir() else "no such file or folder"
        remedy = "give a record, a summary.json, the folder of a run, or of a sweep"
        raise RecordError(f"{path}: {reason}; {remedy}")
    return side


def _read_file(path: Path) -> Side:
    document = read_json(path)
    if "rows" in document:
        return _read_summary(document, source=str(path))
    record = parse_record(document, source=str(path))
    if record.pass_ is Pass.TWIN:
        # Untraced as well: all its figures are read alike, and both sides are what the user named.
        record = replace(record, pass_=Pass.RSS)
    return {"": Run.of([record])}


def _read_summary(document: Mapping[str, Any], *, source: str) -> Side:
    version = document.get("schema_version")
    if version != SUMMARY_SCHEMA_VERSION:
        raise RecordError(
            f"{source}: schema_version={version}: this xclass reads summaries of version "
            f"{SUMMARY_SCHEMA_VERSION}; make it again from the records"
        )
    side: Side = {}
    try:
        for row in document["rows"]:
            _check(row)
            side.setdefault(str(row.get("run", "")), Run(rows=[])).rows.append(row)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{source}: damaged: not a summary ({error!r}); make it again") from error
    return side


def _check(row: Row) -> None:
    """What a comparison relies on; keys that an older program did not write are figures without a value."""
    Verdict(row["verdict"])
    for key in ("method", "phase"):
        if not isinstance(row[key], str):
            raise TypeError(f"{key}={row[key]}")
    for key, value in row.items():
        if key.endswith(_FIGURES) and not isinstance(value, int | float | None):
            raise TypeError(f"{key}={value}")
