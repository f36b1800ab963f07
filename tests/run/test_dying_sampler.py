"""A sampler that dies takes neither the measurement nor the peak with it, and the record says so."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real_runs import ROOT, SMALL, RunFolder

from xclass.measure.timeline import TimelineSampler

# The launcher of a real run; at the first event of the child's fit its sampler loses its open file.
LAUNCHER = """
import os, sys
from pathlib import Path
from xclass.run import launcher

take = launcher._take
def sabotage(event, result, on_event):
    take(event, result, on_event)
    if event["event"] == "phase_begin" and event["phase"] == "build":
        for entry in Path("/proc/self/fd").iterdir():
            if os.path.islink(entry) and os.readlink(entry).endswith("/status"):
                os.close(int(entry.name))
launcher._take = sabotage

from xclass.cli.run import main
main()
"""


def test_a_closed_file_ends_sampling_with_a_reason():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(5)"])
    try:
        with TimelineSampler(child.pid, 0.01) as sampler:
            time.sleep(0.2)
            for entry in Path("/proc/self/fd").iterdir():
                if entry.is_symlink() and str(entry.readlink()) == f"/proc/{child.pid}/status":
                    os.close(int(entry.name))
            deadline = time.monotonic() + 5
            while sampler.failure is None and time.monotonic() < deadline:
                time.sleep(0.01)
        assert sampler.failure == "OSError: [Errno 9] Bad file descriptor"
        assert sampler.between(0.0).maxima.rss_bytes > 0, "what was seen before is kept"
    finally:
        child.kill()
        child.wait()


@pytest.mark.slow
def test_the_peak_is_measured_and_the_record_and_report_say_why_there_is_no_picture(tmp_path):
    words = (
        "+classes=2e4", *SMALL, "methods=[nearest_neighbour]", "measure.heap_pass=false",
        f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=100, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "run")
    record = folder.record("nearest_neighbour-build-rss")
    assert record["verdict"] == "measured"
    assert record["details"]["timeline_failure"] == "OSError: [Errno 9] Bad file descriptor"
    over_base = record["memory"]["peak_rss_bytes"] - record["memory"]["base"]["rss_bytes"]
    assert over_base > 20_000 * 8 * 4
    assert "Bad file descriptor" in folder.report()
    assert "timeline_failure" not in json.dumps(folder.record("nearest_neighbour-serve-rss"))
