"""A head that several processes train: each is measured, and however one of them ends is a record."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from real_runs import SMALL, RunFolder, wait_until, workers_of

from xclass.classifiers.class_slices import class_slice
from xclass.records.store import read_records

pytestmark = pytest.mark.slow

ENDED_BY_AGENT = "killed by SIGTERM"
CLASSES, DIM, BATCH, STEPS = 2000, 8, 64, 5
RANKED = (
    *SMALL, f"+classes={CLASSES}", "ranks=2", "methods=[dense_softmax]", "measure.heap_pass=false",
    "method.dense_softmax.init=random", "budget.minutes=null", f"budget.examples={BATCH * STEPS}",
)  # fmt: skip
DOOMED = {
    "PYTHON_EXEC": str(Path(__file__).parent / "children" / "doomed_rank.sh"),
    "XCLASS_PYTHON": sys.executable,
    # The first word of progress comes behind the first step, and behind its checkpoint.
    "XCLASS_DOOM": json.dumps({"dense_softmax-train-rss progress": "kill"}),
}


def run(run_xclass, run_dir, *words, env=None):
    return RunFolder(run_dir), run_xclass(*RANKED, *words, f"hydra.run.dir={run_dir}", env=env)


def test_each_rank_is_measured_and_the_model_is_served_by_one_process(run_xclass, tmp_path):
    folder, done = run(run_xclass, tmp_path / "run")
    assert (done.exit_code, done.err) == (0, "")
    train = folder.record("dense_softmax-train-rss")
    slices = [len(class_slice(CLASSES, rank, 2)) for rank in (0, 1)]
    assert [rank["num_classes"] for rank in train["ranks"]] == slices
    for rank, own in zip(train["ranks"], slices, strict=True):
        assert rank["held"] == {"class vectors": 4 * own * DIM}, "no rank holds another's class vectors"
        assert rank["memory"]["num_samples"] > 0
        assert rank["memory"]["peak_rss_bytes"] >= rank["memory"]["base"]["rss_bytes"] > 100e6, "torch alone"
        assert rank["num_threads"] == 1
    peaks = [rank["memory"]["peak_rss_bytes"] for rank in train["ranks"]]
    assert train["memory"]["peak_rss_bytes"] == max(peaks)
    assert train["memory"]["num_processes"] == 3, "two ranks and their agent"
    assert train["details"]["rank_agent_peak_bytes"] > 50e6
    row = folder.rows()["dense_softmax", "train"]
    assert (row["num_ranks"], row["ranks_peak_bytes"]) == (2, sum(peaks))
    assert folder.rows()["dense_softmax", "serve"]["verdict"] == "measured"
    details = train["details"]
    a_step = details["predicted_step_traffic_bytes"]
    assert details["steps"] == STEPS
    # Beside the steps little crosses: whether there is a checkpoint, and that the last batch is the last.
    assert a_step * STEPS <= details["traffic_bytes"] < a_step * STEPS + 100
    assert "## Ranks" in folder.report()
    assert "in each of 2 ranks" in folder.report()
    assert workers_of(folder.path) == []


def test_a_killed_rank_ends_the_job_by_name_and_another_number_of_ranks_goes_on(run_xclass, tmp_path):
    folder, done = run(run_xclass, tmp_path / "killed", "checkpoint.minutes=0", env=DOOMED)
    assert (done.exit_code, done.err) == (1, "")
    train = folder.record("dense_softmax-train-rss")
    assert train["verdict"] == "failed"
    assert train["cause"].startswith("rank 1 of 2: killed by SIGKILL; the kernel's count of out-of-memory")
    assert "resident was seen" in train["cause"]
    assert train["ranks"][1]["end"].startswith("killed by SIGKILL")
    assert "another rank is gone" in train["ranks"][0]["end"] or train["ranks"][0]["end"] == ENDED_BY_AGENT
    assert workers_of(folder.path) == []
    assert not list(folder.path.glob("models/.*")), "a model that was only half saved"
    checkpoints = folder.path / "checkpoints"
    assert [path.name for path in checkpoints.glob("*/*")] == ["step-000000000001"]
    words = ("ranks=1", "checkpoint.minutes=0", f"checkpoint.folder={checkpoints}")
    other, done = run(run_xclass, tmp_path / "other", *words)
    assert (done.exit_code, done.err) == (0, "")
    details = other.record("dense_softmax-train-rss")["details"]
    assert (details["went_on_from"], details["steps"]) == ("step-000000000001", STEPS)
    assert not (checkpoints / "dense_softmax").exists(), "what a model came of is deleted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_rank_outlives_its_launcher(start_xclass, tmp_path, number):
    process = start_xclass(
        *RANKED, "budget.examples=null", "budget.minutes=9", f"hydra.run.dir={tmp_path}/run"
    )
    wait_until(lambda: len(workers_of(tmp_path / "run")) == 3, what="two ranks and their agent")
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    wait_until(lambda: not workers_of(tmp_path / "run"), seconds=10, what="the end of all of them")
    if number == signal.SIGINT:
        assert process.returncode == 130
        (train,) = [one for one in read_records(tmp_path / "run") if one.phase == "train"]
        assert train.cause.startswith("interrupted by the user")
