"""What works on macOS, as far as Linux can be made to look like it, and what says that it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_runs import ROOT

OTHER = Path(__file__).parent / "children" / "other_system.py"
RECORDS = ROOT / "benchmarks" / "records" / "sizes"


@pytest.fixture
def run_elsewhere(tmp_path):
    """Callable: (*words, libraries="") -> CompletedProcess of commands on another system."""

    def run(*words, libraries=""):
        return subprocess.run(
            [sys.executable, str(OTHER), *words], capture_output=True, text=True, timeout=100, check=False,
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT), "LIBRARIES": libraries},
        )  # fmt: skip

    return run


@pytest.mark.parametrize("words", [("xclass", "-m", "classes=1e3,1e4"), ("xclass.prove", "run", "size=2GB")])
def test_what_measures_says_in_one_line_what_it_needs_and_what_works(run_elsewhere, tmp_path, words):
    done = run_elsewhere("xclass", "--help", "--", *words)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("xclass: measuring needs Linux and its /proc/self/status, which this ")
    assert "what works here: python -m xclass.plan, .project" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.startswith("xclass: compare classifiers"), "its help"
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def test_plan_projection_report_and_comparison_need_no_linux(run_elsewhere, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "records").symlink_to(RECORDS / "0" / "records")
    done = run_elsewhere(
        "xclass.plan", "classes=1e5", "--", "xclass.project", f"runs={RECORDS}", "+classes=5e6", "--",
        "xclass.report", "runs=run", "--", "xclass.compare", "run", str(RECORDS / "0"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "available memory by psutil" in done.stdout
    assert "5,000,000" in done.stdout
    assert (tmp_path / "run" / "report.html").is_file()


ESTIMATE = """
import os
from xclass.estimators import ESTIMATORS
texts = [f"{word} number {n}" for word in ("apple", "banana", "cherry", "damson") for n in range(20)]
classes = [text.split()[0] for text in texts]
for name in NAMES:
    model = ESTIMATORS[name](n_jobs=1).fit(texts, classes)
    assert list(model.predict(["apple tree", "banana boat"])) == ["apple", "banana"], name
    model.save(name)
    assert list(ESTIMATORS[name].load(name).predict(["cherry pie"])) == ["cherry"], name
assert not [name for name in os.listdir(".") if "partial" in name]
"""
STORE = """
from pathlib import Path
import numpy as np
from xclass.classifiers.nameless_file import NamelessFile
file = NamelessFile(".", key="weights.folder")
values = file.map((100, 8), np.float32)
values[:] = 7
hidden = Path(file.path)
assert hidden.stat().st_size > values.nbytes
file.save(Path("kept.npy"))
del values, file
assert (np.load("kept.npy") == 7).all()
assert not hidden.exists()
"""


def test_estimators_and_changes_of_saved_models_need_no_linux(run_elsewhere):
    program = ESTIMATE.replace("NAMES", "('NearestNeighbour', 'SparseMeans')")
    drop = ("xclass.amend", "NearestNeighbour", "--drop")
    done = run_elsewhere(
        "-c", program, "--", *drop, "0,1", "--out", "one", "--", *drop, "2,3", "--out", "two", "--",
        "xclass.merge", "one", "two", "--out", "whole", "--", "xclass.seal", "whole", libraries="faiss",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dropped 2; 2 classes")
    assert "4 classes" in done.stdout
    assert "fingerprint" in done.stdout


SERVICE_RAM = """
import asyncio, os
from xclass.measure.tree import tree_bytes
from xclass.serving.memory import MemoryReader
(reading,) = asyncio.run(MemoryReader().read())
assert reading.pid == os.getpid()
assert 20e6 < reading.rss_bytes < 4e9
assert abs(tree_bytes([os.getpid(), 2**30]) - reading.pss_bytes) < 50e6, "one that is gone counts nothing"
"""


def test_a_softmax_head_its_files_and_a_services_ram_need_no_linux(run_elsewhere):
    program = ESTIMATE.replace("NAMES", "('DenseSoftmax',)")
    words = ("-c", program, "--", "-c", STORE, "--", "-c", SERVICE_RAM)
    done = run_elsewhere(*words, libraries="torch asyncio selectors")
    assert done.returncode == 0, done.stderr
