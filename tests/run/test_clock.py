"""A calendar clock that steps by hours during a run: no duration, no order and no budget depends on it."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from real_runs import SMALL, RunFolder

from xclass.records.store import read_records

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parent / "children" / "stepping_clock.c"
HOUR_SECONDS = 3600.0
BUDGET_SECONDS = 0.6


@pytest.fixture(scope="module")
def stepping(tmp_path_factory):
    """Environment in which every look at the calendar clock finds it hours away from the last."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to build the clock with")
    library = tmp_path_factory.mktemp("clock") / "stepping_clock.so"
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE], check=True
    )
    return {"LD_PRELOAD": str(library)}


@pytest.fixture(scope="module")
def stepped_run(stepping, run_xclass, tmp_path_factory):
    """One run under that clock: (its folder, wall seconds by a clock that does not step)."""
    run_dir = tmp_path_factory.mktemp("stepped") / "run"
    begun = time.monotonic()
    done = run_xclass(
        *SMALL, "+classes=2e3", f"budget.minutes={BUDGET_SECONDS / 60}", "methods=[dense_softmax]",
        f"hydra.run.dir={run_dir}", env=stepping,
    )  # fmt: skip
    assert (done.exit_code, done.err) == (0, ""), done.out
    return RunFolder(run_dir), time.monotonic() - begun


def test_the_clock_of_this_test_does_step(stepping):
    script = "import time; print([time.time() for _ in range(7)], time.monotonic())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ | stepping
    )
    looks, monotonic = done.stdout.rsplit(" ", 1)
    steps = [after - before for before, after in pairwise(json.loads(looks))]
    assert min(steps) < -HOUR_SECONDS
    assert max(steps) > HOUR_SECONDS
    assert abs(float(monotonic) - time.monotonic()) < 60


def test_durations_and_budgets_stay_true(stepped_run):
    folder, wall_seconds = stepped_run
    records = read_records(folder.path)
    assert {record.verdict for record in records} == {"measured"}
    assert len(records) == 1 + 3 * 3
    assert 0 < sum(record.seconds for record in records) < wall_seconds
    (train,) = (record for record in records if record.phase == "train" and record.pass_ == "rss")
    assert BUDGET_SECONDS * 0.9 < train.seconds < BUDGET_SECONDS + 10
    for record in records:
        for latency in record.latencies:
            assert 0 < latency.p50_seconds <= latency.p99_seconds < wall_seconds
    assert 0 < records[-1].details.get("first_answer_seconds", 1e-9) < wall_seconds


def test_the_timeline_and_its_marks_are_in_order_and_within_the_phase(stepped_run):
    folder, _ = stepped_run
    for record in read_records(folder.path):
        times = [row[0] for row in record.timeline]
        assert times == sorted(times)
        assert all(0 <= at <= record.seconds + 0.1 for at in times)
        marks = [at for at, _ in record.marks]
        assert marks == sorted(marks)
        assert all(0 <= at <= record.seconds + 0.1 for at in marks)


def test_phases_are_reported_in_the_order_they_ran(stepped_run):
    folder, _ = stepped_run
    assert [row["phase"] for row in folder.summary()["rows"]] == ["prepare", "train", "load", "serve"]
    assert "dense_softmax" in folder.report()


def test_only_the_stated_beginning_is_off(stepped_run):
    """Nothing can be done about it: it is the one figure that means the calendar."""
    folder, _ = stepped_run
    now = datetime.now(UTC)
    begins = [datetime.fromisoformat(record.started_at) for record in read_records(folder.path)]
    distances = [abs((now - begin).total_seconds()) for begin in begins]
    assert max(distances) > HOUR_SECONDS
    assert max(distances) < 16 * HOUR_SECONDS
