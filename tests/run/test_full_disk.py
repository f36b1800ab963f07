"""A disk that is full for one kind of file at a time: real, tiny file systems below the run's folder."""

import json
import os
import subprocess
import zipfile

import pytest
from real_runs import SMALL, RunFolder, workers_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]

QUICK = (*SMALL, "+classes=2e3", "budget.minutes=0.003", "methods=[nearest_neighbour]")


@pytest.fixture
def mount_tiny():
    """Callable: (folder, num_pages) makes a file system there that holds that many pages of 4 KiB."""
    mounted = []

    def mount(folder, num_pages):
        folder.mkdir(parents=True)
        options = f"size={4 * num_pages}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"no mount here: {done.stderr.decode().strip()}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def check_one_line(done, said):
    assert done.exit_code == 1
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith(f"xclass: {said}"), done.err
    assert "No space left on device" in done.err
    assert "hydra.run.dir=" in done.err


def check_nothing_half(run_dir):
    assert workers_of(run_dir) == []
    assert [path for path in run_dir.rglob("*") if path.name.endswith((".tmp", ".partial"))] == []
    for path in [*run_dir.rglob("records/*.json"), *run_dir.rglob("specs/*.json")]:
        assert isinstance(json.loads(path.read_text()), dict)
    for path in run_dir.glob("answers/*.npz"):
        assert zipfile.ZipFile(path).testzip() is None


@pytest.mark.parametrize(("name", "num_pages"), [("records", 1), ("specs", 1), ("records", 4), ("specs", 2)])
def test_without_room_for_records_or_specs_the_run_ends_in_one_line(
    run_xclass, tmp_path, mount_tiny, name, num_pages
):
    run_dir = tmp_path / "run"
    mount_tiny(run_dir / name, num_pages)
    done = run_xclass(*QUICK, "measure.heap_pass=false", f"hydra.run.dir={run_dir}")
    check_one_line(done, f"{run_dir}/{name}/")
    check_nothing_half(run_dir)


def test_without_room_for_the_report_the_records_stay(run_xclass, tmp_path, mount_tiny):
    run_dir = tmp_path / "run"
    mount_tiny(run_dir / "figures", 1)
    done = run_xclass(*QUICK, "measure.heap_pass=false", f"hydra.run.dir={run_dir}")
    check_one_line(done, f"{run_dir}/figures/")
    check_nothing_half(run_dir)
    for phase in ("build", "load", "serve"):
        assert RunFolder(run_dir).record(f"nearest_neighbour-{phase}-rss")["verdict"] == "measured"


@pytest.mark.parametrize(
    ("name", "num_pages", "failed"),
    [("models", 2, {"build-rss", "load-rss", "serve-rss"}), ("answers", 1, {"serve-rss"}),
     ("heap", 2, {"build-heap", "load-heap", "serve-heap"})],
)  # fmt: skip
def test_without_room_for_what_a_child_writes_its_record_says_so(
    run_xclass, tmp_path, mount_tiny, name, num_pages, failed
):
    run_dir = tmp_path / "run"
    mount_tiny(run_dir / name, num_pages)
    done = run_xclass(*QUICK, f"hydra.run.dir={run_dir}")
    check_nothing_half(run_dir)
    records = {path.stem: json.loads(path.read_text()) for path in run_dir.glob("records/*.json")}
    said = {name: record["cause"] for name, record in records.items() if record["verdict"] == "failed"}
    assert {name.removeprefix("nearest_neighbour-") for name in said} == failed
    for cause in said.values():
        assert "space" in cause.lower() or cause.startswith("not run: "), cause
    assert (done.exit_code, done.err) == (1, "")
    if name != "heap":
        assert "space" in RunFolder(run_dir).report()
