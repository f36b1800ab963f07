"""Where the control groups of this process stand in the file system, for version 1, 2 and mixtures of both.

Works inside containers: with a cgroup namespace both files below are relative to its root; without one the
mount shows only a part of the tree, whose place is the mount's root field.

Source: man cgroups(7), sections "/proc files" and "Cgroup v1/v2"; man proc_pid_mountinfo(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_COUNTER = re.compile(r"^([\w()]+):?\s+(\d+)", re.MULTILINE)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The group this process is in, in one hierarchy."""

    version: int
    mount: Path
    folder: Path
    """At or below ``mount``."""

    def folders(self) -> Iterator[Path]:
        """This group and every visible one above it, the innermost first: each may hold a limit."""
        yield self.folder
        if self.folder != self.mount:
            for parent in self.folder.parents:
                yield parent
                if parent == self.mount:
                    return

    def name_of(self, folder: Path) -> str:
        """Path of a group within its hierarchy, ``/`` for the outermost visible one."""
        return "/" + folder.relative_to(self.mount).as_posix().removeprefix(".")


def find_cgroups(controller: str, proc: Path = Path("/proc")) -> list[Cgroup]:
    """The groups of this process that may carry one controller: of v2, and of v1 where it is mounted.

    Args:
        controller: as the kernel spells it: ``memory``, ``cpu``.
        proc: where procfs is mounted.

    Returns:
        At most two; none where control groups are absent or hidden.
    """
    paths = _paths(proc)
    found = []
    for line in _read(proc / "self" / "mountinfo").splitlines():
        # id parent major:minor ROOT MOUNT options [tags...] - TYPE source SUPER_OPTIONS
        left, _, right = line.partition(" - ")
        mount_fields, type_fields = left.split(" "), right.split(" ")
        if len(mount_fields) < 5 or len(type_fields) < 3:
            continue
        if type_fields[0] == "cgroup2":
            version, path = 2, paths.get("")
        elif type_fields[0] == "cgroup" and controller in type_fields[2].split(","):
            version, path = 1, paths.get(controller)
        else:
            continue
        if path is not None:
            root, mount = _unescape(mount_fields[3]), Path(_unescape(mount_fields[4]))
            found.append(Cgroup(version, mount, _locate(mount, root, path)))
    return found


def read_number(path: Path) -> int | None:
    """A file of one number; None where it is absent, hidden or says ``max``."""
    text = _read(path).strip()
    return int(text) if text.isdecimal() else None


def read_counters(path: Path) -> dict[str, int]:
    """A file of ``name number`` or ``name: number`` lines; empty where it is absent or hidden."""
    return {name: int(number) for name, number in _COUNTER.findall(_read(path))}


def _paths(proc: Path) -> dict[str, str]:
    # Lines are "hierarchy:controllers:path"; v2 has hierarchy 0 and no controllers. A path may hold colons.
    paths = {}
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _locate(mount: Path, root: str, path: str) -> Path:
    inside = PurePosixPath(path)
    if root != "/" and inside.is_relative_to(root):
        inside = inside.relative_to(root)
    parts = [part for part in inside.parts if part != "/"]
    # "/.." means outside our cgroup namespace, and a mount may show less than the path says: the mount
    # itself is then the innermost group that can be read.
    folder = mount if ".." in parts else mount.joinpath(*parts)
    while folder != mount and not folder.is_dir():
        folder = folder.parent
    return folder


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
