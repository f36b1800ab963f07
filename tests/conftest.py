"""Runs the real command in real processes."""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
from real_runs import ROOT, Finished, RunFolder, command


def pytest_configure():
    # A shell that starts this in the background has SIGINT ignored, and every child would inherit that:
    # Ctrl-C could not be tested. A handler, unlike "ignore", does not survive exec.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Tests neither wait for measurements that somebody makes on this machine, nor for one another.
    os.environ["XCLASS_NEIGHBOURS"] = tempfile.mkdtemp(prefix="xclass-tests-")


def pytest_unconfigure():
    shutil.rmtree(os.environ["XCLASS_NEIGHBOURS"], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file go to one worker, and all files of the one long run: two would each make it.

    Not by xdist_group: the marks of xdist 3.8 have no effect in pytest 9.2, whose items have no ``_nodeid``.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return "comparison" if _asks_for_comparison(file) else file

    return Together(config, log)


@functools.cache
def _asks_for_comparison(file):
    return re.search(r"def \w+\([^)]*\bcomparison\b", (ROOT / file).read_text(encoding="utf-8")) is not None


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
def client_report(tmp_path_factory):
    """What ``python -m xclass.report`` makes of the committed sweep, two records spoilt: (folder, Finished).

    Its last line of output is JSON: what it loaded and the processor seconds that it took.
    """
    folder = tmp_path_factory.mktemp("client_report") / "sizes"
    shutil.copytree(ROOT / "benchmarks" / "records" / "sizes", folder)
    for name in ("report.md", "summary.json"):
        (folder / name).unlink()
    spoilt = folder / "0" / "records"
    (spoilt / "damaged-train-rss.json").write_text("{")
    (spoilt / "old-train-rss.json").write_text('{"schema_version": 0}')
    done = subprocess.run(
        [sys.executable, "-c", REPORT_PROGRAM, f"runs={folder}"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return folder, Finished(done.returncode, done.stdout, done.stderr)


REPORT_PROGRAM = """
import atexit, json, sys, time
seen = lambda: json.dumps({"seconds": time.process_time(), "loaded": sorted(sys.modules)})
atexit.register(lambda: print(seen()))
from xclass.report.__main__ import main
main()
"""


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
