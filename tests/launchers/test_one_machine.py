"""A sweep under joblib: side by side, stopped in order, killed in pieces, gone on with, one report."""

import json
import os
import signal

import pytest
from real_runs import wait_until
from sweeps import QUICK, contents, left_over, outcomes_of, resume, verdicts

pytestmark = pytest.mark.slow
SWEEP = ("-m", "+classes=300,500,700", *QUICK, "measure.repeats=2", "hydra/launcher=one_machine")


def met(sweep, job):
    """Run folders that the records of a job name as its neighbours."""
    records = [json.loads(path.read_text()) for path in sweep.glob(f"{job}/records/*.json")]
    return {one["run_dir"] for record in records for one in record["conditions"].get("neighbours", [])}


def test_ctrl_c_ends_every_job_in_order_and_the_sweep_goes_on(start_xclass, tmp_path):
    sweep = tmp_path / "it's a sweep"
    folder = f"hydra.sweep.dir='{tmp_path}/it\\'s a sweep'"
    process = start_xclass(*SWEEP, "hydra.launcher.n_jobs=2", folder)
    wait_until(lambda: len(list(sweep.glob("?/records/prior-serve-rss.json"))) == 2, what="two jobs at once")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "xclass: interrupted\n")
    assert left_over(process, sweep) == []
    lines = out.splitlines()
    assert lines[0].startswith(
        f"joblib: 3 jobs in {sweep}; 2 at a time, as hydra.launcher.n_jobs says; prior "
    )
    assert "stopping: jobs end what they are at, those that wait do not begin" in lines
    assert {line.partition(":")[0] for line in lines if "records in" in line} == {"job 0", "job 1"}
    assert set(outcomes_of(sweep)) == {0, 1}, "a job that waited began"
    before = contents(sweep, verdict="measured")
    assert len(before) >= 2 * 4
    for job, other in ((0, 1), (1, 0)):
        assert str(sweep / str(other)) in met(sweep, job), "two jobs at once do not name each other"
    done = resume(sweep)
    assert (done.exit_code, done.err) == (0, "")
    assert "job 0: resumed:" in done.out
    after = contents(sweep)
    assert {path: after[path] for path in before} == before, "what was measured is measured again"
    assert verdicts(sweep) == {"0": {"measured"}, "1": {"measured"}, "2": {"measured"}}
    assert left_over(process, sweep) == []


def test_a_job_process_that_is_killed_is_one_line(start_xclass, tmp_path):
    sweep = tmp_path / "sweep"
    process = start_xclass(*SWEEP, "hydra.launcher.n_jobs=2", f"hydra.sweep.dir={sweep}")
    wait_until((sweep / "0" / "records" / "synthetic-prepare-rss.json").exists, what="a first record")
    for pid, words in left_over(process, sweep):
        if any("popen_loky" in word for word in words):
            os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(err.splitlines()) == 1, err
    assert err.startswith("xclass: joblib lost a job")
    assert err.endswith(f"python -m xclass.resume {sweep}\n")
    # A measured child that had just been started ends with its first word to nobody.
    wait_until(lambda: left_over(process, sweep) == [], what="the end of all processes")
