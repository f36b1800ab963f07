"""A sampler that dies: its failure is on record, and so is the peak, which was never its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from real_runs import SMALL, RunFolder

from xclass.records.store import read_records

pytestmark = pytest.mark.slow

LAUNCHER = Path(__file__).parent / "children" / "blinding_launcher.py"
CLASSES, DIM = 100_000, 64
VECTORS_BYTES = 4 * CLASSES * DIM


@pytest.fixture(scope="module")
def blinded(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("blinded") / "run"
    words = (
        *SMALL, f"+classes={CLASSES}", f"dim={DIM}", "budget.minutes=0.01", "methods=[nearest_neighbour]",
        "data.examples_per_class=1", "measure.heap_pass=false", f"hydra.run.dir={run_dir}",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(LAUNCHER), *words], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return RunFolder(run_dir)


def test_the_failure_is_on_record_and_the_phase_is_measured(blinded):
    records = read_records(blinded.path)
    assert [record.phase for record in records] == ["prepare", "build", "load", "serve"]
    for record in records:
        assert record.verdict == "measured"
        assert record.details["timeline_failure"] == "OSError: [Errno 9] Bad file descriptor"


def test_the_peak_is_there_without_it(blinded):
    build = read_records(blinded.path)[1]
    assert build.memory.num_samples == 0
    assert build.timeline == []
    assert build.memory.peak_rss_bytes - build.memory.base.rss_bytes > VECTORS_BYTES
    # Nobody saw the split at the peak: what was not pages of files when the phase ended counts as anonymous.
    assert build.memory.peak_anon_bytes > VECTORS_BYTES
    assert build.memory.peak_anon_bytes <= build.memory.peak_rss_bytes


def test_the_report_says_that_it_is_missing(blinded):
    report = blinded.report()
    assert "Bad file descriptor" in report
