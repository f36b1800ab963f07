"""Runs the real command in real processes, and waits for what they do."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def run_xclass():
    """Callable: (*words, cwd=...) -> Finished; the command in a process of its own."""

    def run(*words, cwd="/", timeout=120, env=None):
        done = subprocess.run(
            command(*words), cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start_xclass(tmp_path):
    """Callable: (*words) -> Popen in a process group of its own; all are ended with the test."""
    started = []

    def start(*words):
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def comparison(tmp_path_factory, run_xclass):
    """One run of all four methods at 2000 classes, both passes: (RunFolder, Finished)."""
    folder = tmp_path_factory.mktemp("comparison") / "run"
    words = (
        "+classes=2e3", "dim=32", "batch_size=64", "threads=1", "budget.minutes=0.01", "seed=3",
        "methods=[dense_softmax,dense_softmax_autograd,sampled_softmax,nearest_neighbour]",
        "method.sampled_softmax.num_samples=256",
        "evaluate.num_queries=200", "evaluate.single_queries=20", "measure.timeout_minutes=1",
    )  # fmt: skip
    done = run_xclass(*words, f"hydra.run.dir={folder}")
    return RunFolder(folder), done


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
