"""``python -m xclass.compare A B``: two records, runs or sweeps side by side, with an exit code for CI.

Exit codes: 0 nothing grew beyond ``--fail-on-increase``; 1 something did; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from xclass.cli.parser import OneLineParser, complain
from xclass.errors import ConfigError, XclassError
from xclass.records.store import write_json
from xclass.report.compare import compare, read_side
from xclass.report.compare_table import as_json, print_comparison

EXIT_GREW, EXIT_USAGE = 1, 2

_DESCRIPTION = """\
What grew between A and B, by how much, and whether that is more than noise.

  python -m xclass.compare outputs/A outputs/B
  python -m xclass.compare benchmarks/records/main_1e5 outputs/NEW --fail-on-increase 5%
  python -m xclass.compare A/records/dense_softmax-train-rss.json B/records/dense_softmax-train-rss.json
"""
_EPILOG = """\
A and B are record files, folders of runs, or folders of sweeps, whose runs are matched by name. Phases are
matched by method and phase; two record files are compared whatever they are of.

noise: bytes of equal runs agree within 1 %, or what repeats of either side spread over (measure.repeats=3) if
that is more, and never closer than the kernel counts. Single times on a shared machine agree within 30 % at
best. Accuracies differ where their 95 % intervals do not overlap.

--fail-on-increase looks at peak RSS, peak - base and the heap peak of every phase. It also fails where one
was measured in A and is not in B.

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


def _compare(arguments: argparse.Namespace) -> int:
    limit_share = None if arguments.fail_on_increase is None else _share(arguments.fail_on_increase)
    comparison = compare(read_side(arguments.before), read_side(arguments.after))
    if not comparison.phases:
        raise ConfigError(
            "command line",
            f"{arguments.before} {arguments.after}",
            allowed="two runs that share a method and a phase",
            remedy="compare runs of the same methods, or two record files",
        )
    failures = [] if limit_share is None else comparison.gate_failures(limit_share)
    if arguments.json is not None:
        write_json(arguments.json, as_json(comparison, limit_share=limit_share, failures=failures))
    print_comparison(Console(), comparison, str(arguments.before), str(arguments.after))
    for line in failures:
        complain(f"--fail-on-increase {arguments.fail_on_increase}: {line}")
    return EXIT_GREW if failures else 0


def _share(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if match is None:
        raise ConfigError("--fail-on-increase", text, allowed="a percentage such as 5%", remedy="try 5%")
    return float(match[1]) / 100


def _parse(words: list[str]) -> argparse.Namespace:
    parser = OneLineParser(
        allowed="A, B, --fail-on-increase and --json",
        prog="python -m xclass.compare",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("before", metavar="A", type=Path, help="record, run or sweep")
    parser.add_argument("after", metavar="B", type=Path, help="the same, later")
    parser.add_argument("--fail-on-increase", metavar="5%", help="exit with 1 where memory grew by more")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything there as well")
    return parser.parse_args(words)
