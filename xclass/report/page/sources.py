"""The runs that a report is made from, read from folders of runs and of sweeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from xclass.errors import RecordError
from xclass.projection.recorded_config import recorded_config
from xclass.projection.variants import variant_of
from xclass.records.proof import Proof, read_proofs
from xclass.records.record import Phase, Record
from xclass.records.store import read_records, run_folders
from xclass.report.rows import Row, rows


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """What one run left."""

    label: str
    """Names it among the others; empty for a run that stands alone."""
    folder: Path
    records: list[Record]
    proofs: list[Proof] = field(default_factory=list)

    @cached_property
    def variants(self) -> dict[str, str]:
        """Method -> key of the variant that it was measured as: what lines of figures are named by."""
        firsts: dict[str, Record] = {}
        for record in self.records:
            if record.phase is not Phase.PREPARE:
                firsts.setdefault(record.method, record)
        return {method: _variant(record) for method, record in firsts.items()}

    @cached_property
    def settings(self) -> str:
        """All that was set besides the seed: runs that agree in it are the same run with another seed."""
        config = next((record.config for record in self.records if record.config), {})
        return json.dumps({key: value for key, value in config.items() if key != "seed"}, sort_keys=True)

    @cached_property
    def rows(self) -> list[Row]:
        """Of its summary, each with the name of the run."""
        return [{"run": self.label, **row} for row in rows(self.records)]

    @property
    def variant_rows(self) -> list[Row]:
        """The same, each with its variant and with all other settings, as reports over several runs need."""
        return [
            row | {"variant": self.variants.get(row["method"], row["method"]), "settings": self.settings}
            for row in self.rows
        ]


def _variant(record: Record) -> str:
    try:
        return variant_of(recorded_config(record), record.method)
    except RecordError:
        # Of another xclass, whose closed forms are not known here: it can be shown all the same.
        return record.method


def read_run(folder: Path, label: str, damaged: list[str]) -> RunRecords:
    """One run.

    Args:
        folder: holds ``records/``.
        label: its name.
        damaged: gets the reason of each file that cannot be read.
    """
    records = read_records(folder, damaged=damaged)
    try:
        proofs = read_proofs(folder)
    except RecordError as error:
        damaged.append(str(error))
        proofs = []
    return RunRecords(label=label, folder=folder, records=records, proofs=proofs)


def read_runs(folders: Sequence[Path], damaged: list[str]) -> list[RunRecords]:
    """All runs of some folders, each named so that no other has its name.

    Args:
        folders: of runs and of sweeps.
        damaged: gets the reason of each file that cannot be read.

    Raises:
        RecordError: one of the folders holds no run.
    """
    found: dict[Path, tuple[Path, str]] = {}
    for folder in folders:
        below = run_folders(folder)
        if not below:
            raise RecordError(
                f"{folder}: no run in it or below it holds records/*.json; give the folder of a run or sweep"
            )
        for run in below:
            name = run.relative_to(folder).as_posix()
            if len(folders) > 1:
                name = folder.as_posix() if name == "." else f"{folder.as_posix()}/{name}"
            # A run that is named twice, or through a link, would count as measured twice.
            found.setdefault(run.resolve(), (run, "" if name == "." else name))
    return [read_run(run, label, damaged) for run, label in found.values()]
