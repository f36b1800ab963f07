import json
import subprocess
import sys

import psutil
import pytest

from xclass.errors import MeasurementError
from xclass.measure.limits import available_memory, oom_kill_count

MIB = 1 << 20
GIB = 1 << 30


class MadeUpMachine:
    """A proc folder and cgroup mounts under a temporary folder (one with a space in its name)."""

    def __init__(self, root):
        self.proc, self.mount = root / "proc", root / "cg roup"
        (self.proc / "self").mkdir(parents=True)
        self.mount.mkdir()
        (self.proc / "meminfo").write_text(
            f"MemTotal: {16 << 20} kB\nMemFree: {1 << 20} kB\nMemAvailable: {8 << 20} kB\n"
        )
        (self.proc / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")

    def hierarchy(self, *, version, path, root="/", controllers="memory"):
        kind, options = ("cgroup2", "rw") if version == 2 else ("cgroup", f"rw,{controllers}")
        number, names = ("0", "") if version == 2 else ("4", controllers)
        (self.proc / "self" / "cgroup").write_text(f"7:pids:/x\n{number}:{names}:{path}\n1:name=systemd:/\n")
        place = str(self.mount).replace(" ", "\\040")
        (self.proc / "self" / "mountinfo").write_text(
            f"22 27 0:21 / /proc rw - proc proc rw\n"
            f"35 31 0:32 {root} {place} rw,relatime shared:9 master:2 - {kind} none {options}\nbroken\n"
        )

    def group(self, path, **files):
        folder = self.mount / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / f"memory.{name}").write_text(f"{text}\n")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda which: (-1, -1))
    return MadeUpMachine(tmp_path)


def test_v2_the_tightest_ancestor_counts_with_its_reclaimable_pages(machine):
    machine.hierarchy(version=2, path="/pod/job")
    machine.group("/pod/job", max="max", high="max", current=GIB, stat="anon 1\ninactive_file 7")
    machine.group("/pod", max=4 * GIB, current=3 * GIB, stat=f"inactive_file {512 * MIB}\nactive_file 9")
    found = available_memory(machine.proc)
    assert found.available_bytes == 1536 * MIB
    assert found.total_bytes == 4 * GIB
    assert found.limit_source == "cgroup v2 memory.max of /pod"


def test_v2_memory_high_is_a_limit_too(machine):
    machine.hierarchy(version=2, path="/")
    machine.group("/", max=4 * GIB, high=2 * GIB, current=GIB, stat="")
    assert available_memory(machine.proc).limit_source == "cgroup v2 memory.high of /"


def test_v1_no_limit_is_a_huge_number_and_a_limit_is_found_above(machine):
    machine.hierarchy(version=1, path="/slice/job", controllers="cpuset,memory")
    machine.group(
        "/slice/job", limit_in_bytes=9223372036854771712, usage_in_bytes=5, stat="total_inactive_file 1"
    )
    machine.group("/slice", limit_in_bytes=2 * GIB, usage_in_bytes=GIB, stat=f"total_inactive_file {MIB}")
    found = available_memory(machine.proc)
    assert found.available_bytes == GIB + MIB
    assert found.limit_source == "cgroup v1 memory.limit_in_bytes of /slice"


def test_a_container_without_cgroup_namespace_sees_its_part_of_the_tree(machine):
    machine.hierarchy(version=1, path="/docker/abc/inner", root="/docker/abc")
    machine.group("/inner", limit_in_bytes=GIB, usage_in_bytes=0, stat="")
    assert available_memory(machine.proc).limit_source == "cgroup v1 memory.limit_in_bytes of /inner"


@pytest.mark.parametrize("path", ["/../elsewhere", "/not/mounted/here"])
def test_a_group_outside_the_mount_falls_back_to_what_is_visible(machine, path):
    machine.hierarchy(version=2, path=path)
    machine.group("/", max=GIB, current=2 * GIB, stat="")
    found = available_memory(machine.proc)
    assert found.available_bytes == 0, "over its limit, never negative"
    assert found.total_bytes == GIB


def test_without_limits_the_machine_decides(machine):
    assert available_memory(machine.proc).limit_source == "MemAvailable"
    machine.hierarchy(version=2, path="/job")
    machine.group("/job", max="max", current=GIB)
    found = available_memory(machine.proc)
    assert (found.available_bytes, found.total_bytes) == (8 * GIB, 16 * GIB)


def test_a_proc_that_is_not_there_gives_one_line(tmp_path):
    with pytest.raises(MeasurementError, match="no MemFree; measuring needs Linux"):
        available_memory(tmp_path)
    assert oom_kill_count(tmp_path) == 0


def test_oom_kills_are_counted_in_both_versions(machine):
    assert oom_kill_count(machine.proc) == 3
    machine.hierarchy(version=2, path="/pod")
    machine.group("/pod", events="low 0\noom 9\noom_kill 2\noom_group_kill 7")
    assert oom_kill_count(machine.proc) == 5
    machine.hierarchy(version=1, path="/pod")
    machine.group("/pod", oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 4")
    assert oom_kill_count(machine.proc) == 7


def test_this_machine():
    found = available_memory()
    assert 0 < found.available_bytes <= found.total_bytes <= psutil.virtual_memory().total
    assert found.available_bytes <= psutil.virtual_memory().available * 1.05
    assert oom_kill_count() >= 0


@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_is_seen(name):
    script = (
        "import dataclasses, json, resource; from xclass.measure.limits import available_memory; "
        f"resource.setrlimit(resource.{name}, (2**29, 2**29)); "
        "print(json.dumps(dataclasses.asdict(available_memory())))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "available_bytes": 2**29,
        "total_bytes": 2**29,
        "limit_source": name,
        "scope": "process",
    }
