"""A sweep on a Ray cluster of this machine: one task per run, and one whose process is killed."""

import os
import signal

import pytest
from real_runs import wait_until
from sweeps import QUICK, left_over, verdicts

pytestmark = pytest.mark.slow


def test_tasks_of_a_cluster_are_measured_and_a_lost_one_is_one_line(start_xclass, tmp_path):
    pytest.importorskip("ray")
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", "+classes=300,500", *QUICK, "hydra/launcher=ray_cluster", f"hydra.sweep.dir={sweep}",
        "++hydra.launcher.ray.init.num_cpus=1", "++hydra.launcher.ray.init._temp_dir=/tmp/xclass-ray-test",
    )  # fmt: skip
    begun = (sweep / "1" / "records" / "synthetic-prepare-rss.json").exists
    wait_until(lambda: begun() or process.poll() is not None, what="job 1", seconds=200)
    for pid, words in left_over(process, sweep):
        if words[0].startswith("ray::_run_job"):
            os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    own = [line for line in err.splitlines() if line.startswith("xclass:")]
    assert len(own) == 1, err
    assert "Traceback" not in err
    if "during startup" in own[0]:
        pytest.skip("this machine is too busy, or too small, to start a Ray cluster in time")
    assert own[0].startswith("xclass: ray lost a job")
    assert own[0].endswith(f"python -m xclass.resume {sweep}")
    assert out.startswith(f"ray: 2 jobs in {sweep}; each asks for 1 CPU and ")
    assert verdicts(sweep) == {"0": {"measured"}}
    wait_until(lambda: left_over(process, sweep) == [], what="the end of all processes")
