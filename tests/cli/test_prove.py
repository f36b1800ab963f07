"""The real command against a real small run: real caps of the kernel, nothing recorded changed."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real_runs import wait_until

from xclass.errors import MeasurementError
from xclass.measure.caps import CapChoice, memory_cap
from xclass.records.proof import read_proofs

RUN_WORDS = (
    "+classes=20000", "dim=64", "data.examples_per_class=1", "methods=[nearest_neighbour]", "threads=1",
    "measure.heap_pass=false", "evaluate.num_queries=300", "evaluate.single_queries=20",
)  # fmt: skip


def prove(*words, cwd="/", timeout=100):
    command = [sys.executable, "-m", "xclass.prove", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="module")
def _recorded(tmp_path_factory, run_xclass):
    folder = tmp_path_factory.mktemp("proofs") / "run"
    done = run_xclass(*RUN_WORDS, f"hydra.run.dir={folder}")
    assert done.exit_code == 0, done.err
    return folder


@pytest.fixture
def run_dir(_recorded):
    """The run, without the proofs of other tests."""
    shutil.rmtree(_recorded / "proofs", ignore_errors=True)
    return _recorded


@pytest.fixture
def _needs_group():
    try:
        with memory_cap(10**8, CapChoice.cgroup):
            pass
    except MeasurementError as error:
        pytest.skip(str(error))


def contents(folder):
    """What was recorded: all but the proofs, and the reports, which tell of them."""
    files = [path for path in folder.rglob("*") if path.is_file() and "proofs" not in path.parts]
    for name in ("report.md", "report.html"):
        files.remove(folder / name)
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.usefixtures("_needs_group")
def test_a_promise_that_holds_is_proven(run_dir):
    before = contents(run_dir)
    done = prove(run_dir, "size=200MB")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "proven: serve of nearest_neighbour at 20,000 classes ran to its end under a cap of 200 MB (cgroup v"
    )
    assert "answers to 300 queries equal those recorded" in done.stdout
    assert contents(run_dir) == before, "nothing that was recorded has changed"
    assert "## Under a cap" in (run_dir / "report.md").read_text()
    assert done.stdout[:60] in (run_dir / "report.md").read_text().replace("\\", "")
    (proof,) = read_proofs(run_dir)
    assert proof.file_bytes >= 4 * 20_000 * 64
    assert proof.cached_bytes == 0
    assert 0 < proof.peak_anon_bytes < proof.peak_bytes <= proof.size_bytes
    assert proof.cap_bytes == proof.size_bytes - proof.taken_off_bytes
    assert proof.taken_off_bytes > 5 * 10**6, "the libraries of this very process"
    assert proof.read_bytes > 0.9 * 4 * 20_000 * 64, "the index came from the disk, less what loading read"
    assert len(proof.latencies) == 2
    assert done.stdout.strip() in (run_dir / "proofs" / "proofs.md").read_text().replace("\\_", "_")


@pytest.mark.usefixtures("_needs_group")
def test_a_promise_that_does_not_hold_is_refuted_with_how_it_ended(run_dir):
    done = prove(run_dir, "size=30MB")
    assert done.returncode == 1
    assert done.stdout.startswith("refuted: serve of nearest_neighbour at 20,000 classes under a cap of 30.0")
    assert "killed by the kernel" in done.stdout
    (proof,) = read_proofs(run_dir)
    assert proof.num_oom_kills >= 1
    assert proof.latencies == []


def test_the_limit_of_a_process_refutes_too_and_is_called_weaker(run_dir):
    done = prove(run_dir, "size=30MB", "cap=rlimit")
    assert done.returncode == 1
    assert done.stdout.startswith("refuted: ")
    assert "RLIMIT_DATA, the weaker proof" in done.stdout
    done = prove(run_dir, "size=3GiB", "cap=rlimit")
    assert done.returncode == 0
    assert "under a cap of 3 GiB (RLIMIT_DATA" in done.stdout


@pytest.mark.usefixtures("_needs_group")
def test_building_again_leaves_no_second_model(run_dir):
    done = prove(run_dir, "size=200MB", "phase=build")
    assert done.returncode == 0, done.stdout
    assert list((run_dir / "proofs").rglob("*.faiss")) == []


@pytest.mark.usefixtures("_needs_group")
def test_a_moved_run_uses_its_own_model(run_dir, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(run_dir, moved)
    model = run_dir / "models"
    model.rename(run_dir / "gone")
    try:
        assert prove(moved, "size=200MB").returncode == 0
        done = prove(run_dir, "size=200MB")
    finally:
        (run_dir / "gone").rename(model)
    assert done.returncode == 2
    assert "keep_models=true" in done.stderr


@pytest.mark.usefixtures("_needs_group")
def test_other_answers_than_recorded_refute(run_dir, tmp_path):
    import numpy as np

    changed = tmp_path / "changed"
    shutil.copytree(run_dir, changed)
    path = changed / "answers" / "nearest_neighbour.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["classes_QK"][0] += 1
    np.savez(path, **arrays)
    done = prove(changed, "size=200MB")
    assert done.returncode == 1
    assert "0.33% of its answers differ from those recorded" in done.stdout


@pytest.mark.usefixtures("_needs_group")
def test_a_model_that_another_process_holds_in_memory_proves_nothing(run_dir):
    model = next((run_dir / "models").rglob("index.faiss"))
    touch = Path(__file__).parents[1] / "measure" / "children" / "touch.py"
    holder = subprocess.Popen(
        [sys.executable, touch, str(model), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    holder.stdout.readline()
    done = prove(run_dir, "size=200MB")
    holder.communicate()
    assert done.returncode == 1
    assert re.match(r"not proven: .* \d+% of the files' bytes stayed in the page cache", done.stdout)


@pytest.mark.usefixtures("_needs_group")
def test_the_least_size_is_found_to_two_percent_and_found_again_without_trials(run_dir):
    done = prove(run_dir, "minimum=true")
    assert done.returncode == 0, done.stdout + done.stderr
    proofs = read_proofs(run_dir)
    works = [proof.size_bytes for proof in proofs if proof.verdict == "proven"]
    fails = [proof.size_bytes for proof in proofs if proof.verdict == "refuted"]
    assert max(fails) < min(works) <= 1.02 * max(fails) + 1
    begun = time.monotonic()
    again = prove(run_dir, "minimum=true")
    assert again.stdout == done.stdout
    assert time.monotonic() - begun < 5, "every trial is a record"


@pytest.mark.usefixtures("_needs_group")
def test_a_curve_leaves_a_table_and_a_figure(run_dir):
    done = prove(run_dir, "curve=true", "queries=64")
    assert done.returncode == 0, done.stdout + done.stderr
    shares = [proof.file_share for proof in read_proofs(run_dir)]
    assert shares[:4] == [0.1, 0.25, 0.5, 1.0]
    assert shares[4] > 1.0
    assert {proof.num_answers for proof in read_proofs(run_dir)} == {64}
    assert (run_dir / "proofs" / "nearest_neighbour-serve-curve.svg").read_text().startswith("<svg")
    assert "| 25% |" in done.stdout


def test_ctrl_c_ends_the_child_and_leaves_no_group(run_dir):
    from xclass.measure.cgroups import find_cgroups

    def groups():
        return {path for cgroup in find_cgroups("memory") for path in cgroup.folder.glob("xclass-*")}

    before = groups()
    command = [sys.executable, "-m", "xclass.prove", str(run_dir), "size=200MB"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list((run_dir / "proofs").rglob("*.log")), what="the child")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "xclass: interrupted; proofs that had ended are kept\n"
    assert groups() == before
    assert not list((run_dir / "proofs").glob("*.json"))


def test_help_and_a_run_that_was_refused(run_dir, tmp_path):
    done = prove("--help")
    assert done.returncode == 0
    for word in ("size=2GB", "minimum=true", "curve=true", "cap=auto", "exit codes"):
        assert word in done.stdout
    assert all(len(line) <= 110 for line in done.stdout.splitlines())
    refused = tmp_path / "refused"
    shutil.copytree(run_dir, refused)
    path = refused / "records" / "nearest_neighbour-serve-rss.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdict": "does_not_fit", "cause": "big"}))
    done = prove(refused, "size=2GB")
    assert done.returncode == 2
    assert "does_not_fit: big" in done.stderr


MISTAKES = [
    ([], "RUN_FOLDER=(not given)"),
    (["RUN"], "size=(not given)"),
    (["RUN", "RUN", "size=2GB"], "RUN_FOLDER="),
    (["/nowhere", "size=2GB"], "RUN_FOLDER=/nowhere"),
    (["RUN", "size=2"], "the unit is missing"),
    (["RUN", "size=2G"], "G is no unit; write GB or GiB"),
    (["RUN", "size=-2GB"], "not a size"),
    (["RUN", "size=nan"], "not a size"),
    (["RUN", "size=1e99GB"], "more than a petabyte"),
    (["RUN", "size=2GB", "minimum=true"], "exactly one of"),
    (["RUN", "size=2GB", "cap=docker"], "cap=docker: allowed is auto or cgroup or rlimit"),
    (["RUN", "size=2GB", "phase=load"], "phase=load: allowed is train or build or serve"),
    (["RUN", "size=2GB", "phase=train"], "phase=train: allowed is build, serve for nearest_neighbour"),
    (["RUN", "size=2GB", "method=nope"], "method=nope: allowed is nearest_neighbour"),
    (["RUN", "size=2GB", "timeout_minutes=soon"], "timeout_minutes=soon"),
    (["RUN", "curve=true", "phase=build"], "the serve phase of a model that is mapped"),
    (["RUN", "bytes=2GB"], "bytes=2GB: allowed is method"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_answered_in_one_line(run_dir, words, message):
    done = prove(*(str(run_dir) if word == "RUN" else word for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
