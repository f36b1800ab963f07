"""Real commands in real processes: what they leave behind, and waiting for what they do."""

import contextlib
import importlib.util
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

SMALL = (
    "dim=8",
    "batch_size=64",
    "scan_batch_size=256",
    "threads=1",
    "evaluate.num_queries=50",
    "evaluate.single_queries=5",
)
"""Overrides that shrink everything but the number of classes."""


def load_script(name):
    """A module of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True)
class RunFolder:
    """What a run left."""

    path: Path

    def summary(self):
        return json.loads((self.path / "summary.json").read_text())

    def rows(self):
        """(method, phase) -> row."""
        return {(row["method"], row["phase"]): row for row in self.summary()["rows"]}

    def record(self, name):
        return json.loads((self.path / "records" / f"{name}.json").read_text())

    def report(self):
        return (self.path / "report.md").read_text()


def command(*words):
    return [sys.executable, "-m", "xclass", *words]


def wait_until(condition, *, seconds=40.0, what="the condition"):
    """The first true value that the condition gives."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def workers_of(run_dir):
    """Process ids of the live workers of one run, by their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        is_worker = b"xclass.run.worker" in words
        if is_worker and state != "Z" and any(str(run_dir).encode() in word for word in words):
            found.append(int(entry.name))
    return found


def wait_for_training(run_dir, method, *, seconds=40.0):
    """The worker's process id, once its train phase has begun to take memory and time of its own."""

    def training():
        log = Path(run_dir) / "specs" / f"{method}-train-rss.json"
        return workers_of(run_dir) if log.exists() else None

    (pid,) = wait_until(training, seconds=seconds, what=f"training of {method} in {run_dir}")
    return pid


def end_quietly(pid):
    """SIGKILL a process of this test's own, if it still lives."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
