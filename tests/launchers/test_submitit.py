"""A sweep under submitit: its local executor for real, and what its Slurm executor would ask for."""

import os
import re
import signal
import stat

import pytest
from real_runs import wait_until
from sweeps import QUICK, contents, left_over, outcomes_of, resume, verdicts

pytestmark = pytest.mark.slow


def test_jobs_end_with_a_caller_that_is_killed_and_the_sweep_goes_on(start_xclass, tmp_path):
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", "+classes=300,500", *QUICK, "hydra/launcher=slurm_rehearsal", f"hydra.sweep.dir={sweep}"
    )
    wait_until((sweep / "0" / "records" / "synthetic-prepare-rss.json").exists, what="a first record")
    process.kill()
    wait_until(lambda: left_over(process, sweep) == [], what="the end of all processes")
    before = contents(sweep, verdict="measured")
    done = resume(sweep)
    assert (done.exit_code, done.err) == (0, "")
    assert done.out.startswith(f"submitit local: 2 jobs in {sweep}; ")
    after = contents(sweep)
    assert {path: after[path] for path in before} == before
    assert verdicts(sweep) == {"0": {"measured"}, "1": {"measured"}}
    assert {number: outcome["failures"] for number, outcome in outcomes_of(sweep).items()} == {0: [], 1: []}


@pytest.fixture
def fake_slurm(tmp_path, monkeypatch):
    """The path of what was handed to sbatch, and of what to scancel; no Slurm is behind them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs = {
        "sbatch": 'cp "$1" "$TAKEN/script"; echo "Submitted batch job 4711"',
        "srun": "exit 0",
        "squeue": "exit 0",
        "scancel": 'echo "$@" >> "$TAKEN/cancelled"',
        # As submitit asks: JobID|State|NodeList
        "sacct": 'echo "JobID|State|NodeList"; s=PENDING; test -e "$TAKEN/cancelled" && s=CANCELLED;'
        ' for n in 0 1; do echo "4711_$n|$s|"; done',
    }
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("TAKEN", str(folder))
    return folder


def test_slurm_is_asked_for_what_the_plan_needs_and_ctrl_c_empties_its_queue(
    start_xclass, fake_slurm, tmp_path
):
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", "classes=1e6,5e6", "dim=128", "threads=3", "methods=[sampled_softmax]", "hydra/launcher=slurm",
        f"hydra.sweep.dir={sweep}", "hydra.launcher.partition=large",
    )  # fmt: skip
    wait_until(
        lambda: (fake_slurm / "script").exists() and list((sweep / ".submitit").glob("4711*")), what="sbatch"
    )
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "xclass: interrupted before anything was measured\n")
    cancelled = (fake_slurm / "cancelled").read_text().split()
    assert cancelled == ["4711", "4711_0", "4711_1"], "an array and its tasks"
    text = (fake_slurm / "script").read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", text, re.MULTILINE))
    assert asked["mem"] == "4GB"
    assert (asked["cpus-per-task"], asked["partition"], asked["time"]) == ("3", "large", "1440")
    assert asked["array"] == "0-1%2"
    assert re.search(
        r"3 CPUs and 4 GiB; sampled_softmax train needs 2\.\d+ GiB by the plan, 20 % headroom", out
    )
