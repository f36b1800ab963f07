"""What the heads hold at the limit of a 24 GB machine: one run of xclass per line of the table.

    python benchmarks/limits.py                     # all runs: about 25 minutes, 16 GB of RAM, 14 GB of disk
    python benchmarks/limits.py --only sampled_1e8  # one run; the table is made again from all that are there
    python benchmarks/limits.py --report-only

Under a cap a run lives in a control group of the kernel's memory controller, which needs root. Bytes are the
kernel's high-water mark over the base.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import markdown_table

from xclass.measure.caps import CapChoice, memory_cap
from xclass.units import GIB

_ROOT = Path(__file__).parents[1]
_RECORDS = _ROOT / "benchmarks" / "records" / "heads" / "limits"
_LEAN = ("measure.heap_pass=false", "keep_models=false")
_FEW_QUERIES = ("evaluate.num_queries=200", "evaluate.single_queries=5", "evaluate.batch_size=200")
_FEW_EXAMPLES = ("data.examples_per_class=1", *_FEW_QUERIES)
"""Bytes depend on neither."""
_RANDOM = "method.sampled_softmax.init=random"
_BFLOAT16 = "weights.dtype=bfloat16"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """One run.

    Attributes:
        words: of its command line.
        cap_gib: of the control group it runs in; None: no cap.
        bar: what the peak over the base of the train or build phase must not exceed, per byte of class
            vectors or index, per parameter, or in all.
        unit: ``x bytes`` (ratio), ``parameter`` (bytes) or ``GB``.
    """

    words: tuple[str, ...]
    bar: float | None
    unit: str
    cap_gib: float | None = None


def _dense(dim: int, *words: str) -> tuple[str, ...]:
    return ("+classes=5e6", f"dim={dim}", "methods=[dense_softmax]", *words, *_FEW_EXAMPLES, *_LEAN)


def _sampled(classes: str, *words: str) -> tuple[str, ...]:
    chosen = (_RANDOM, f"budget.minutes={2 if classes == '1e8' else 1}")
    return (f"+classes={classes}", "methods=[sampled_softmax]", *chosen, *words, *_FEW_QUERIES, *_LEAN)


def _index(dim: int, *words: str) -> tuple[str, ...]:
    return ("+classes=5e6", f"dim={dim}", "methods=[nearest_neighbour]", *words, *_FEW_EXAMPLES, *_LEAN)


_MAPPED = ("weights.storage=memmap",)
_CASES = {
    "dense_5e6_64": _Case(words=_dense(64), bar=1.10, unit="x bytes"),
    "dense_5e6_128": _Case(words=_dense(128), bar=1.10, unit="x bytes"),
    "dense_5e6_64_bfloat16": _Case(words=_dense(64, _BFLOAT16), bar=2.3, unit="parameter"),
    "dense_5e6_128_bfloat16": _Case(words=_dense(128, _BFLOAT16), bar=2.3, unit="parameter"),
    "dense_5e6_128_kahan": _Case(
        words=_dense(128, _BFLOAT16, "weights.kahan_share=0.0625"), bar=2.3, unit="parameter"
    ),
    "index_5e6_64_flat": _Case(words=_index(64, "index=flat"), bar=1.05, unit="x bytes"),
    "index_5e6_128_flat": _Case(words=_index(128, "index=flat"), bar=1.05, unit="x bytes"),
    "index_5e6_64_sq8": _Case(words=_index(64, "index=sq8"), bar=1.05, unit="x bytes"),
    "index_5e6_128_sq8": _Case(words=_index(128, "index=sq8"), bar=1.05, unit="x bytes"),
    "sampled_1e8": _Case(words=_sampled("1e8", _BFLOAT16), bar=15.0, unit="GB"),
    "sampled_5e7": _Case(words=_sampled("5e7"), bar=None, unit="GB"),
    "sampled_5e7_mapped": _Case(words=_sampled("5e7", *_MAPPED), bar=None, unit="GB"),
    "sampled_5e7_mapped_6gib": _Case(words=_sampled("5e7", *_MAPPED), bar=6.0, unit="GB", cap_gib=5.5),
}


def main() -> None:
    """Run, keep the records, make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=_CASES, default=list(_CASES))
    parser.add_argument("--report-only", action="store_true", help="make the table again from the records")
    arguments = parser.parse_args()
    failed = [] if arguments.report_only else [name for name in arguments.only if not _run(name)]
    (_RECORDS / "README.md").write_text(_report(), encoding="utf-8")
    print(_RECORDS / "README.md")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _run(name: str) -> bool:
    """One case in a folder of its own; its records are kept whether it ended well or not."""
    case = _CASES[name]
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_ROOT / "outputs") as scratch:
        command = [sys.executable, "-m", "xclass", *case.words, f"hydra.run.dir={scratch}/run"]
        print(f"{name}: {' '.join(command[1:])}", flush=True)
        done = _run_capped(command, case.cap_gib)
        shutil.rmtree(_RECORDS / name, ignore_errors=True)
        shutil.copytree(Path(scratch) / "run" / "records", _RECORDS / name)
    return done.returncode == 0


def _run_capped(command: list[str], gib: float | None) -> subprocess.CompletedProcess[bytes]:
    """Under a control group's cap, which counts pages of files too; None: without."""
    if gib is None:
        return subprocess.run(command, cwd=_ROOT, check=False)
    with memory_cap(int(gib * GIB), CapChoice.cgroup) as cap:
        return subprocess.run([*cap.prefix, *command], cwd=_ROOT, check=False)


def _rows(name: str) -> dict[str, dict[str, Any]]:
    """Records of one case by phase."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (_RECORDS / name).glob("*.json")]
    return {document["phase"]: document for document in documents if document["method"] != "synthetic"}


def _invocation(name: str) -> str | None:
    """The command of a record, as it was typed."""
    for phase, record in _rows(name).items():
        if phase in ("train", "build"):
            words = record["invocation"].split()
            return " ".join(word for word in words if not word.startswith("hydra.run.dir="))
    return None


def _report() -> str:
    rows = [_row(name, case) for name, case in _CASES.items() if (_RECORDS / name).is_dir()]
    headings = (
        "run", "peak over base, GB", "per byte of vectors or index", "bytes per parameter", "bar", "cap, GiB",
        "steps", "steps/s", "serve: of the peak anonymous, MB", "right, of queries",
    )  # fmt: skip
    commands = "\n".join(
        f"- `{name}`: `{invocation}`" for name in _CASES if (invocation := _invocation(name)) is not None
    )
    return (
        "# What the heads hold at the limit of the machine\n\n"
        "`python benchmarks/limits.py`: one run per line, its raw records beside this file. The peak is of\n"
        "the train or build phase, by the kernel's high-water mark; what is mapped counts while resident.\n"
        "Steps per second exclude the start of the class vectors and saving. Quality comes from the exact\n"
        "top-k over all classes, on this synthetic data whose best possible classifier is right 95 % of the\n"
        "time; sampled runs start from random vectors and have a minute or two.\n\n"
        + markdown_table(headings, rows)
        + f"\n{commands}\n"
    )


def _why_not(serve: dict[str, Any] | None) -> str:
    return "-" if serve is None else f"serve: {serve['cause']}"


def _row(name: str, case: _Case) -> list[str]:
    phases = _rows(name)
    train, serve = phases.get("train") or phases["build"], phases.get("serve")
    if train["verdict"] != "measured":
        return [f"`{name}`", train["verdict"], *[""] * 8]
    dim = train["config"]["dim"]
    value_bytes = 2 if train["config"]["weights"]["dtype"] == "bfloat16" else 4
    parameters = train["classes"] * dim
    peak = train["memory"]["peak_rss_bytes"] - train["memory"]["base"]["rss_bytes"]
    details = train["details"]
    is_trained = train["phase"] == "train"
    model_bytes = value_bytes * parameters if is_trained else sum(train["held"].values())
    rate = ["-", "-"]
    if is_trained:
        step_seconds = train["seconds"] - details["init_seconds"] - details["save_seconds"]
        rate = [f"{details['steps']:,}", f"{details['steps'] / step_seconds:.2f}"]
    is_served = serve is not None and serve["verdict"] == "measured"
    accuracy = serve["accuracy"] if is_served else None
    return [
        f"`{name}`",
        f"**{peak / 1e9:.3f}**",
        f"{peak / model_bytes:.3f}",
        f"{peak / parameters:.3f}",
        "-" if case.bar is None else f"{case.bar:g} {case.unit}",
        "-" if case.cap_gib is None else f"{case.cap_gib:g}",
        *rate,
        f"{serve['memory']['peak_anon_bytes'] / 1e6:,.0f}" if is_served else "-",
        f"{accuracy['at_1']:.2%} of {accuracy['num_queries']:,}" if accuracy else _why_not(serve),
    ]


if __name__ == "__main__":
    main()
