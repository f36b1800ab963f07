"""``python -m xclass.compare A B``: two records, runs or sweeps side by side, with an exit code for CI.

Exit codes: 0 nothing grew beyond ``--fail-on-increase``; 1 something did; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from xclass.cli.parser import EXIT_USAGE, OneLineParser, complain
from xclass.errors import ConfigError, RecordError, XclassError
from xclass.records.store import write_json
from xclass.report.compare import Limit, compare
from xclass.report.compare_table import as_json, print_comparison
from xclass.report.console import PlainConsole
from xclass.report.sides import read_side
from xclass.units import GIB, KIB, MIB

EXIT_GREW = 1
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[A-Za-z]+)?")
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": KIB, "MiB": MIB, "GiB": GIB}

_DESCRIPTION = """\
What grew between A and B, by how much, and whether that is more than noise.

  python -m xclass.compare outputs/A outputs/B
  python -m xclass.compare benchmarks/records/main_1e5 outputs/NEW --fail-on-increase 5%
  python -m xclass.compare A/records/dense_softmax-train-rss.json B/records/dense_softmax-train-rss.json
"""
_EPILOG = """\
A and B are record files, folders of runs, or folders of sweeps, whose runs are matched by name; or the
summary.json of a run or sweep, small enough to keep as a baseline, which says nothing of machine, settings
and components. Phases are matched by method and phase; two record files are compared whatever they are of.

noise: bytes of equal runs agree within 1 %, or what repeats of either side spread over (measure.repeats=3) if
that is more, and never closer than the kernel counts. Single times on a shared machine agree within 30 % at
best. Accuracies differ where their 95 % intervals do not overlap.

--fail-on-increase 5% (or 0.05, or 200MB) looks at peak RSS and peak - base of every phase, and fails where
one grew by more than that and by more than noise, or where a phase was measured in A and is not in B.
The heap peak is gated only between two heap records: it counts address space that nothing ever touched.

exit codes: 0 nothing grew beyond the limit, or none was given; 1 something did; 2 the command is wrong, or a
record cannot be read.
"""


def main() -> NoReturn:
    """The entry point of ``python -m xclass.compare``."""
    try:
        sys.exit(_compare(_parse(sys.argv[1:])))
    except XclassError as error:
        complain(error)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{error.strerror or error}; check that it may be read")
        sys.exit(EXIT_USAGE)


def _compare(arguments: argparse.Namespace) -> int:
    limit = None if arguments.fail_on_increase is None else _limit(arguments.fail_on_increase)
    comparison = compare(read_side(arguments.before), read_side(arguments.after))
    if not comparison.phases:
        raise ConfigError(
            "command line",
            f"{arguments.before} {arguments.after}",
            allowed="two runs that share a method and a phase",
            remedy="compare runs of the same methods, or two record files",
        )
    failures = [] if limit is None else comparison.gate_failures(limit)
    if arguments.json is not None:
        _write(arguments.json, as_json(comparison, limit=limit, failures=failures))
    print_comparison(PlainConsole(), comparison, str(arguments.before), str(arguments.after))
    for line in failures:
        complain(f"--fail-on-increase {arguments.fail_on_increase}: {line}")
    return EXIT_GREW if failures else 0


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        write_json(path, document)
    except RecordError as error:
        remedy = f"choose another place ({error.__cause__})"
        raise ConfigError("--json", path, allowed="a file that can be written", remedy=remedy) from error


def _limit(text: str) -> Limit:
    match = _LIMIT.fullmatch(text.strip())
    number, unit = (float(match[1]), match[2] or "") if match else (0.0, "nothing")
    if unit == "%":
        return Limit(share=number / 100)
    if unit in _UNITS:
        return Limit(num_bytes=int(number * _UNITS[unit]))
    # A bare 5 may mean 5 % or 500 %; only a share below 1 cannot be misread.
    if unit == "" and number < 1:
        return Limit(share=number)
    raise ConfigError(
        "--fail-on-increase",
        text,
        allowed="a percentage, a share below 1, or bytes with a unit (kB, MB, GB, KiB, MiB, GiB)",
        remedy="try 5%, 0.05 or 200MB",
    )


def _parse(words: list[str]) -> argparse.Namespace:
    parser = OneLineParser(
        allowed="A, B, --fail-on-increase and --json",
        prog="python -m xclass.compare",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("before", metavar="A", type=Path, help="record, run, sweep or summary.json")
    parser.add_argument("after", metavar="B", type=Path, help="the same, later")
    parser.add_argument(
        "--fail-on-increase", metavar="5%", help="exit with 1 where memory grew by more; also 0.05 or 200MB"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything there as well")
    return parser.parse_args(words)
