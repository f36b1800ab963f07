"""What the tests of the launchers share: quick sweeps, what they leave, and processes that stay behind."""

import json
import subprocess
import sys
from pathlib import Path

from real_runs import Finished

QUICK = (
    "dim=8", "threads=1", "scan_batch_size=256", "evaluate.num_queries=20", "evaluate.single_queries=2",
    "methods=[prior]", "measure.heap_pass=false", "evaluate.leakage_seconds=0",
)  # fmt: skip
"""A run of half a second: three children that load no engine but numpy."""


def resume(sweep):
    done = subprocess.run(
        [sys.executable, "-m", "xclass.resume", str(sweep)],
        cwd="/", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


def contents(sweep, *, verdict=None):
    """Path -> bytes of the records, of one verdict or all."""
    found = {path.relative_to(sweep): path.read_bytes() for path in sorted(sweep.glob("*/records/*.json"))}
    return {path: data for path, data in found.items() if verdict in (None, json.loads(data)["verdict"])}


def verdicts(sweep):
    """Run -> verdicts of its rows in the one summary of the sweep."""
    found = {}
    for row in json.loads((sweep / "summary.json").read_text())["rows"]:
        found.setdefault(row["run"], set()).add(row["verdict"])
    return found


def outcomes_of(sweep):
    return {int(path.stem): json.loads(path.read_text()) for path in sweep.glob(".jobs/*/*.json")}


def left_over(process, sweep):
    """(pid, words) of what still lives of a command that leads a session, its measured children included."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == process.pid:
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        is_own = int(fields[3]) == process.pid or any(str(sweep) in word for word in words)
        # Without words it is at its end: its memory is given back already.
        if is_own and fields[0] != "Z" and words != [""]:
            found.append((int(entry.name), words))
    return found
