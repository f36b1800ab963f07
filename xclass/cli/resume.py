"""``python -m xclass.resume FOLDER``: the command of a run or sweep again, without what is measured already.

Exit codes are those of the command itself (see :mod:`xclass.cli.run`).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from xclass.cli import run
from xclass.cli.command_file import read_command
from xclass.cli.parser import EXIT_USAGE, OneLineParser, complain
from xclass.errors import XclassError

_DESCRIPTION = """\
Go on with a run or a sweep that was killed, interrupted or partly failed: the same command, the same folder.

  python -m xclass.resume outputs/2026-11-24/12-30-00
"""
_EPILOG = """\
what is measured stays as it is: a phase is measured again only where its record is missing or damaged, says
that it failed, ran out of memory or did not fit, or was made with other settings or threads. A model
that is gone (keep_models=false) is fitted once more if it is still to be served.

a sweep goes on with the launcher it was started with, and a search (hydra/sweeper=optuna) with the same
questions: its sampler has a seed, and what is on record answers it again. Jobs of the earlier start that
still run on a cluster end first.

records tell the commit and the load of their own time: a report over both parts names what differed.
"""


def main() -> NoReturn:
    """The entry point of ``python -m xclass.resume``."""
    parser = OneLineParser(
        allowed="one folder",
        prog="python -m xclass.resume",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of a run, or of a whole sweep")
    try:
        folder = parser.parse_args().folder.absolute()
        command = read_command(folder)
        os.chdir(command.directory)
    except XclassError as error:
        complain(error)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}; the command was typed there")
        sys.exit(EXIT_USAGE)
    key = "hydra.sweep.dir" if command.is_sweep else "hydra.run.dir"
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    run.main([*command.words, f"{key}='{quoted}'"], is_resumed=True)
