"""A run or sweep that was cut off goes on: nothing that is measured is measured again, nothing is missing."""

import os
import signal
import subprocess
import sys

import pytest
from real_runs import SMALL, RunFolder, end_quietly, wait_until, workers_of

pytestmark = pytest.mark.slow

QUICK = (*SMALL, "+classes=2e3", "budget.minutes=0.01")
METHODS = "methods=[nearest_neighbour,dense_softmax]"


def resume(folder, *, timeout=120):
    command = [sys.executable, "-m", "xclass.resume", str(folder)]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=timeout, check=False)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("records/*.json"))}


def kill_when(process, run_dir, record):
    """SIGKILL the launcher once a record is there; its child dies with it."""
    wait_until((run_dir / "records" / f"{record}.json").exists, what=record)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for pid in workers_of(run_dir):
        end_quietly(pid)


def test_a_killed_run_goes_on_where_it_was(start_xclass, tmp_path):
    run_dir = tmp_path / "it's a run"
    process = start_xclass(*QUICK, METHODS, f"hydra.run.dir='{tmp_path}/it\\'s a run'")
    kill_when(process, run_dir, "nearest_neighbour-serve-heap")
    before = contents(run_dir)
    assert not (run_dir / "report.md").exists()
    done = resume(run_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"resumed: {len(before)} of 19 phases are measured" in done.stdout
    after = contents(run_dir)
    assert len(after) == 19
    assert {path: after[path] for path in before} == before, "what is measured stays as it is"
    assert {row["verdict"] for row in RunFolder(run_dir).rows().values()} == {"measured"}
    again = resume(run_dir)
    assert again.returncode == 0
    assert contents(run_dir) == after


def test_a_killed_sweep_runs_only_what_is_missing(start_xclass, tmp_path):
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", *SMALL, "+classes=500,1e3,2e3", "methods=[nearest_neighbour]", "measure.heap_pass=false",
        "keep_models=false", f"hydra.sweep.dir={sweep}",
    )  # fmt: skip
    kill_when(process, sweep / "1", "nearest_neighbour-build-rss")
    before = contents(sweep)
    done = resume(sweep)
    assert (done.returncode, done.stderr) == (0, "")
    after = contents(sweep)
    assert len(after) == 12
    assert {path: after[path] for path in before if path.parts[0] == "0"} == {
        path: before[path] for path in before if path.parts[0] == "0"
    }
    assert (sweep / "report.md").exists()
    assert not (sweep / "1" / "models").exists()


def test_what_failed_or_is_damaged_is_measured_again(run_xclass, tmp_path):
    run_dir = tmp_path / "run"
    words = (*QUICK, "methods=[nearest_neighbour]", "measure.heap_pass=false", "keep_models=false")
    assert run_xclass(*words, f"hydra.run.dir={run_dir}").exit_code == 0
    before = contents(run_dir)
    serve = run_dir / "records" / "nearest_neighbour-serve-rss.json"
    serve.write_text(serve.read_text()[:1000])
    done = resume(run_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert "resumed: 3 of 4 phases are measured" in done.stdout
    assert RunFolder(run_dir).record("nearest_neighbour-serve-rss")["verdict"] == "measured"
    # The model was deleted with keep_models=false, so that it had to be built once more.
    build = "nearest_neighbour-build-rss"
    assert (
        before[serve.relative_to(run_dir).with_name(f"{build}.json")]
        != (run_dir / "records" / f"{build}.json").read_bytes()
    )


def test_records_of_other_settings_are_not_taken_over(run_xclass, tmp_path):
    run_dir = tmp_path / "run"
    words = (*QUICK, "methods=[nearest_neighbour]", "measure.heap_pass=false", f"hydra.run.dir={run_dir}")
    assert run_xclass(*words).exit_code == 0
    command = run_dir / "command.json"
    command.write_text(command.read_text().replace("+classes=2e3", "+classes=3e3"))
    done = resume(run_dir)
    assert done.returncode == 0
    assert "resumed" not in done.stdout
    assert {row["classes"] for row in RunFolder(run_dir).rows().values()} == {3000}


def test_a_folder_with_records_is_not_written_over(run_xclass, tmp_path):
    words = (*QUICK, "methods=[nearest_neighbour]", "measure.heap_pass=false", "hydra.run.dir=run")
    assert run_xclass(*words, cwd=tmp_path).exit_code == 0
    before = contents(tmp_path / "run")
    done = run_xclass(*words, cwd=tmp_path)
    assert done.exit_code == 2
    assert done.err.startswith("xclass: hydra.run.dir=")
    assert f"python -m xclass.resume {tmp_path / 'run'}" in done.err
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no command.json in it; give the folder that python -m xclass wrote to"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema_version": 1, "words": [1], "directory": "/", "is_sweep": false}', "schema_version"),
        ('{"schema_version": 9, "words": [], "directory": "/", "is_sweep": false}', "reads version 1"),
        (
            '{"schema_version": 1, "words": [], "directory": "/gone", "is_sweep": false}',
            "/gone: No such file",
        ),
    ],
)
def test_a_folder_that_cannot_go_on_is_one_line(tmp_path, content, said):
    if content is not None:
        (tmp_path / "command.json").write_text(content)
    done = resume(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_one_run_of_a_sweep_points_to_the_sweep(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "command.json").write_text("{}")
    assert f"give {tmp_path}" in resume(tmp_path / "0").stderr
