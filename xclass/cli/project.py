"""``python -m xclass.project``: measured runs carried over to another size, with the error of doing so.

Exit codes: 0 projected; 1 the records cannot be used; 2 the command was wrong.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, NoReturn

from xclass.cli.hardware_words import HARDWARE_HELP, take_hardware
from xclass.cli.parser import run_words, say
from xclass.cli.run_words import parse_runs, parse_switch, take_words
from xclass.cli.targets import targets
from xclass.errors import ConfigError, RecordError
from xclass.projection.projector import Projector
from xclass.records.store import write_json
from xclass.report.console import PlainConsole
from xclass.report.projected import project_variant, projection_json
from xclass.report.projection_table import print_projection

HELP = """\
usage: python -m xclass.project runs=FOLDER[,FOLDER...] [key=value ...]

From measured runs to a size that was not measured: bytes and times of every phase with an interval, how wrong
such projections were on sizes that the fit had not seen, which server to rent, and what a month of it costs.

  python -m xclass -m +classes=1e4,1e5,1e6 hydra.sweep.dir=outputs/sizes     measure three sizes first
  python -m xclass.project runs=outputs/sizes +classes=5e6
  python -m xclass.project runs=outputs/sizes +classes=5e7 dim=128 hardware=aws out=outputs/offer
  python -m xclass.project runs=outputs/sizes +classes=5e6 methods=[nearest_neighbour] index=sq8

the words
  runs=A,B               folders of runs or sweeps; all of their measured sizes are used
  classes=5e7, dim=128 ...   any setting of a run; those not named stay as each variant was measured
  methods=[...]          only these, measured or not; index=..., weights.dtype=... ask for other variants
  hardware=clouds        catalogue of servers: a name of conf/hardware, or a YAML file of your own
  far=true               beyond 100 times what was measured, which is refused otherwise
  out=FOLDER             leaves projection.json there: all numbers, every hold-out

how
  Bytes are closed forms with a base and one factor per component, fitted towards 1.00; times are linear in
  the work of each step. From every measured size on, larger ones are predicted and compared: the interval is
  the worst error among those that lay as far beyond. Beyond 10 times what was measured they are marked "!".
  A variant that was not measured in these runs gets its closed form as it stands, and says so.

exit codes: 0 projected; 1 the records cannot be used; 2 the command is wrong.
"""

_DEFAULTS = {"runs": "", "far": "false", "out": ""}
_FILE = "projection.json"


def main() -> NoReturn:
    """The entry point of ``python -m xclass.project``."""
    run_words(
        _project,
        HELP + HARDWARE_HELP,
        disk_remedy="free space there or choose another folder (out=...)",
        interrupted="interrupted; nothing was changed",
    )


def _project(words: list[str]) -> int:
    hardware, rest = take_hardware(words)
    values, settings = take_words(rest, _DEFAULTS)
    is_far_allowed = parse_switch("far", values["far"])
    projector = Projector(_folders(values["runs"]))
    found = [
        project_variant(projector, config, method, hardware, is_far_allowed=is_far_allowed)
        for config, method in targets(projector.configs, settings)
    ]
    print_projection(PlainConsole(), found, hardware)
    if values["out"]:
        path = Path(values["out"]) / _FILE
        command = shlex.join(["python", "-m", "xclass.project", *words])
        _write(path, projection_json(found, projector.held_out(), command))
        say(f"\nall numbers: {path}")
    return 0


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        write_json(path, document)
    except RecordError as error:
        remedy = f"choose another place ({error.__cause__})"
        raise ConfigError(
            "out", path.parent, allowed="a folder that can be written", remedy=remedy
        ) from error


def _folders(text: str) -> list[Path]:
    """At least one."""
    if folders := parse_runs(text):
        return folders
    raise ConfigError(
        "runs", "(nothing)", allowed="folders of runs or sweeps, separated by commas",
        remedy="measure first: python -m xclass -m +classes=1e4,1e5,1e6 hydra.sweep.dir=outputs/sizes",
    )  # fmt: skip
