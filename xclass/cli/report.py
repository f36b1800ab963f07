"""``python -m xclass.report runs=A,B,C``: the page over some runs or sweeps, from their records alone.

Exit codes: 0 written; 1 the records cannot be used; 2 the command is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from xclass.cli.hardware_words import take_hardware
from xclass.cli.parser import complain, run_command
from xclass.cli.run_words import parse_runs, take_words
from xclass.errors import ConfigError
from xclass.report.page.study import Study
from xclass.report.study_reports import StudyReports, write_study_reports
from xclass.units import parse_count

HELP = """\
usage: python -m xclass.report runs=A,B,C [key=value ...]

One page over runs and sweeps, made from their records alone: which method, how accurate, how much RAM to train,
build and serve, which server and what a month of it costs, and how far each figure was measured or projected.

  python -m xclass.report runs=outputs/SWEEP
  python -m xclass.report runs=outputs/A,outputs/B out=for_the_client hardware=aws
  python -m xclass.report runs=outputs/SWEEP classes=5e7 dim=128

  runs=A,B,C        folders of runs or sweeps
  out=FOLDER        where it is written; default: the folder itself if one is given, else outputs/report/DATE
  hardware=clouds   catalogue of servers: a name of conf/hardware or a YAML file
  classes=5e7       the size that is asked about: projections and servers are shown for it besides the largest
                    measured one; default: ten times the largest measured number of classes
  dim=128           its dimensions; default: as measured
  far=true          projects beyond 100 times what was measured, which is refused otherwise

leaves report.html (one file: opens offline, prints, survives e-mail), report.md, figures/*.svg, summary.json,
numbers.csv and, with pyarrow, numbers.parquet. Neither torch nor faiss is loaded; nothing recorded is changed.
exit codes: 0 written; 1 the records cannot be used, or the page cannot be written; 2 the command is wrong.
"""

_DEFAULTS = {"runs": "", "out": "", "far": "false", "classes": "", "dim": ""}
_REMEDY = "see python -m xclass.report --help"


def main() -> NoReturn:
    """The entry point of ``python -m xclass.report``."""
    words = sys.argv[1:]
    if not words or "--help" in words or "-h" in words:
        sys.stdout.write(HELP)
        sys.exit(0 if words else 2)
    run_command(
        lambda: _report(words),
        disk_remedy="free space there or choose another folder (out=...)",
        interrupted="interrupted; what was written is whole",
    )
