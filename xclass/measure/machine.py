"""The facts about this machine that a reader needs to judge or repeat a measurement; no host or user name."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import xclass
from xclass.measure.cgroups import find_cgroups, read_number
from xclass.measure.limits import available_memory
from xclass.measure.status import counter_error_bytes

_PACKAGES = ("torch", "faiss-cpu", "numpy", "scipy", "memray", "psutil", "hydra-core", "xclass")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
_SWAPPINESS = Path("/proc/sys/vm/swappiness")
_TELLING = re.compile(
    r"(MALLOC_|GLIBC_TUNABLES|LD_PRELOAD|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|NUMPY_|THP_|TORCH|PYTHON(HASHSEED|MALLOC))"
)
"""Variables that move memory or times."""


def machine_facts() -> dict[str, Any]:
    """Everything as JSON values: bytes and counts are integers, what cannot be known is None.

    No engine is imported: versions come from the installed packages' metadata.
    """
    memory, swap, available = psutil.virtual_memory(), psutil.swap_memory(), available_memory()
    libc, libc_version = platform.libc_ver()
    commit, is_dirty = _git_state(Path(xclass.__file__).parent)
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "num_cpus": os.cpu_count(),
        "num_cpus_allowed": len(os.sched_getaffinity(0)),
        "cgroup_cpus": _cgroup_cpus(),
        "ram_bytes": memory.total,
        "memory_limit_bytes": available.total_bytes,
        "memory_limit_source": available.limit_source,
        "swap_total_bytes": swap.total,
        "swap_used_bytes": swap.used,
        "swappiness": read_number(_SWAPPINESS),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "rss_counter_error_bytes": counter_error_bytes(),
        "transparent_huge_pages": _chosen(_HUGE_PAGES / "enabled"),
        "transparent_huge_pages_defrag": _chosen(_HUGE_PAGES / "defrag"),
        "kernel": platform.release(),
        "platform": platform.system(),
        "libc": f"{libc} {libc_version}".strip() or None,
        "python": platform.python_version(),
        "inherited_environment": _inherited(os.environ),
        "load_average": list(os.getloadavg()),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_commit": commit,
        "git_is_dirty": is_dirty,
    }


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What the user's own environment says on allocator and threads; of paths only the last part."""
    return {
        name: " ".join(Path(word).name for word in value.split())
        for name, value in sorted(environment.items())
        if _TELLING.match(name)
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    # ARM kernels state no model name.
    return found.group(1).strip() if found else None


def _cgroup_cpus(proc: Path = Path("/proc")) -> float | None:
    """The tightest CPU quota of all groups, in cores; None without one."""
    quotas = []
    for cgroup in find_cgroups("cpu", proc):
        for folder in cgroup.folders():
            quota = _quota_v2(folder) if cgroup.version == 2 else _quota_v1(folder)
            if quota is not None:
                quotas.append(quota)
    return min(quotas, default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return int(quota) / int(period) if quota != "max" else None


def _quota_v1(folder: Path) -> float | None:
    # No quota is written as -1, which is not a number to read_number.
    quota, period = read_number(folder / "cpu.cfs_quota_us"), read_number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _chosen(path: Path) -> str | None:
    """The bracketed word of a sysfs choice such as ``always [madvise] never``."""
    try:
        found = re.search(r"\[([\w+]+)\]", path.read_text(encoding="ascii"))
    except OSError:
        return None
    return found.group(1) if found else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_state(folder: Path) -> tuple[str | None, bool | None]:
    # Only a checkout of xclass itself counts: installed into a virtual environment inside somebody's own
    # repository, the surrounding commit would say nothing about this code.
    if not (folder.parent / ".git").exists():
        return None, None
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    return commit or None, None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
