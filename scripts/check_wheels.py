"""Whether every dependency has a wheel for each Python and system that xclass says it runs on.

    python scripts/check_wheels.py            # asks the package index: a minute or two, a few MB of metadata

One line per system and Python; exit code 1 if something of the core is missing. Extras that are missing are
named and fail nothing: their methods refuse by name where their library is not installed.

Nothing is installed: pip resolves each requirement alone (``--dry-run --no-deps``) for another interpreter.
What the wheels need in turn is not looked at. Source: pip documentation, "pip install", --platform and
--report (pip 22.2 and later).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {
    "Linux x86-64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "Linux ARM": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "macOS ARM": ("macosx_14_0_arm64",),
}
"""Name -> platform tags, the newest first; glibc 2.28 is of 2018."""
_MISSING = re.compile(r"No matching distribution found for ([^\s(]+)")


@dataclass(kw_only=True, slots=True)
class Found:
    """What one system and Python get."""

    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Requirements as pip names them."""
    failure: str | None = None
    """Why nothing is known: no network, say."""


def requirements(project: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The core's requirements, and those of the extras that users install; each once."""
    extras = [
        requirement
        for name, listed in project["optional-dependencies"].items()
        if name != "dev"
        for requirement in listed
    ]
    return list(project["dependencies"]), list(dict.fromkeys(extras))


def find(wanted: list[str], python: str, platforms: tuple[str, ...]) -> Found:
    """Ask the index; what is missing is taken out and the rest asked for again."""
    found, left = Found(), list(wanted)
    while left:
        done = _pip(left, python, platforms)
        if done.returncode == 0:
            for item in json.loads(done.stdout)["install"]:
                found.versions[item["metadata"]["name"]] = item["metadata"]["version"]
            return found
        match = _MISSING.search(done.stderr)
        kept = [one for one in left if match is None or not same(one, match.group(1))]
        if match is None or len(kept) == len(left):
            found.failure = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            return found
        found.missing.append(match.group(1))
        left = kept
    return found


def same(requirement: str, named: str) -> bool:
    """Whether pip's words name this requirement: it sorts the bounds of its version."""
    return _name(requirement) == _name(named)


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]).lower()


def _pip(wanted: list[str], python: str, platforms: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as target:
        return subprocess.run(
            [
                sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps",
                "--only-binary", ":all:", "--quiet", "--report", "-", "--target", target,
                "--python-version", python, *(word for tag in platforms for word in ("--platform", tag)),
                *wanted,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def main() -> int:
    """Print the table."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core, extras = requirements(project)
    is_whole = True
    for system, platforms in SYSTEMS.items():
        for python in PYTHONS:
            found = find([*core, *extras], python, platforms)
            needed = {_name(one) for one in core}
            lost = [one for one in found.missing if _name(one) in needed]
            is_whole &= not lost and found.failure is None
            print(f"{system}, Python {python}: {_words(found, lost)}", flush=True)
    return 0 if is_whole else 1


def _words(found: Found, lost: list[str]) -> str:
    if found.failure is not None:
        return f"not known: {found.failure}"
    others = [one for one in found.missing if one not in lost]
    parts = [f"{len(found.versions)} wheels"]
    parts += [f"MISSING {', '.join(lost)}"] if lost else []
    parts += [f"extras without: {', '.join(others)}"] if others else []
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
