"""Serving a model larger than RAM: speed at 100, 50, 25 and 10 % of its mapped bytes, under real caps.

    python benchmarks/serving_curve.py                 # about 20 minutes, 4 GB of RAM, 6 GB of disk, root
    python benchmarks/serving_curve.py --only ivf_sq8  # one arm; the report is made from all that are there
    python benchmarks/serving_curve.py --report-only

Each arm is one run of xclass, whose serve phase ``python -m xclass.prove RUN curve=true`` then repeats under
caps. Models stay in outputs/serving_curve, so that a second call measures only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from xclass.records.proof import PROOFS_FOLDER, Proof, ProofVerdict, read_proofs
from xclass.records.record import Record
from xclass.records.store import write_text
from xclass.report.proof_curve import draw_curves
from xclass.report.proofs import curve_table, curve_text
from xclass.units import format_count, format_decimal_bytes

_ROOT = Path(__file__).parents[1]
_RECORDS = _ROOT / "benchmarks" / "records" / "measure" / "serving_curve"
_SCRATCH = _ROOT / "outputs" / "serving_curve"
_PROBLEM = (
    "+classes=3e6", "dim=128", "data.examples_per_class=1", "measure.heap_pass=false",
    "evaluate.num_queries=1024", "evaluate.single_queries=100",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arm:
    """One way to serve; ``label`` says what of it is mapped."""

    label: str
    words: tuple[str, ...]
    queries: int = 1024
    """Asked in batches before the single ones, which are the first 50 of the same: so many that between them
    and their repetition an index that reads only what it needs has read more than the least room holds."""
    timeout_minutes: float = 3.0

    def limits(self) -> list[str]:
        """Words of the proving command."""
        return [f"queries={self.queries}", f"timeout_minutes={self.timeout_minutes:g}"]


_INDEX = "methods=[nearest_neighbour]"
_ARMS = {
    "dense_softmax": _Arm(
        label="dense_softmax: exact scan of the mapped class vectors",
        words=("methods=[dense_softmax]", "budget.minutes=0"),
        queries=256,
    ),
    "flat": _Arm(
        label="index=flat: exact scan of the mapped index",
        words=(_INDEX, "index=flat"),
        queries=256,
        timeout_minutes=1.2,
    ),
    "ivf_sq8": _Arm(
        label="index.factory=IVF2048,SQ8: 16 of 2,048 mapped lists per query",
        words=(_INDEX, "index.factory=IVF2048,SQ8", "index.num_probes=16", "index.training_points=100000"),
    ),
    "pq_fast_scan_rerank": _Arm(
        label="index=pq_fast_scan index.rerank=200: codes in memory, 200 mapped float16 vectors per query",
        words=(_INDEX, "index=pq_fast_scan", "index.rerank=200"),
    ),
}


_READING = """\
How to read it. An exact scan touches every mapped byte, always in the same order; with less room than
the file the pages that were used longest ago, which the kernel drops, are the next ones needed: nothing
of one scan is left for the next, and every scan reads the whole file. FAISS 1.15 scans once per query
also in a batch, unless queries x dimensions reach 128,000 (`distance_compute_blas_threshold`, faiss
pull request 5022; before, 20 queries), so that a batch of 256 reads the file more than a hundred times
over: in RAM that is bandwidth, on a disk minutes.

Codes that stay in memory, with a second stage over mapped float16 vectors, ask the disk for at most one
page per class that is ranked again, and answer as many queries right as the exact scan. An index of
lists reads the lists it probes, 4 KiB at a time; 16 of 2,048 lists find few of these classes, and more
lists read more.

FAISS maps its files with MADV_RANDOM: the kernel reads 4 KiB per page fault. That is right for single
vectors and many times slower than reading ahead for a scan, as `index=flat` shows beside
`dense_softmax`, whose file numpy maps without advice.

Queries per second include reading cold files: each point began with nothing cached. The single queries
are the first of those asked in batches before, so that with all the room their pages are there.
Accuracies are low because class means were taken from one example each."""


def main() -> None:
    """Run the arms, keep their proofs, make the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=_ARMS, default=list(_ARMS))
    parser.add_argument("--build-only", action="store_true", help="train and build the models, measure later")
    parser.add_argument("--report-only", action="store_true", help="make the report again from the records")
    arguments = parser.parse_args()
    for name in [] if arguments.report_only else arguments.only:
        run_dir = _build(name)
        if not arguments.build_only:
            _measure(name, run_dir)
    if not arguments.build_only:
        _report()
        print(_RECORDS / "README.md")


def _build(name: str) -> Path:
    """The run of an arm, made if it is not there."""
    run_dir = _SCRATCH / name
    if not list(run_dir.glob("answers/*.npz")):  # the last that a run leaves when all went well
        shutil.rmtree(run_dir, ignore_errors=True)
        words = [*_PROBLEM, *_ARMS[name].words, f"hydra.run.dir={run_dir}"]
        subprocess.run([sys.executable, "-m", "xclass", *words], cwd=_ROOT, check=True)
    return run_dir


def _measure(name: str, run_dir: Path) -> None:
    """Its curve, afresh; a point that does not come to an end is a result."""
    shutil.rmtree(run_dir / PROOFS_FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "xclass.prove", str(run_dir), "curve=true", *_ARMS[name].limits()]
    print(f"{name}: {' '.join(command[1:])}", flush=True)
    subprocess.run(command, cwd=_ROOT, check=False)
    kept = _RECORDS / name
    shutil.rmtree(kept, ignore_errors=True)
    (kept / PROOFS_FOLDER).mkdir(parents=True)
    for path in (run_dir / PROOFS_FOLDER).glob("*.json"):
        shutil.copy(path, kept / PROOFS_FOLDER)
    (serve,) = (run_dir / "records").glob("*-serve-rss.json")
    shutil.copy(serve, kept / "serve.json")


def _curve(name: str) -> list[Proof]:
    return [proof for proof in read_proofs(_RECORDS / name) if proof.file_share is not None]


def _serve(name: str) -> Record:
    path = _RECORDS / name / "serve.json"
    return Record.from_json(json.loads(path.read_text(encoding="utf-8")), source=str(path))


def _report() -> None:
    curves = {name: curve for name in _ARMS if (curve := _curve(name))}
    some = next(iter(curves.values()))[0]
    size = f"{format_count(some.classes)} classes x {some.dim}"
    figure = draw_curves(
        f"Serving with less RAM than the model: {size}",
        "labels: room for that share of the mapped files; cross: did not come to an end in the time given",
        {f"{_ARMS[name].label}; {_right(name)}": curve for name, curve in curves.items()},
    )
    write_text(_RECORDS / "curve.svg", figure)
    parts = [
        f"# Serving with less RAM than the model: {size}",
        "`python benchmarks/serving_curve.py`; every point is a fresh process under a control group of the "
        f"kernel, its raw proof beside this file. {curve_text([some]).partition(' Shortened')[0]}",
        "![curve](curve.svg)",
        _READING,
    ]
    for name, curve in curves.items():
        facts = (
            f"{_facts(name, curve)} Asked: {_ARMS[name].queries} queries in batches of 256, then 50 singly."
        )
        parts += [f"## {_ARMS[name].label}", facts, curve_table(curve)]
    parts.append(_machine(some))
    write_text(_RECORDS / "README.md", "\n\n".join(parts) + "\n")


def _right(name: str) -> str:
    accuracy = _serve(name).accuracy
    return "-" if accuracy is None else f"{accuracy.at_1:.1%} of {accuracy.num_queries:,} queries right"


def _facts(name: str, curve: list[Proof]) -> str:
    """Size of the mapped files, accuracy, and how the reads grow."""
    serve = _serve(name)
    held = {part: num_bytes for part, num_bytes in (serve.held or {}).items() if part.endswith("(mapped)")}
    mapped_bytes = sum(held.values())
    text = f"Mapped: {', '.join(f'{part} {format_decimal_bytes(size)}' for part, size in held.items())}."
    text += f" Accuracy: {_right(name)} (recorded serve phase, in serve.json)."
    for proof in sorted(curve, key=lambda proof: proof.size_bytes):
        if proof.verdict is ProofVerdict.PROVEN and proof.read_bytes is not None:
            times = proof.read_bytes / mapped_bytes
            rate = proof.read_bytes / (proof.seconds or 1.0)
            text += f" With the least room in which it came to an end it read {times:.1f} times the files' "
            text += f"bytes, {format_decimal_bytes(rate)} a second."
            break
    return text


def _machine(proof: Proof) -> str:
    facts = proof.machine
    return (
        f"Machine: {facts['processor']}, {facts['num_cpus']} CPUs, "
        f"{format_decimal_bytes(facts['ram_bytes'])}, Linux {facts['kernel']}; {proof.cap_kind}; "
        f"load average at the start {facts['load_average'][0]:.2f}; {proof.started_at}; "
        f"commit {facts['git_commit']}."
    )


if __name__ == "__main__":
    main()
