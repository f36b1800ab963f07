"""Rows of xclass for ``rivals.py``: command lines as a user types them, and what their records say.

A row is one run; what it answers with is the last of its methods. Training RAM and seconds are those of all
its ``train`` and ``build`` phases, the largest and the sum: class vectors that another method lends were
trained too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_QUERIES = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """What a row is called in the table, and the words of its command line."""

    what: str
    words: tuple[str, ...]


_DENSE = "experiment=dense_text"
_METHODS = {
    "xclass_sparse_means": Row("sparse class means, 2- to 4-grams", ("methods=[sparse_means]",)),
    "xclass_sparse_means_5": Row(
        "sparse class means, 2- to 5-grams", ("methods=[sparse_means]", "bag.max_n=5")
    ),
    "xclass_knn": Row("10 nearest examples, sparse", ("methods=[knn]",)),
    "xclass_linear_svm": Row("LinearSVC class by class, pruned", ("methods=[linear_svm]",)),
    "xclass_dense_means": Row(
        "dense class means, 256 dimensions, no training",
        (_DENSE, "methods=[nearest_neighbour]", "index=flat", "index.vectors=means"),
    ),
    "xclass_dense": Row("dense vectors, trained, 256 float32", (_DENSE, "methods=[sampled_softmax]")),
    "xclass_dense_sq8": Row("dense vectors, trained, 256 bytes (SQ8)", (_DENSE, "index=sq8")),
    "xclass_dense_pq": Row(
        "dense vectors, trained, product codes, 200 reranked",
        (_DENSE, "index=pq_fast_scan", "index.rerank=200"),
    ),
}
_ROWS_OF_FEATURES = ("xclass_sparse_means", "xclass_knn", "xclass_linear_svm")
_CHOSEN_ELSEWHERE = (
    "xclass_sparse_means", "xclass_sparse_means_5", "xclass_knn", "xclass_dense", "xclass_dense_sq8",
    "xclass_dense_pq",
)  # fmt: skip
_SIZES = {
    "1e4": tuple(_METHODS),
    "1e5": tuple(_METHODS),
    "1e5_fresh": _CHOSEN_ELSEWHERE,
    "1e6": tuple(name for name in _METHODS if name != "xclass_linear_svm"),
    "all": ("xclass_sparse_means", "xclass_dense_means"),
    "bibtex": _ROWS_OF_FEATURES,
    "delicious": _ROWS_OF_FEATURES,
}
XCLASS_ROWS = {f"{size}/{name}": _METHODS[name] for size, names in _SIZES.items() for name in names}


def measure_xclass(name: str, sample: Path, *, threads: int) -> dict[str, Any]:
    """Run one row.

    Args:
        name: of :data:`XCLASS_ROWS`.
        sample: folder with ``train.tsv`` and ``test.tsv``, or of sparse rows ``train.txt`` and ``test.txt``.
        threads: of every child.
    """
    row = XCLASS_ROWS[name]
    (_ROOT / "outputs").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rivals-", dir=_ROOT / "outputs") as scratch:
        words = [
            *_data_words(sample), *row.words, f"threads={threads}", f"evaluate.num_queries={_QUERIES}",
            "measure.heap_pass=false", "measure.timeout_minutes=15",
        ]  # fmt: skip
        command = [sys.executable, "-m", "xclass", *words, f"hydra.run.dir={scratch}/run"]
        done = subprocess.run(command, cwd=_ROOT, check=False, stdout=subprocess.DEVNULL)
        facts = {"what": row.what, "words": words}
        if done.returncode:
            return facts | {"failed": f"exit code {done.returncode}"}
        return facts | _read(Path(scratch) / "run")


def _data_words(sample: Path) -> list[str]:
    is_text = (sample / "train.tsv").exists()
    kind, ending = ("text", "tsv") if is_text else ("xmc", "txt")
    files = [f"data.path={sample}/train.{ending}", f"data.test_path={sample}/test.{ending}"]
    return [f"data={kind}", *files, *(["data.text_column=tagged"] if is_text else [])]


def _read(run: Path) -> dict[str, Any]:
    rows = json.loads((run / "summary.json").read_text(encoding="utf-8"))["rows"]
    failed = [row for row in rows if row["verdict"] != "measured"]
    if failed:
        return {"failed": "; ".join(f"{row['method']} {row['phase']}: {row['cause']}" for row in failed)}
    fits = [row for row in rows if row["phase"] in ("train", "build")]
    load, serve = ([row for row in rows if row["phase"] == phase][-1] for phase in ("load", "serve"))
    (prepare,) = (row for row in rows if row["phase"] == "prepare")
    model = run / "models" / serve["method"]
    return {
        "prepare": {key: prepare[key] for key in ("seconds", "peak_rss_bytes")},
        "train": {
            "seconds": sum(row["seconds"] for row in fits),
            "peak_rss_bytes": max(row["peak_rss_bytes"] for row in fits),
            "base_rss_bytes": max(row["base_rss_bytes"] for row in fits),
            "model_bytes": sum(path.stat().st_size for path in model.rglob("*") if path.is_file()),
        },
        "serve": {
            "load_rss_bytes": load["peak_rss_bytes"],
            "peak_rss_bytes": serve["peak_rss_bytes"],
            "single_median_seconds": serve["latency_p50_seconds"],
            "seconds_per_query": 1 / serve["queries_per_second"],
        },
        "metrics": _metrics(run, serve),
    }


def _metrics(run: Path, serve: dict[str, Any]) -> dict[str, Any]:
    """Precision at 1, 3 and 5 of the serve phase."""
    (path,) = (run / "records").glob(f"*{serve['method']}*serve*.json")
    metrics: dict[str, Any] = {"num_queries": serve["num_queries"]}
    for metric in json.loads(path.read_text(encoding="utf-8"))["metrics"]:
        if metric["name"] == "precision" and metric["k"] in (1, 3, 5):
            metrics[f"P@{metric['k']}"] = {key: metric[key] for key in ("value", "low", "high")}
    return metrics
