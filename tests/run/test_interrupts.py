"""Ctrl-C and SIGTERM at any moment of a real run: no record lost or half-written, nothing left alive."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
from real_runs import SMALL, RunFolder, command, wait_until, workers_of

pytestmark = pytest.mark.slow

QUICK = (*SMALL, "+classes=2e3", "budget.minutes=0.01", "methods=[nearest_neighbour]")
UNTRACED = (*QUICK, "measure.heap_pass=false")
INTERRUPTED = 130


def half_written(folder):
    """What a writer leaves that was stopped in the middle."""
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".partial"))]


def check_whole(run_dir, out="", err=""):
    """True of a run folder however its run ended; its records."""
    assert "Traceback" not in out + err
    assert workers_of(run_dir) == []
    assert half_written(run_dir) == []
    records = {path.stem: json.loads(path.read_text()) for path in run_dir.glob("records/*.json")}
    if records:
        assert {row["method"] for row in RunFolder(run_dir).summary()["rows"]} <= {
            record["method"] for record in records.values()
        }
        assert len(RunFolder(run_dir).report()) > 500
    return records


def send(process, number, *, times=1, pause_seconds=0.02):
    for _ in range(times):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        time.sleep(pause_seconds)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_while_a_child_works(start_xclass, tmp_path, number, times):
    run_dir = tmp_path / "run"
    words = (*SMALL, "+classes=2e6", "methods=[nearest_neighbour]", "measure.heap_pass=false")
    process = start_xclass(*words, f"hydra.run.dir={run_dir}")
    wait_until((run_dir / "records" / "synthetic-prepare-rss.json").exists, what="the prepare record")
    wait_until(lambda: workers_of(run_dir), what="the child that builds")
    time.sleep(0.5)
    send(process, number, times=times)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (INTERRUPTED, "")
    records = check_whole(run_dir, out)
    assert records["synthetic-prepare-rss"]["verdict"] == "measured"
    assert "interrupted by the user" in records["nearest_neighbour-build-rss"]["cause"]
    assert "what was measured until then is kept" in out


def test_between_two_children_what_the_first_measured_is_on_record(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass(*UNTRACED, f"hydra.run.dir={run_dir}")
    records = run_dir / "records"
    wait_until((records / "nearest_neighbour-build-rss.json").exists, what="the record of the build")
    send(process, signal.SIGINT, times=3)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (INTERRUPTED, "")
    assert check_whole(run_dir, out)["nearest_neighbour-build-rss"]["verdict"] == "measured"


def test_while_the_heap_is_drawn_both_records_of_the_child_are_there(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass(*QUICK, f"hydra.run.dir={run_dir}")
    wait_until((run_dir / "records" / "nearest_neighbour-load-heap.json").exists, what="its record")
    send(process, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (INTERRUPTED, "")
    records = check_whole(run_dir, out)
    assert records["nearest_neighbour-load-heap"]["verdict"] == "measured"
    assert records["nearest_neighbour-serve-heap"]["verdict"] == "measured"
    for name, record in records.items():
        if record["heap"] and record["heap"]["flamegraph"]:
            assert (run_dir / record["heap"]["flamegraph"]).read_text().rstrip().endswith("</html>"), name


def test_while_the_report_is_written_it_is_written_to_its_end(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass(*UNTRACED, f"hydra.run.dir={run_dir}")
    wait_until((run_dir / "summary.json").exists, what="the summary, which comes first")
    send(process, signal.SIGINT, times=2)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) in {(INTERRUPTED, "xclass: interrupted\n"), (0, "")}
    assert {record["verdict"] for record in check_whole(run_dir, out).values()} == {"measured"}
    assert "report: " in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_anything_was_measured_is_one_line(start_xclass, tmp_path, number):
    run_dir = tmp_path / "run"
    process = start_xclass(*UNTRACED, f"hydra.run.dir={run_dir}")
    wait_until((run_dir / "command.json").exists, what="the run's folder")
    send(process, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    if not check_whole(run_dir, out, err):
        assert err == "xclass: interrupted before anything was measured\n"


def test_at_any_moment(tmp_path):
    """From the first import to the last line, three signals each."""
    outcomes = set()
    for index in range(6):
        run_dir = tmp_path / str(index)
        process = subprocess.Popen(
            command(*UNTRACED, f"hydra.run.dir={run_dir}"), cwd=tmp_path, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        # Python itself takes about 0.05 s until it handles signals at all; a run takes 3 s.
        time.sleep(0.15 + 0.4 * index)
        send(process, signal.SIGINT, times=3, pause_seconds=0.01)
        out, err = process.communicate(timeout=30)
        outcomes.add(process.returncode)
        assert process.returncode in {0, INTERRUPTED}, (index, err)
        assert len(err.splitlines()) <= 1, err
        assert err == "" or err.startswith("xclass: interrupted"), err
        check_whole(run_dir, out, err)
    assert INTERRUPTED in outcomes
