import json
import os
import platform
import subprocess
import sys

import pytest

from xclass.measure import machine
from xclass.measure.machine import machine_facts


def test_facts_are_json_and_say_nothing_of_who_and_where():
    facts = machine_facts()
    text = json.dumps(facts, allow_nan=False)
    assert json.loads(text) == facts
    assert platform.node() not in [value for value in facts.values() if isinstance(value, str)]
    assert facts["ram_bytes"] > facts["page_bytes"] > 0
    assert facts["num_cpus_allowed"] == len(os.sched_getaffinity(0))
    assert facts["packages"]["numpy"]
    assert facts["transparent_huge_pages"] in ("always", "madvise", "never", None)


def test_facts_load_no_engine():
    script = (
        "import sys; from xclass.measure.machine import machine_facts; machine_facts(); "
        "sys.exit(bool({'numpy', 'torch', 'faiss', 'memray', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize(
    ("version", "files", "cores"),
    [
        (2, {"cpu.max": "150000 100000\n"}, 1.5),
        (2, {"cpu.max": "max 100000\n"}, None),
        (1, {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}, 0.5),
        (1, {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None),
    ],
)
def test_cpu_quota_of_both_versions(tmp_path, version, files, cores):
    (tmp_path / "self").mkdir()
    kind, number, controllers = ("cgroup2", "0", "") if version == 2 else ("cgroup", "3", "cpu,cpuacct")
    (tmp_path / "self" / "cgroup").write_text(f"{number}:{controllers}:/job\n")
    (tmp_path / "self" / "mountinfo").write_text(f"1 0 0:1 / {tmp_path} rw - {kind} x rw,{controllers}\n")
    (tmp_path / "job").mkdir()
    for name, text in files.items():
        (tmp_path / "job" / name).write_text(text)
    assert machine._cgroup_cpus(tmp_path) == cores


def test_git_state_of_a_checkout_and_of_an_installed_package(tmp_path):
    package = tmp_path / "xclass"
    package.mkdir()
    assert machine._git_state(package) == (None, None)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(
        ["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True
    )
    commit, is_dirty = machine._git_state(package)
    assert len(commit) == 40
    assert is_dirty is False
    (package / "new.py").touch()
    assert machine._git_state(package) == (commit, True)


def test_what_is_absent_is_none(tmp_path):
    assert machine._processor(tmp_path / "cpuinfo") is None
    assert machine._chosen(tmp_path / "enabled") is None
    assert machine._version("surely-not-installed") is None


def test_the_users_own_environment_is_told_without_paths(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    monkeypatch.setenv("LD_PRELOAD", "/home/somebody/lib/libjemalloc.so.2 /opt/other.so")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    told = machine_facts()["inherited_environment"]
    assert told["MALLOC_ARENA_MAX"] == "8"
    assert told["LD_PRELOAD"] == "libjemalloc.so.2 other.so"
    assert told["OMP_NUM_THREADS"] == "3"
    assert "SECRET_TOKEN" not in told
