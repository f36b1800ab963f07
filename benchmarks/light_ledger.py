"""Predicted and measured bytes of the light methods, data set by data set: one run of xclass for each.

    python benchmarks/light_ledger.py --samples FOLDER   # runs what has no record; about ten minutes, 1 GB
    python benchmarks/light_ledger.py --samples FOLDER --again names
    python benchmarks/light_ledger.py                    # the table again, from the records

FOLDER holds what benchmarks/rivals_data.py and rivals_mulan.py export. Bytes need no quiet machine.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from children import markdown_table

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.records.record import Record
from xclass.records.store import read_records
from xclass.sizing.ledger import explain_peak

_ROOT = Path(__file__).parents[1]
_RECORDS = _ROOT / "benchmarks" / "records" / "light_methods"
_METHODS = (
    "prior", "sparse_means", "knn", "adaptive_softmax", "hierarchical_softmax", "mach", "frozen_vectors",
)  # fmt: skip
_LEAN = (
    "measure.heap_pass=false", "keep_models=false", "threads=1", "budget.minutes=null",
    "budget.examples=16384", "evaluate.single_queries=10",
)  # fmt: skip
_FILES = {
    "bibtex": "xmc", "delicious": "xmc", "lemmas_1e4": "text", "lemmas_1e5": "text",
}  # fmt: skip
_SETS = ("names", "lemmas_skewed", *_FILES, "synthetic")
_BAR, _LIBRARY_BAR = 0.10, 0.25
_LIBRARIES = ("sklearn", "lightgbm", "omikuji", "napkinxc")

_HEAD = """# The ledger of the light methods

`python benchmarks/light_ledger.py`: predicted is the closed form that the plan wrote into the record before
the run, measured the kernel's high-water mark, both over the base. The bar is {bar:.0%} of the measured, for
methods of a library {library_bar:.0%}; where both figures are below 10 MB the gap is judged against the whole
peak. Every phase that misses it is named here.

{num_phases} phases, {num_missed} of them missed: {missed}.

`names` are 20 000 classes of 40 names of five words, rows in random order; `lemmas_skewed` the 30 000 most
frequent lemmas, of 69 to 11 323 forms.

"""


def main() -> None:
    """Run what has no record yet, keep it, make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=Path, help="run: the folder of the exported samples")
    parser.add_argument("--again", nargs="+", choices=_SETS, default=[], metavar="SET")
    arguments = parser.parse_args()
    for name in _SETS if arguments.samples else ():
        if name in arguments.again or not (_RECORDS / name).exists():
            _run(name, arguments.samples)
    (_RECORDS / "README.md").write_text(_report(), encoding="utf-8")
    print(_RECORDS / "README.md")


def _run(name: str, samples: Path) -> None:
    """One set; its records go through scripts/keep_record.py."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        words = _words(name, samples, Path(scratch))
        command = [sys.executable, "-m", "xclass", *words, *_LEAN, f"hydra.run.dir={scratch}/run"]
        print(f"{name}: {' '.join(command[1:])}", flush=True)
        if subprocess.run(command, cwd=_ROOT, check=False).returncode:
            raise SystemExit(f"{name}: failed")
        keep = [sys.executable, "scripts/keep_record.py", f"{scratch}/run", f"light_methods/{name}"]
        subprocess.run(keep, cwd=_ROOT, check=True)


def _words(name: str, samples: Path, scratch: Path) -> list[str]:
    all_methods = f"methods=[{','.join(_METHODS)}]"
    if name == "synthetic":
        return ["data=synthetic", "classes=2e4", "data.examples_per_class=2", all_methods]
    if name == "lemmas_skewed":
        return ["data=lemmas", "classes=3e4", "methods=[prior,sparse_means]"]
    if name == "names":
        _write_names(scratch)
        return [
            "data=text",
            f"path={scratch}/train.tsv",
            f"test={scratch}/test.tsv",
            "methods=[sparse_means]",
        ]
    kind = _FILES[name]
    ending = "tsv" if kind == "text" else "txt"
    files = [
        f"{side}={samples}/{name}/{file}.{ending}" for side, file in (("path", "train"), ("test", "test"))
    ]
    column = ["data.text_column=tagged"] if kind == "text" else []
    return [f"data={kind}", *files, *column, all_methods]


def _write_names(folder: Path) -> None:
    """Each class has eight words of its own, three of which a name has, and two that any may have."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvw", k=draw.randint(3, 8))) for _ in range(50_000)]
    rows = []
    for class_ in range(20_000):
        own = draw.choices(words, k=8)
        for _ in range(41):
            name = draw.choices(own, k=3) + [words[int(50_000 * draw.random() ** 4)] for _ in range(2)]
            rows.append(f"{' '.join(name)}\t{class_}\n")
    test = rows[::41]
    del rows[::41]
    draw.shuffle(rows)
    for side, kept in (("train", rows), ("test", test)):
        (folder / f"{side}.tsv").write_text("".join(["text\tclass\n", *kept]), encoding="utf-8")


def _report() -> str:
    rows, missed = [], []
    for name in _SETS:
        for record in read_records(_RECORDS / name) if (_RECORDS / name).exists() else ():
            row = _row(name, record)
            if row is not None:
                rows.append(row)
                if row[-1] != "held":
                    missed.append(f"{name} `{record.method}` {record.phase}")
    headings = ("data", "method", "phase", "predicted, MB", "measured, MB", "measured / predicted", "bar")
    return _HEAD.format(
        bar=_BAR,
        library_bar=_LIBRARY_BAR,
        num_phases=len(rows),
        num_missed=len(missed),
        missed=", ".join(missed) or "none",
    ) + markdown_table(headings, rows)  # fmt: skip


def _row(name: str, record: Record) -> list[str] | None:
    peak = explain_peak(record)
    if peak is None or record.method not in METHOD_CONFIGS:
        return None
    bar = _LIBRARY_BAR if METHOD_CONFIGS[record.method].engine in _LIBRARIES else _BAR
    return [
        name,
        f"`{record.method}`",
        str(record.phase),
        f"{peak.predicted_bytes / 1e6:,.1f}",
        f"{peak.measured_bytes / 1e6:,.1f}",
        "tiny" if peak.is_tiny or peak.ratio is None else f"{peak.ratio:.2f}",
        "held" if peak.is_within(bar) else "**missed**",
    ]


if __name__ == "__main__":
    main()
