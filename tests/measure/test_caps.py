"""Real caps on real children: what each counts, how it ends, and that nothing of it is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xclass.errors import MeasurementError
from xclass.measure.caps import CapChoice, GroupCap, memory_cap
from xclass.measure.cgroups import find_cgroups
from xclass.measure.group_watch import GroupWatch
from xclass.measure.subgroup import processes_of

MB = 10**6
CHILDREN = Path(__file__).parent / "children"
ALLOCATE = "import sys; held = bytearray(int(sys.argv[1])); print(len(held))"


def run_under(cap, *words):
    return subprocess.run([*cap.prefix, sys.executable, *words], capture_output=True, text=True, timeout=60)


def own_groups():
    """Groups of ours below every group that this process is in."""
    return {path for cgroup in find_cgroups("memory") for path in cgroup.folder.glob("xclass-*")}


@pytest.fixture
def _needs_group():
    try:
        with memory_cap(100 * MB, CapChoice.cgroup):
            pass
    except MeasurementError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_needs_group")
def test_a_group_lets_through_what_fits_and_says_its_peak():
    with memory_cap(200 * MB) as cap:
        done = run_under(cap, "-c", ALLOCATE, str(100 * MB))
        readings = cap.readings()
    assert (done.returncode, done.stdout.strip()) == (0, str(100 * MB))
    assert cap.kind.startswith("cgroup v")
    assert 100 * MB < readings["peak_bytes"] < 125 * MB
    assert readings["num_oom_kills"] == 0


@pytest.mark.usefixtures("_needs_group")
def test_the_kernel_kills_what_needs_more_than_the_group_has():
    with memory_cap(60 * MB) as cap:
        done = run_under(cap, "-c", ALLOCATE, str(100 * MB))
        readings = cap.readings()
    assert done.returncode == -signal.SIGKILL
    assert readings["num_oom_kills"] == 1
    assert 50 * MB < readings["peak_bytes"] <= 60 * MB


@pytest.mark.usefixtures("_needs_group")
def test_the_group_is_gone_with_whatever_ran_in_it():
    before = own_groups()
    with memory_cap(100 * MB) as cap:
        sleeper = subprocess.Popen([*cap.prefix, "sleep", "60"])
        while sleeper.pid not in processes_of(cap.folder):
            time.sleep(0.01)
    assert sleeper.wait(10) == -signal.SIGKILL
    assert own_groups() == before


@pytest.mark.usefixtures("_needs_group")
def test_the_group_of_a_killed_launcher_is_removed_by_the_next():
    script = (
        "import time; from xclass.measure.caps import memory_cap\n"
        "with memory_cap(10**8) as cap: print(cap.folder, flush=True); time.sleep(60)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    folder = Path(launcher.stdout.readline().strip())
    assert folder.is_dir()
    with memory_cap(100 * MB):
        assert folder.is_dir(), "its maker lives"
    launcher.kill()
    launcher.communicate()
    assert folder.is_dir()
    with memory_cap(100 * MB):
        assert not folder.exists()


@pytest.mark.usefixtures("_needs_group")
def test_pages_that_others_are_charged_for_are_taken_off_the_cap(tmp_path):
    """A file that is in memory already costs its group nothing, and yet a server would have to hold it."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1 << 20) * 60)
    with memory_cap(200 * MB) as cap, GroupWatch(cap) as watch:
        child = subprocess.Popen(
            [*cap.prefix, sys.executable, CHILDREN / "touch.py", str(path), "hold"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        child.stdout.readline()
        for _ in range(2):
            watch.look()
        child.communicate()
        assert cap.readings()["peak_bytes"] < 40 * MB
    assert watch.taken_off_bytes >= 60 << 20
    assert cap.limit_bytes == 200 * MB - watch.taken_off_bytes


@pytest.mark.usefixtures("_needs_group")
def test_a_cap_below_what_is_held_ends_the_child():
    with memory_cap(200 * MB) as cap:
        script = "import sys; held = bytearray(100_000_000); print(1, flush=True); sys.stdin.read()"
        child = subprocess.Popen(
            [*cap.prefix, sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        child.stdout.readline()
        cap.take_off(150 * MB)
        assert child.wait(10) == -signal.SIGKILL
        assert cap.readings()["num_oom_kills"] >= 1
        child.communicate()


def test_rlimit_turns_too_much_into_a_memory_error():
    with memory_cap(200 * MB, CapChoice.rlimit) as cap:
        assert run_under(cap, "-c", ALLOCATE, str(100 * MB)).returncode == 0
        done = run_under(cap, "-c", ALLOCATE, str(300 * MB))
    assert (cap.kind, cap.reason) == ("RLIMIT_DATA", None)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_rlimit_counts_no_pages_of_files(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1 << 20) * 100)
    with memory_cap(50 * MB, CapChoice.rlimit) as cap:
        assert run_under(cap, str(CHILDREN / "touch.py"), str(path), "1").returncode == 0


def test_without_control_groups_the_reason_is_kept(tmp_path):
    with memory_cap(100 * MB, proc=tmp_path) as cap:
        assert not isinstance(cap, GroupCap)
        assert cap.reason == "no control groups are mounted here"
    with (
        pytest.raises(MeasurementError, match=r"cap=cgroup: no control groups.*cap=rlimit"),
        memory_cap(100 * MB, CapChoice.cgroup, proc=tmp_path),
    ):
        pass


@pytest.mark.parametrize(("version", "message"), [(1, "No such file|Read-only|denied"), (2, "has no memory")])
def test_a_group_that_cannot_be_made_is_a_reason_and_not_a_crash(tmp_path, version, message):
    """A mount that shows nothing of its files, as in a container without control groups of its own."""
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    names, kind = (("memory", "cgroup"), ("", "cgroup2"))[version - 1]
    (proc / "self" / "cgroup").write_text(f"0:{names}:/\n")
    (proc / "self" / "mountinfo").write_text(f"35 31 0:32 / {tmp_path}/gone rw - {kind} none rw,memory\n")
    with memory_cap(100 * MB, proc=proc) as cap:
        assert cap.kind == "RLIMIT_DATA"
        assert cap.reason is not None
    with (
        pytest.raises(MeasurementError, match=message),
        memory_cap(100 * MB, CapChoice.cgroup, proc=proc),
    ):
        pass


def test_what_version_2_says_is_read(tmp_path):
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.peak").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 300\nfile 500\nkernel 100\nfile_mapped 400\nanon_thp 7\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
    cap = GroupCap(kind="cgroup v2", limit_bytes=1000, prefix=[], folder=tmp_path, version=2)
    usage, readings = cap.usage(), cap.readings()
    assert (usage.usage_bytes, usage.anon_bytes, usage.file_bytes) == (900, 300, 500)
    assert (usage.mapped_bytes, usage.kernel_bytes) == (400, 100)
    assert (readings["peak_bytes"], readings["num_limit_hits"], readings["num_oom_kills"]) == (1000, 12, 2)
    (tmp_path / "memory.swap.max").write_text("max\n")
    cap.take_off(400)
    assert (tmp_path / "memory.max").read_text() == "600"
    assert (tmp_path / "memory.swap.max").read_text() == "0"


# -------------------------------------------- version 2 on this kernel, with whatever controller it has


@pytest.fixture
def v2_group():
    """(mount, a group below its root that may give a controller to its children, that controller)."""
    mount = next((cgroup.mount for cgroup in find_cgroups("memory") if cgroup.version == 2), None)
    if mount is None:
        pytest.skip("no hierarchy of version 2 is mounted")
    controllers = (mount / "cgroup.controllers").read_text().split()
    control = mount / "cgroup.subtree_control"
    folder = mount / f"test-{os.getpid()}"
    is_root = not (mount / "cgroup.type").exists()
    if not controllers or not is_root or not os.access(control, os.W_OK):
        pytest.skip("no controller of version 2 can be handed on here")
    was_on = controllers[0] in control.read_text().split()
    try:
        control.write_text(f"+{controllers[0]}")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"{error.filename}: {error.strerror}")
    yield mount, folder, controllers[0]
    folder.rmdir()
    if not was_on:
        control.write_text(f"-{controllers[0]}")


def in_a_group(mount, folder, controller):
    script = CHILDREN / "in_a_group.py"
    done = subprocess.run(
        [sys.executable, str(script), str(mount), str(folder), controller], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_v2_a_process_alone_in_its_group_steps_aside_and_comes_back(v2_group):
    mount, folder, controller = v2_group
    seen = in_a_group(mount, folder, controller)
    assert "error" not in seen
    assert controller in seen["controllers"]
    assert seen["inside"].startswith(f"/{folder.name}/xclass-")
    assert seen["after"] == f"/{folder.name}"
    assert seen["left"] == []


def test_v2_a_group_with_other_processes_is_refused_with_the_remedy(v2_group):
    mount, folder, controller = v2_group
    other = subprocess.Popen(["sleep", "60"])
    (folder / "cgroup.procs").write_text(str(other.pid))
    try:
        seen = in_a_group(mount, folder, controller)
    finally:
        other.kill()
        other.wait()
    assert "holds 1 other processes" in seen["error"]
    assert "systemd-run --user --scope" in seen["error"]
    assert seen["left"] == []
