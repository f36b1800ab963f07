"""``python -m xclass.report runs=A,B,C``: the page over some runs or sweeps, from their records alone.

Exit codes: 0 written; 1 the records cannot be used; 2 the command is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from xclass.cli.hardware_words import HARDWARE_HELP, take_hardware
from xclass.cli.parser import complain, run_words, say
from xclass.cli.run_words import parse_runs, parse_switch, take_words
from xclass.errors import ConfigError, RecordError
from xclass.projection.projector import Projector
from xclass.projection.recorded_config import recorded_config
from xclass.records.record import Phase, Record
from xclass.report.number_tables import CSV_FILE, NO_PARQUET, PARQUET_FILE
from xclass.report.page.sources import RunRecords, read_runs
from xclass.report.page.study import Study
from xclass.report.write import Reports, write_document
from xclass.sizing.naive import DEFAULT_FEATURES
from xclass.units import parse_count

HELP = """\
usage: python -m xclass.report runs=A,B,C [key=value ...]

One page over runs and sweeps, made from their records alone: which method, how accurate, how much RAM to
train, build and serve, which server and what a month of it costs, and how far each figure was measured or
projected.

  python -m xclass.report runs=outputs/SWEEP
  python -m xclass.report runs=outputs/A,outputs/B out=for_the_client hardware=aws
  python -m xclass.report runs=outputs/SWEEP classes=5e7 dim=128

  runs=A,B,C        folders of runs or sweeps
  out=FOLDER        where it is written; default: the folder itself if one is given, else outputs/report/DATE
  hardware=clouds   catalogue of servers: a name of conf/hardware or a YAML file
  classes=5e7       the size that is asked about: projections and servers are shown for it besides the largest
                    measured one; default: ten times the largest measured number of classes
  dim=128           its dimensions; default: as measured
  features=25000    inputs of the dense linear model that is shown beside what was measured
  within=1          the advice is the cheapest method whose accuracy reaches within so many percentage points
                    of the best; default: what the runs were told (evaluate.advice_points)
  far=true          projects beyond 100 times what was measured, which is refused otherwise

leaves report.html (one file: opens offline, prints, survives e-mail), report.md, figures/*.svg,
summary.json, numbers.csv and, with pyarrow, numbers.parquet. Neither torch nor faiss is loaded, and no record
is changed.
exit codes: 0 written; 1 the records cannot be used; 2 the command is wrong, or out= cannot be written.
"""

_DEFAULTS = {
    "runs": "",
    "out": "",
    "far": "false",
    "within": "",
    "classes": "",
    "dim": "",
    "features": str(DEFAULT_FEATURES),
}
_SIZES = ("classes", "dim")


def main() -> NoReturn:
    """The entry point of ``python -m xclass.report``."""
    run_words(
        _report,
        HELP + HARDWARE_HELP,
        disk_remedy="free space there or choose another folder (out=...)",
        interrupted="interrupted; every file that was written is whole",
    )


def _report(words: Sequence[str]) -> int:
    hardware, rest = take_hardware([word.removeprefix("+") for word in words])
    values, unknown = take_words(rest, _DEFAULTS)
    if unknown:
        raise ConfigError(
            "command line",
            " ".join(unknown),
            allowed=f"{', '.join(f'{name}=' for name in [*_DEFAULTS, 'hardware'])}",
            remedy="see python -m xclass.report --help",
        )
    folders = parse_runs(values["runs"])
    if not folders:
        raise ConfigError(
            "runs", "(nothing)", allowed="folders of runs or sweeps", remedy="add runs=outputs/A,outputs/B"
        )
    changes = {name: _count(name, values[name]) for name in _SIZES if values[name]}
    num_features, is_far_allowed = _count("features", values["features"]), parse_switch("far", values["far"])
    within_points = _points(values["within"]) if values["within"] else None
    damaged: list[str] = []
    runs = read_runs(folders, damaged)
    if not damaged and not any(run.records for run in runs):
        raise RecordError(f"{folders[0]}: no records/*.json in it yet; give a run that measured something")
    projector = _projector(runs, damaged)
    study = None
    if projector is not None:
        study = Study(
            projector=projector,
            hardware=hardware,
            changes=changes,
            is_far_allowed=is_far_allowed,
            num_features=num_features,
            within_points=within_points,
        )
    folder = Path(values["out"]) if values["out"] else _own_folder(folders)
    _tell(_write(folder, runs, damaged, study), [] if study is None else [CSV_FILE, PARQUET_FILE])
    return 0


def _write(folder: Path, runs: Sequence[RunRecords], damaged: list[str], study: Study | None) -> Reports:
    try:
        return write_document(folder, runs, damaged, study)
    except RecordError as error:
        remedy = f"choose another with out= ({error.__cause__})"
        raise ConfigError("out", folder, allowed="a folder that can be written", remedy=remedy) from error


def _projector(runs: Sequence[RunRecords], damaged: list[str]) -> Projector | None:
    """What can be projected; None, with the reason among the damaged, where nothing can."""
    known = [record for run in runs for record in run.records if _has_closed_form(record, run, damaged)]
    try:
        return Projector.of_records(known)
    except RecordError as error:
        damaged.append(f"nothing is projected: {error}")
        return None


def _has_closed_form(record: Record, run: RunRecords, damaged: list[str]) -> bool:
    """Records of an older xclass may have settings that no form of today knows: shown, not projected."""
    if record.phase is Phase.PREPARE:
        return True
    try:
        recorded_config(record, source=f"{run.folder}: {record.method} {record.phase}")
    except RecordError as error:
        damaged.append(f"not projected: {error}")
        return False
    return True


def _count(name: str, text: str) -> int:
    try:
        return parse_count(text)
    except ValueError as error:
        raise ConfigError(name, text, allowed="a whole number such as 5e7", remedy=str(error)) from None


def _points(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= 100:
        remedy = "0.5 is half a percentage point"
        raise ConfigError("within", text, allowed="percentage points, 0 to 100", remedy=remedy)
    return points


def _own_folder(folders: Sequence[Path]) -> Path:
    if len(folders) == 1:
        return folders[0]
    return Path("outputs") / "report" / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def _tell(reports: Reports, tables: Sequence[str]) -> None:
    for reason in reports.damaged:
        complain(reason)
    say(f"page: {reports.report_html}")
    say(f"the same as Markdown: {reports.report_md}")
    written = [name for name in tables if (reports.summary_json.parent / name).exists()]
    say(f"numbers: {', '.join([str(reports.summary_json), *written])}")
    if written != tables:
        say(NO_PARQUET)
