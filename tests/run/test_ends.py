"""However a child or the launcher ends - killed, out of memory, too late, interrupted - it is a record."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real_runs import SMALL, RunFolder, end_quietly, wait_for_training, wait_until, workers_of

from xclass.measure.cgroups import find_cgroups

pytestmark = pytest.mark.slow

LIMITED = Path(__file__).parent / "children" / "limited_launcher.py"
QUICK = (*SMALL, "measure.heap_pass=false", "keep_models=false")
ENDLESS = "budget.minutes=9"
NO_CHILD_LEFT = "no worker of the run is left"


def in_phase(run_dir, method, phase):
    """The worker's process id once it said that the phase began: its log and its memory are there."""
    pid = wait_for_training(run_dir, method)
    name = f"{method}-train-rss"
    spec = json.loads((run_dir / "specs" / f"{name}.json").read_text())
    assert phase in spec["phases"]
    # Imports take a second or more; after them the process has threads of its own feed.
    wait_until(lambda: has_thread(pid, "feed"), what=f"{method} {phase}")
    return pid


def has_thread(pid, prefix):
    """A thread beside the main one runs: the feed's."""
    try:
        return (
            len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
            and "torch" in Path(f"/proc/{pid}/maps").read_text()
        )
    except OSError:
        return False


# ----------------------------------------------------------------------------------------------- a child dies


def test_a_killed_child_is_a_record_and_the_others_still_run(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass(
        "+classes=1e3",
        *QUICK,
        "methods=[dense_softmax,nearest_neighbour]",
        ENDLESS,
        f"hydra.run.dir={run_dir}",
    )
    os.kill(in_phase(run_dir, "dense_softmax", "train"), signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    rows = RunFolder(run_dir).rows()
    assert rows["dense_softmax", "train"]["verdict"] == "failed"
    assert "SIGKILL" in rows["dense_softmax", "train"]["cause"]
    assert "out-of-memory kills did not rise" in rows["dense_softmax", "train"]["cause"]
    for phase in ("load", "serve"):
        assert rows["dense_softmax", phase]["verdict"] == "failed"
        assert "not run" in rows["dense_softmax", phase]["cause"]
    for phase in ("build", "load", "serve"):
        assert rows["nearest_neighbour", phase]["verdict"] == "measured"
    assert "SIGKILL" in RunFolder(run_dir).report()
    assert "report: " in out


# --------------------------------------------------------------------------------------------- out of memory


def run_limited(tmp_path, prologue, *words):
    """The command; its train children first run a line of shell."""
    wrapper = tmp_path / "python"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *-train-*) {prologue} ;; esac\nexec "{sys.executable}" "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(0o755)
    run_dir = tmp_path / "run"
    words = [*QUICK, "evaluate.num_queries=20", ENDLESS, "method.dense_softmax.init=random", *words]
    done = subprocess.run(
        [sys.executable, str(LIMITED), str(wrapper), *words, f"hydra.run.dir={run_dir}"],
        capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path,
    )  # fmt: skip
    return RunFolder(run_dir), done


def test_an_allocation_that_fails_is_out_of_memory(tmp_path):
    folder, done = run_limited(
        tmp_path, "ulimit -d 1048576", "+classes=2e4", "dim=16384",
        "methods=[dense_softmax]", "data.examples_per_class=1",
    )  # fmt: skip
    row = folder.rows()["dense_softmax", "train"]
    assert row["verdict"] == "out_of_memory", row["cause"]
    assert "alloc" in row["cause"].lower()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout


@pytest.fixture
def memory_cgroup():
    """A control group of this test's own, below the one it runs in, as (folder, file of the limit)."""
    folder, name = make_group()
    yield folder, name
    procs = folder / "cgroup.procs"
    wait_until(lambda: not procs.read_text().split(), seconds=10, what="an empty group")
    folder.rmdir()


def make_group():
    for group in find_cgroups("memory"):
        folder = group.folder / f"xclass-test-{os.getpid()}"
        name = "memory.max" if group.version == 2 else "memory.limit_in_bytes"
        with contextlib.suppress(OSError):
            folder.mkdir()
            if (folder / name).exists():
                return folder, name
            folder.rmdir()
    pytest.skip(
        "no control group of the memory controller can be made here (needs root and a writable cgroup)"
    )


@pytest.mark.memory
def test_a_kill_by_the_kernel_for_want_of_memory_is_seen_as_such(tmp_path, memory_cgroup):
    group, limit = memory_cgroup
    try:
        (group / limit).write_text(str(300 << 20))
    except OSError as error:
        pytest.skip(f"the limit cannot be set: {error}")
    folder, done = run_limited(
        tmp_path, f"echo $$ > {group}/cgroup.procs", "+classes=2e4", "dim=4096", "methods=[dense_softmax]"
    )
    row = folder.rows()["dense_softmax", "train"]
    assert (row["verdict"], done.returncode) == ("out_of_memory", 1), row["cause"]
    assert "out-of-memory killer" in row["cause"]
    assert "resident was seen" in row["cause"]
    assert "out of memory" in folder.report().lower()


# --------------------------------------------------------------------------------------------- too late


def test_a_timeout_on_the_command_line_is_a_failed_record(run_xclass, tmp_path):
    done = run_xclass(
        "+classes=1e6", *QUICK, "methods=[nearest_neighbour]", "measure.timeout_minutes=0.01",
        f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert done.exit_code == 1
    assert "measure.timeout_minutes" in RunFolder(tmp_path / "run").rows()["synthetic", "prepare"]["cause"]


# --------------------------------------------------------------------------------------------- interrupted


@pytest.mark.parametrize("whom", ["the launcher only", "the whole foreground group"])
def test_ctrl_c_keeps_what_was_measured(start_xclass, tmp_path, whom):
    run_dir = tmp_path / "run"
    process = start_xclass(
        "+classes=1e3", *QUICK, "methods=[nearest_neighbour,dense_softmax,sampled_softmax]", ENDLESS,
        f"hydra.run.dir={run_dir}",
    )  # fmt: skip
    in_phase(run_dir, "dense_softmax", "train")
    if whom == "the launcher only":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert workers_of(run_dir) == [], NO_CHILD_LEFT
    rows = RunFolder(run_dir).rows()
    for phase in ("build", "load", "serve"):
        assert rows["nearest_neighbour", phase]["verdict"] == "measured"
    assert rows["dense_softmax", "train"]["verdict"] == "failed"
    assert "interrupted" in rows["dense_softmax", "train"]["cause"]
    assert ("sampled_softmax", "train") not in rows
    assert "nearest_neighbour" in RunFolder(run_dir).report()
    assert "what was measured until then is kept" in out


def test_ctrl_c_ends_a_sweep_with_a_report_of_what_it_had(start_xclass, tmp_path):
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", "+classes=500,600,700", *QUICK, "methods=[dense_softmax]", ENDLESS, f"hydra.sweep.dir={sweep}",
    )  # fmt: skip
    in_phase(sweep / "0", "dense_softmax", "train")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert {row["run"] for row in RunFolder(sweep).summary()["rows"]} == {"0"}
    assert (sweep / "report.md").exists()
    assert not (sweep / "1" / "records").exists()


def test_ctrl_c_before_anything_was_measured(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass("+classes=1e6", *QUICK, f"hydra.run.dir={run_dir}")
    wait_until(lambda: workers_of(run_dir), what="the prepare child")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert (run_dir / "report.md").exists()
    assert workers_of(run_dir) == [], NO_CHILD_LEFT


def test_a_killed_launcher_leaves_no_orphan(start_xclass, tmp_path):
    run_dir = tmp_path / "run"
    process = start_xclass(
        "+classes=1e3", *QUICK, "methods=[dense_softmax]", ENDLESS, f"hydra.run.dir={run_dir}"
    )
    pid = in_phase(run_dir, "dense_softmax", "train")
    # Stopped, so that it cannot notice the closed pipe: only the kernel can end it (PR_SET_PDEATHSIG).
    os.kill(pid, signal.SIGSTOP)
    process.kill()
    process.wait(10)
    try:
        wait_until(lambda: not workers_of(run_dir), seconds=10, what=NO_CHILD_LEFT)
    finally:
        end_quietly(pid)


# --------------------------------------------------------------------------------------------- refused


def test_what_does_not_fit_is_refused_in_seconds(run_xclass, tmp_path):
    begun = time.monotonic()
    done = run_xclass(
        "+classes=5e6", "dim=4096", "methods=[dense_softmax_autograd]", "budget.minutes=0",
        "measure.heap_pass=false", f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert time.monotonic() - begun < 60
    assert (done.exit_code, done.err) == (3, "")
    rows = RunFolder(tmp_path / "run").rows()
    assert rows["synthetic", "prepare"]["verdict"] == "measured"
    for phase in ("train", "load", "serve"):
        assert rows["dense_softmax_autograd", phase]["verdict"] == "does_not_fit"
        assert rows["dense_softmax_autograd", phase]["peak_rss_bytes"] is None
    train = rows["dense_softmax_autograd", "train"]
    assert train["predicted_over_base_bytes"] >= 6 * 4 * 5_000_000 * 4096
    assert train["predicted_peak_bytes"] > train["available_bytes"]
    assert "does not fit: needs " in train["cause"]
    assert " of memory, " in train["cause"]
    assert "this method fits up to " in train["cause"]
    assert "does not fit" in RunFolder(tmp_path / "run").report()
    assert not (tmp_path / "run" / "models").exists() or not any((tmp_path / "run" / "models").iterdir())


def test_adam_at_five_million_by_128_is_refused_on_24_gib():
    """The issue's own case, on a machine of that size whatever this one has."""
    from xclass.config import RunConfig
    from xclass.sizing.capacity import Room, explain_misfit
    from xclass.sizing.plan import make_shape, plan_method

    config = RunConfig(classes=5_000_000, dim=128, methods=["dense_softmax_autograd"])
    shape = make_shape(config, 5_000_000)
    plan = plan_method(config, "dense_softmax_autograd", shape)[0]
    misfit = explain_misfit(config, plan, shape, Room(usable_bytes=22 << 30, free_disk_bytes=1 << 40))
    assert misfit is not None
    assert "dense_softmax, sampled_softmax, nearest_neighbour" in misfit


# --------------------------------------------------------------------------------------------- a full disk


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 300 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("tmpfs cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_while_training_ends_in_one_clear_line(start_xclass, tiny_disk):
    run_dir = tiny_disk / "run"
    process = start_xclass(
        "+classes=2e3", *SMALL, "methods=[dense_softmax]", "measure.heap_pass=false", "budget.minutes=0.08",
        f"hydra.run.dir={run_dir}",
    )  # fmt: skip
    in_phase(run_dir, "dense_softmax", "train")
    fill(tiny_disk / "filler")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("xclass: ")
    assert "space" in lines[0]
    assert str(run_dir) in lines[0]
    assert "hydra.run.dir=" in lines[0]
    assert RunFolder(run_dir).record("synthetic-prepare-rss")["verdict"] == "measured", (
        "what was written stays"
    )
    assert workers_of(run_dir) == [], NO_CHILD_LEFT


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    assert shutil.disk_usage(path.parent).free < 1 << 16


@pytest.mark.parametrize("place", ["/proc/nope/run", "{tmp}/file", "{tmp}/file/run"])
def test_a_folder_that_cannot_be_made_is_one_line(run_xclass, tmp_path, place):
    (tmp_path / "file").touch()
    done = run_xclass("+classes=300", f"hydra.run.dir={place.format(tmp=tmp_path)}")
    assert (done.exit_code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("xclass: ")
