"""The command line of ``python -m xclass.prove``: a folder and words of the form key=value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from xclass.classifiers.seal import SealLevel
from xclass.cli.parser import is_folder
from xclass.errors import ConfigError
from xclass.measure.caps import CapChoice
from xclass.records.record import Phase
from xclass.run.proof_source import PROVABLE
from xclass.units import parse_bytes

HELP = """\
usage: python -m xclass.prove RUN_FOLDER size=SIZE [key=value ...]

Repeats a recorded phase in a fresh process under a real cap of memory, set by the kernel, and says whether
the promise holds: proven, refuted or not proven. RUN_FOLDER is what a run wrote; nothing recorded is changed.

  python -m xclass.prove outputs/RUN size=2GB              does its model serve in 2 GB?
  python -m xclass.prove outputs/RUN size=6GiB method=dense_softmax phase=train
  python -m xclass.prove outputs/RUN minimum=true          the least size in which it serves, to 2 %
  python -m xclass.prove outputs/RUN curve=true            speed with room for 100, 50, 25, 10 % of the model

what is proven
  size=SIZE              2GB and 1500MB count in thousands, 2GiB and 512MiB in 1024s, 1.5e9 in bytes
  method=NAME            a method of the run; may be left out if there is only one
  phase=serve            train | build | serve (loading the model and answering the recorded queries)
  minimum=true           bisect; trials that were made before are taken over
  curve=true             serve a memory-mapped model with room for less and less of it, with fewer queries

how
  cap=auto               cgroup: a control group below the one of this command, version 2 or 1; needs root or
                         a delegated memory controller: systemd-run --user --scope -p Delegate=yes COMMAND
                         rlimit: RLIMIT_DATA, a weaker proof: it counts private memory that was reserved,
                         touched or not, and no pages of files
                         auto: cgroup, or else rlimit with the reason
  timeout_minutes=30     after which a trial is ended and counts as refuted
  max_slowdown=20        minimum: a trial so many times slower than recorded does not work
  queries=512            curve: how many are asked, besides single ones (50, or as many as take 10 seconds)
  check=contents         of the saved model before it is opened: every byte against its seal; sizes: only the
                         files' names and sizes, where reading a huge model takes minutes

what counts: all memory of the process from its first instruction on: imports, page tables, and every page of
the files it reads. Model and data files are evicted from the page cache first, for what is cached already
would be charged to others. Libraries that other programs share stay, and are taken off the cap.

leaves proofs/*.json, one per trial, and proofs/proofs.md in the run's folder.
exit codes: 0 proven; 1 refuted, not proven or failed; 2 the command is wrong; 130 interrupted.
"""

_DEFAULTS = {
    "method": "", "phase": "serve", "size": "", "cap": "auto", "minimum": "false", "curve": "false",
    "timeout_minutes": "30", "max_slowdown": "20", "queries": "512", "check": "contents",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ProveWords:
    """One command, checked."""

    run_dir: Path
    method: str | None
    phase: Phase
    size_bytes: int | None
    size_text: str
    cap: CapChoice
    is_minimum: bool
    is_curve: bool
    timeout_minutes: float
    max_slowdown: float
    queries: int
    check: SealLevel


def parse_words(words: list[str]) -> ProveWords:
    """Read the command line.

    Args:
        words: ``sys.argv[1:]``.

    Raises:
        ConfigError: naming key, value, what is allowed and the remedy.
    """
    folders, values = _split(words)
    if len(folders) != 1:
        raise ConfigError(
            "RUN_FOLDER", " ".join(folders) or "(not given)", allowed="the folder of one run",
            remedy="e.g. python -m xclass.prove outputs/RUN size=2GB",
        )  # fmt: skip
    is_minimum, is_curve = (_switch(name, values[name]) for name in ("minimum", "curve"))
    if bool(values["size"]) + is_minimum + is_curve != 1:
        raise ConfigError(
            "size", values["size"] or "(not given)", allowed="exactly one of size=, minimum=true, curve=true",
            remedy="e.g. size=2GB",
        )  # fmt: skip
    return ProveWords(
        run_dir=Path(folders[0]),
        method=values["method"] or None,
        phase=Phase(_choice("phase", values["phase"], [str(phase) for phase in PROVABLE])),
        size_bytes=_size(values["size"]) if values["size"] else None,
        size_text=values["size"],
        cap=CapChoice(_choice("cap", values["cap"], list(CapChoice))),
        is_minimum=is_minimum,
        is_curve=is_curve,
        timeout_minutes=_number("timeout_minutes", values["timeout_minutes"], 0.01, 43_200),
        max_slowdown=_number("max_slowdown", values["max_slowdown"], 1.0, 1e6),
        queries=int(_number("queries", values["queries"], 10, 1e7)),
        check=SealLevel(_choice("check", values["check"], list(SealLevel))),
    )


def _split(words: list[str]) -> tuple[list[str], dict[str, str]]:
    folders, values = [], dict(_DEFAULTS)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or is_folder(word):
            folders.append(word)
            continue
        key = key.lstrip("+-")
        if key not in values:
            raise ConfigError(key, value, allowed=", ".join(_DEFAULTS), remedy="see --help")
        values[key] = value
    return folders, values


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise ConfigError(
            "size", text, allowed="2GB or 1500MB (thousands), 2GiB or 512MiB (1024s), 1.5e9 (bytes)",
            remedy=f"{error}; try size=2GB",
        ) from None  # fmt: skip


def _switch(key: str, text: str) -> bool:
    return _choice(key, text.lower(), ["true", "false"]) == "true"


def _choice(key: str, text: str, allowed: list[str]) -> str:
    if text not in allowed:
        raise ConfigError(
            key, text, allowed=" or ".join(allowed), remedy=f"{key}={_DEFAULTS[key]} is the default"
        )
    return text


def _number(key: str, text: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise ConfigError(
            key, text, allowed=f"{low:g} to {high:g}", remedy=f"{key}={_DEFAULTS[key]} is the default"
        )
    return number
