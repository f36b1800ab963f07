"""Predicted, held and measured bytes of every method, index kind and phase: one run of xclass per arm.

    python benchmarks/ledger.py                  # all arms: about half an hour, 3 GB of RAM, 4 GB of disk
    python benchmarks/ledger.py --only hnsw sq8  # these; an arm that has its record is not run again
    python benchmarks/ledger.py --again sq8      # these, whether they have a record or not
    python benchmarks/ledger.py --quick          # all at a tenth of the classes; the record is not touched
    python benchmarks/ledger.py --report-only

Each run goes through the command line as a user's does, so that what is compared is the closed form that the
plan wrote before the run with the kernel's high-water mark of the run. Bytes need no quiet machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import markdown_table

from xclass.records.record import Record
from xclass.records.store import RECORDS_FOLDER
from xclass.sizing.ledger import ExplainedPeak, explain_peak

_ROOT = Path(__file__).parents[1]
_RECORD = _ROOT / "benchmarks" / "records" / "measure" / "ledger"
_LEAN = ("measure.heap_pass=false", "keep_models=false", "budget.minutes=null", "budget.examples=4096")
_FEW = ("data.examples_per_class=1", "evaluate.single_queries=10")
"""Bytes depend on neither."""
_BARS = {"dense_softmax": 0.02, "sampled_softmax": 0.02, "dense_softmax_autograd": 0.02}
_INDEX_BAR = 0.05
_LEAST_EXPLAINED = 0.97


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arm:
    """One run: ``method`` at this size with these words on its command line."""

    method: str
    classes: float = 1e6
    dim: int = 64
    words: tuple[str, ...] = ()
    data: str = "synthetic"

    def command(self, scale: float) -> list[str]:
        """Words of its command line; ``scale`` multiplies the classes."""
        few = _FEW if self.data == "synthetic" else _FEW[1:]
        size = [f"+classes={self.classes * scale:g}"] if self.classes else []
        what = (f"dim={self.dim}", f"data={self.data}", f"methods=[{self.method}]")
        return [*size, *what, *self.words, *few, *_LEAN]


_HEAD = """# The ledger: predicted, held and measured

`python benchmarks/ledger.py`: one run of xclass per arm, its raw records (without timelines) beside
this file.

- **Predicted** is the closed form that the plan wrote into the record before the run: the bytes of all
  components at the worst moment of the phase, over the base. **Held** is what the method's own objects had
  when the phase ended; what is mapped counts with its full length. **Measured** is the kernel's high-water
  mark less the base that was measured in the same process.
- **Ratio** is measured over predicted, **gap** measured less predicted, **explained** is
  `1 - max(0, measured - predicted) / measured`.
- **Bar**: the gap, in either direction, is at most 2 % (softmax heads) or 5 % (indexes) of the measured
  peak over the base, and at least 97 % of that are explained. A phase of which both figures are below
  10 MB is tiny: opening a mapped model touches a header and some pages of code. Its gap is judged against
  the whole peak, with the same bar.

{num_phases} phases of {num_arms} arms, {num_tiny} of them tiny. Least explained of the others:
**{least_explained}**. Missed: {missed}.

"""

_BFLOAT16, _MAPPED = "weights.dtype=bfloat16", "weights.storage=memmap"


def _head(method: str, *words: str, **size: Any) -> _Arm:
    return _Arm(method=method, words=words, **size)


def _index(*words: str, **size: Any) -> _Arm:
    return _Arm(method="nearest_neighbour", words=words, **size)


_OFTEN = "method.sampled_softmax.hard_refresh_steps=4"
"""So that an index is refreshed beside the scratch of a step, as in any long run."""
_LARGE = {"classes": 2e6, "dim": 128}
_LESS_TRAINING = "index.training_points=200000"
"""Less than a minute of k-means; two kinds train on all there is, as is the default."""
_KINDS = (
    "flat", "sq8", "rabitq1", "rabitq2", "rabitq3", "rabitq4", "pq_fast_scan",
    "ivf_flat", "ivf_sq8",
)  # fmt: skip
_TRAINED_KINDS = ("ivf_rabitq4", "ivf_pq", "opq_ivf_pq")
_SLOW_KINDS = ("hnsw_sq8", "hnsw")
_ARMS = {
    "dense": _head("dense_softmax"),
    "dense_random": _head("dense_softmax", "method.dense_softmax.init=random"),
    "dense_bfloat16": _head("dense_softmax", _BFLOAT16),
    "dense_mapped": _head("dense_softmax", _MAPPED),
    "dense_large": _head("dense_softmax", **_LARGE),
    "sampled": _head("sampled_softmax"),
    "sampled_frequency": _head("sampled_softmax", "method.sampled_softmax.sampler=mixed_frequency"),
    "sampled_hard": _head("sampled_softmax", "method.sampled_softmax.num_hard=64", _OFTEN),
    "sampled_bfloat16": _head("sampled_softmax", _BFLOAT16),
    "sampled_mapped": _head("sampled_softmax", _MAPPED),
    "sampled_large": _head("sampled_softmax", **_LARGE),
    "autograd_adam": _head("dense_softmax_autograd", "batch_size=128"),
    "autograd_sgd": _head(
        "dense_softmax_autograd", "batch_size=128", "method.dense_softmax_autograd.optimizer=sgd"
    ),
    **{kind: _index(f"index={kind}") for kind in _KINDS},
    **{kind: _index(f"index={kind}", _LESS_TRAINING) for kind in _TRAINED_KINDS},
    "ivf_flat_less": _index("index=ivf_flat", _LESS_TRAINING),
    "ivf_sq8_less": _index("index=ivf_sq8", _LESS_TRAINING),
    "ivf_pq_l2": _index("index=ivf_pq", _LESS_TRAINING, "method.nearest_neighbour.metric=l2"),
    "sq8_in_memory": _index("index=sq8", "index.means_storage=memory"),
    "ivf_sq8_on_disk": _index("index=ivf_sq8", _LESS_TRAINING, "index.on_disk_lists=true"),
    "rabitq2_rerank": _index("index=rabitq2", "index.rerank=200"),
    "ivf_pq_rerank": _index("index=ivf_pq", _LESS_TRAINING, "index.rerank=200"),
    "pq_fast_scan_rerank": _index("index=pq_fast_scan", "index.rerank=1000"),
    **{
        f"{kind}_large": _index(f"index={kind}", **_LARGE)
        for kind in ("flat", "sq8", "rabitq4", "pq_fast_scan")
    },
    **{f"{kind}_large": _index(f"index={kind}", _LESS_TRAINING, **_LARGE) for kind in ("ivf_sq8", "ivf_pq")},
    **{kind: _index(f"index={kind}") for kind in _SLOW_KINDS},
    "hnsw_large": _index("index=hnsw", "index.factory=HNSW16", classes=1.2e6, dim=128),
    "lemmas_dense": _head("dense_softmax", classes=0, data="lemmas"),
    "lemmas_sampled": _head("sampled_softmax", classes=0, data="lemmas"),
    "lemmas_sq8": _index("index=sq8", classes=0, data="lemmas"),
}


def main() -> None:
    """Run what has no record yet, keep it, make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=_ARMS, default=list(_ARMS), metavar="ARM")
    parser.add_argument("--again", nargs="+", choices=_ARMS, default=[], metavar="ARM")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the classes, into outputs/ledger_quick"
    )
    parser.add_argument("--report-only", action="store_true", help="make the table again from the record")
    arguments = parser.parse_args()
    folder = _ROOT / "outputs" / "ledger_quick" if arguments.quick else _RECORD
    folder.mkdir(parents=True, exist_ok=True)
    names = arguments.again or arguments.only
    if not arguments.report_only:
        for name in names:
            if arguments.again or not (folder / f"{name}.json").exists():
                _run(name, folder, scale=0.1 if arguments.quick else 1.0)
    (folder / "README.md").write_text(_report(folder), encoding="utf-8")
    print(folder / "README.md")


def _run(name: str, folder: Path, *, scale: float) -> None:
    """One arm in a folder of its own; its records are kept without timelines, which are most of their bytes.

    Raises:
        SystemExit: the run failed.
    """
    (_ROOT / "outputs").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_ROOT / "outputs") as scratch:
        command = [sys.executable, "-m", "xclass", *_ARMS[name].command(scale)]
        print(f"{name}: {' '.join(command[1:])}", flush=True)
        done = subprocess.run([*command, f"hydra.run.dir={scratch}/run"], cwd=_ROOT, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: ended with exit code {done.returncode}")
        paths = sorted((Path(scratch) / "run" / RECORDS_FOLDER).glob("*.json"))
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for document in documents:
        del document["timeline"]
    partial = folder / f"{name}.partial"
    partial.write_text(json.dumps(documents, indent=1), encoding="utf-8")
    partial.replace(folder / f"{name}.json")


def _records(folder: Path, name: str) -> list[Record]:
    """Records of the phases of one arm, in order."""
    path = folder / f"{name}.json"
    if not path.exists():
        return []
    documents = json.loads(path.read_text(encoding="utf-8"))
    records = [Record.from_json({"timeline": []} | document, source=str(path)) for document in documents]
    order = ("train", "build", "load", "serve")
    kept = [record for record in records if record.phase in order]
    return sorted(kept, key=lambda record: order.index(record.phase))


def _report(folder: Path) -> str:
    records = [(name, record) for name in _ARMS for record in _records(folder, name)]
    peaks = [(name, record, explain_peak(record)) for name, record in records]
    measured = [(name, record, peak) for name, record, peak in peaks if peak is not None]
    missed = [f"`{name}` {record.phase}" for name, record, peak in measured if not _holds(record, peak)]
    missed += [f"`{name}` {record.phase} ({record.verdict})" for name, record, peak in peaks if peak is None]
    large = [peak.explained_share for _, _, peak in measured if not peak.is_tiny]
    headings = (
        "arm", "index", "classes x dim", "phase", "moment of the predicted peak", "predicted, MB", "held, MB",
        "measured, MB", "ratio", "gap, MB", "gap of the whole peak", "explained", "bar",
    )  # fmt: skip
    rows = [_row(name, record, peak) for name, record, peak in measured]
    return _HEAD.format(
        num_phases=len(measured),
        num_arms=len({name for name, _ in records}),
        num_tiny=len(measured) - len(large),
        least_explained=f"{min(large, default=1.0):.1%}",
        missed=", ".join(missed) or "none",
    ) + markdown_table(headings, rows) + _commands(records)  # fmt: skip


def _row(name: str, record: Record, peak: ExplainedPeak) -> list[str]:
    assert record.predicted is not None
    return [
        f"`{name}`",
        record.config["index"]["factory"] if record.method == "nearest_neighbour" else "-",
        f"{record.classes:.3g} x {record.dim}",
        str(record.phase),
        record.predicted["regime"],
        f"{peak.predicted_bytes / 1e6:,.1f}",
        "-" if peak.held_bytes is None else f"{peak.held_bytes / 1e6:,.1f}",
        f"{peak.measured_bytes / 1e6:,.1f}",
        "-" if peak.ratio is None or peak.is_tiny else f"{peak.ratio:.3f}",
        f"{peak.gap_bytes / 1e6:+,.2f}",
        f"{peak.gap_bytes / peak.peak_bytes:+.1%}",
        "tiny" if peak.is_tiny else f"{peak.explained_share:.1%}",
        f"{_bar(record):.0%} {'held' if _holds(record, peak) else '**missed**'}",
    ]


def _commands(records: list[tuple[str, Record]]) -> str:
    lines = {
        name: " ".join(word for word in record.invocation.split() if not word.startswith("hydra.run.dir="))
        for name, record in records
    }
    machine = records[-1][1].machine if records else {}
    facts = ", ".join(f"{key} {machine[key]}" for key in ("cpu", "kernel", "python") if key in machine)
    listed = "\n".join(f"- `{name}`: `{line}`" for name, line in lines.items())
    return f"\n## Commands\n\n{listed}\n" + (f"\nMachine: {facts}.\n" if facts else "")


def _bar(record: Record) -> float:
    return _BARS.get(record.method, _INDEX_BAR)


def _holds(record: Record, peak: ExplainedPeak) -> bool:
    return peak.is_within(_bar(record)) and (peak.is_tiny or peak.explained_share >= _LEAST_EXPLAINED)


if __name__ == "__main__":
    main()
