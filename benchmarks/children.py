"""Arms of a benchmark in fresh child processes, taken in turns, and the table of their medians.

Every benchmark here compares arms side by side: in each round every arm runs once, in its own child with the
same pinned environment; a figure is the median over the rounds, its spread the least and the most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from xclass.measure.environment import pinned_environment
from xclass.measure.machine import machine_facts
from xclass.measure.status import read_status, reset_peak


def parse_arguments(
    parser: argparse.ArgumentParser, *, record: Path, child: Callable[[dict[str, Any]], dict[str, Any]]
) -> argparse.Namespace:
    """The options that every benchmark of arms has; in a child process its arm is run here, and that is all.

    Args:
        parser: with the benchmark's own options.
        record: folder of the record, default of ``--out``.
        child: runs the arm that ``--child`` describes.
    """
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=record)
    parser.add_argument("--report-only", action="store_true", help="make the report again from the record")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(json.loads(arguments.child))))
        raise SystemExit
    return arguments


def keep_report(folder: Path, render: Callable[[dict[str, Any]], str]) -> None:
    """Write the README of a record from the record alone."""
    document = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    (folder / "README.md").write_text(render(document), encoding="utf-8")
    print(folder / "README.md")


def run_child(
    script: Path,
    arm: dict[str, Any],
    *,
    threads: int,
    timeout_seconds: float = 1800.0,
    python: Path = Path(sys.executable),
) -> dict[str, Any]:
    """Run one arm in a fresh process; what it printed last is its result.

    Args:
        script: a benchmark with a ``--child`` option.
        arm: what it is to do, as JSON.
        threads: of its libraries.
        timeout_seconds: after which it is killed.
        python: interpreter of another environment, for a library that this one cannot have.

    Returns:
        Its result, or ``{"failed": why}``.
    """
    command = [str(python), str(script), "--child", json.dumps(arm)]
    environment = os.environ | pinned_environment(threads, "pinned")
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {timeout_seconds:.0f} s"}
    if done.returncode:
        return {"failed": f"exit code {done.returncode}: {''.join(done.stderr.strip().splitlines()[-1:])}"}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


class Meter:
    """Peak of resident memory of this process over its base, and seconds of repeated work."""

    def __init__(self) -> None:
        """Everything resident now is the base: call it after imports and warm-up."""
        self._base_bytes = read_status().rss_bytes
        reset_peak()

    def peak_over_base_bytes(self) -> int:
        """The kernel's high-water mark since, less the base."""
        return read_status().peak_rss_bytes - self._base_bytes

    @staticmethod
    def seconds(work: Any, *, at_least: int, for_seconds: float) -> list[float]:
        """Seconds of each of several calls: at least so many, and until so much time is over."""
        seconds: list[float] = []
        begun = time.perf_counter()
        while len(seconds) < at_least or time.perf_counter() - begun < for_seconds:
            before = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - before)
        return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": median(values), "least": min(values), "most": max(values)}


def ratio(left: Sequence[float], right: Sequence[float]) -> dict[str, float]:
    """Spread of left / right round by round: both saw the same minute of a noisy machine."""
    return spread([a / b for a, b in zip(left, right, strict=True)])


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a benchmark's record with machine, command and date."""
    facts = {
        "machine": machine_facts(),
        "command": f"python {' '.join(sys.argv)}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document | facts, indent=1), encoding="utf-8")
    partial.replace(path)


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others numbers."""
    lines = [f"| {' | '.join(headings)} |", f"|---|{'--:|' * (len(headings) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
