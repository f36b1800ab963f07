"""Known vulnerabilities of what xclass ships with, and its software bill of materials: ``make audit``.

Shipped is what ``pip install xclass`` brings, with every extra but ``dev``, at the versions installed here.
pip-audit asks PyPI for each; where PyPI's mirror does not answer such questions, one package is asked after,
that is said, and the rest passes: what could not be asked is not a finding. The bill of materials is made by
cyclonedx-py and holds all that is installed; what is for development alone has the scope ``excluded``.

Exit codes: 0 nothing found, or nobody to ask; 1 a known vulnerability in what is shipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "dist" / "sbom.cdx.json"
PROBE = "jinja2"
"""Asked after first: 140 questions that nobody answers would be impolite."""
TIMEOUT_SECONDS = 120

ACCEPTED: dict[str, str] = {}
"""Id of a vulnerability -> why it does not touch xclass, and until when to look again."""


@dataclass(slots=True)
class Verdict:
    """What pip-audit said."""

    num_asked: int = 0
    num_unknown: int = 0
    """Packages that the service has never heard of."""
    found: list[str] = field(default_factory=list)
    """One line per vulnerability."""


def shipped(extras: Iterable[str] | None = None) -> dict[str, str]:
    """Normalised name -> version of what is installed of xclass's requirements, and of theirs.

    Args:
        extras: of xclass; None: all but ``dev``.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    lines = list(project["dependencies"])
    for extra in optional.keys() - {"dev"} if extras is None else extras:
        lines += optional[extra]
    found: dict[str, str] = {}
    waiting, seen = list(_required(lines, frozenset())), set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            package = distribution(name)
        except PackageNotFoundError:  # an extra that is not installed
            continue
        found[name] = package.version.partition("+")[0]  # of torch's CPU build: 2.13.0+cpu
        waiting += _required(package.requires or (), wanted)
    return dict(sorted(found.items()))


def _required(lines: Iterable[str], extras: frozenset[str]) -> Iterable[tuple[str, frozenset[str]]]:
    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def ask(packages: dict[str, str]) -> Verdict | None:
    """What is known of these packages; None where the service does not answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in packages.items()))
        file.flush()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pip_audit", "-r", file.name, "--no-deps", "--disable-pip",
                 "-f", "json", "--progress-spinner", "off"],
                capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
            return judge(json.loads(done.stdout))
        except (subprocess.TimeoutExpired, ValueError):  # ValueError: its own error, in words: no network
            return None


def judge(document: dict[str, Any]) -> Verdict | None:
    """pip-audit's JSON; None where not one package could be asked after.

    pip-audit ends with "No known vulnerabilities found" and 0 where it found none of the packages.
    """
    verdict = Verdict()
    for package in document["dependencies"]:
        if "skip_reason" in package:
            verdict.num_unknown += 1
            continue
        verdict.num_asked += 1
        for each in package["vulns"]:
            names = [each["id"], *each.get("aliases", [])]
            if not ACCEPTED.keys() & set(names):
                remedy = (
                    f"fixed in {', '.join(each['fix_versions'])}" if each["fix_versions"] else "no fix yet"
                )
                verdict.found.append(f"{package['name']} {package['version']}: {' '.join(names)}; {remedy}")
    return verdict if verdict.num_asked else None


def bill_of_materials() -> dict[str, Any]:
    """All that is installed, as CycloneDX JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable, "--pyproject",
         str(ROOT / "pyproject.toml"), "--output-reproducible", "-o", "-"],
        stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def mark_scopes(document: dict[str, Any], packages: dict[str, str], core: dict[str, str]) -> None:
    """Say of each component whether it is required, optional (of an extra) or excluded from what ships.

    Source: https://cyclonedx.org/docs/1.6/json/#components_items_scope
    """
    for component in document["components"]:
        name = canonicalize_name(component["name"])
        shipped_as = "optional" if name in packages else "excluded"
        component["scope"] = "required" if name in core else shipped_as


def main() -> int:
    """Write the bill of materials, then ask."""
    packages = shipped()
    document = bill_of_materials()
    mark_scopes(document, packages, shipped(extras=()))
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    num_components = len(document["components"])
    print(f"bill of materials: {num_components} components, {len(packages)} of them shipped, in {SBOM}")
    verdict = ask({PROBE: packages[PROBE]}) and ask(packages)
    if verdict is None:
        print(f"audit: nobody to ask here: no answer on {PROBE}, so {len(packages)} packages are unasked")
        return 0
    for line in verdict.found:
        print(f"vulnerable: {line}")
    unknown = f", {verdict.num_unknown} unknown to PyPI" if verdict.num_unknown else ""
    print(f"audit: {len(verdict.found)} vulnerabilities known in {verdict.num_asked} packages{unknown}")
    return 1 if verdict.found else 0


if __name__ == "__main__":
    sys.exit(main())
