"""Kinds of index whole and in shards: peak of building, what is found, time of a query.

    python benchmarks/shards.py                 # 4e5 classes x 64, six runs: about 3 minutes, 1 GB of RAM
    python benchmarks/shards.py --report-only   # the table again from what is there

Of Flat the answers must be those of one index; of the others recall is against Flat.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from children import markdown_table

from xclass.records.store import read_records

_ROOT = Path(__file__).parents[1]
_RECORD = _ROOT / "benchmarks" / "records" / "heads" / "shards"
_KINDS, _SHARDS = ("flat", "sq8", "ivf_sq8"), (1, 8)
_WORDS = (
    "+classes=4e5", "dim=64", "threads=2", "methods=[nearest_neighbour]", "measure.heap_pass=false",
    "keep_models=false", "data.examples_per_class=2", "evaluate.num_queries=500", "evaluate.top_k=10",
)  # fmt: skip


def main() -> None:
    """Run, keep the figures, make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--report-only", action="store_true", help="make the table again")
    _RECORD.mkdir(parents=True, exist_ok=True)
    path = _RECORD / "record.json"
    if not parser.parse_args().report_only:
        path.write_text(json.dumps(_measure(), indent=1) + "\n", encoding="utf-8")
    document = json.loads(path.read_text(encoding="utf-8"))
    (_RECORD / "README.md").write_text(_report(document), encoding="utf-8")
    print(_RECORD / "README.md")


def _measure() -> dict[str, Any]:
    rows, exact = [], None
    for kind in _KINDS:
        for shards in _SHARDS:
            with tempfile.TemporaryDirectory(prefix="shards-") as scratch:
                row, found = _run(kind, shards, Path(scratch) / "run")
            exact = found if exact is None else exact
            hits = (found[:, :, None] == exact[:, None, :]).any(axis=1)
            rows.append(row | {"recall_at_10": float(hits.mean()), "is_equal": bool((found == exact).all())})
    return {"command": " ".join(_WORDS), "rows": rows}


def _run(kind: str, shards: int, folder: Path) -> tuple[dict[str, Any], Any]:
    """Figures of one run, and its answers, shape (Q, 10)."""
    words = (*_WORDS, f"index={kind}", f"index.shards={shards}", f"hydra.run.dir={folder}")
    subprocess.run([sys.executable, "-m", "xclass", *words], cwd=_ROOT, check=True)
    records = {str(record.phase): record for record in read_records(folder)}
    build, serve = records["build"], records["serve"]
    with np.load(folder / "answers" / "nearest_neighbour.npz", allow_pickle=False) as answers:
        found = answers["classes_QK"]
    assert build.memory is not None
    assert serve.memory is not None
    assert build.predicted is not None
    row = {
        "kind": kind,
        "shards": shards,
        "build_over_base_bytes": build.memory.peak_rss_bytes - build.memory.base.rss_bytes,
        "build_predicted_bytes": build.predicted["over_base_bytes"],
        "serve_over_base_bytes": serve.memory.peak_rss_bytes - serve.memory.base.rss_bytes,
        "build_seconds": build.seconds,
        "query_seconds": serve.latencies[0].p50_seconds,
    }
    return row, found


def _report(document: dict[str, Any]) -> str:
    cells = [
        [
            row["kind"],
            str(row["shards"]),
            f"{row['build_over_base_bytes'] / 1e6:.1f}",
            f"{row['build_predicted_bytes'] / 1e6:.1f}",
            f"{row['serve_over_base_bytes'] / 1e6:.1f}",
            f"{100 * row['recall_at_10']:.1f}",
            "yes" if row["is_equal"] else "",
            f"{row['build_seconds']:.1f}",
            f"{1000 * row['query_seconds']:.2f}",
        ]
        for row in document["rows"]
    ]
    headers = [
        "index", "shards", "build MB", "closed form", "serve MB", "recall@10 %", "equal to Flat", "build s",
        "query ms",
    ]  # fmt: skip
    return f"""# Shards of an index

`python benchmarks/shards.py`: `{document["command"]}`. Bytes are peaks over the base, in millions; recall is
against one Flat index. Inverted lists are searched with 16 probes in every shard, so that more shards look at
more and find more. No peak is below the pages of the file of class means that stay resident, 25.2 million
bytes. Shards were built and searched one after the other, by two threads of
one machine: times say what dividing costs, not what several machines gain; other work may have run beside.

{markdown_table(headers, cells)}"""


if __name__ == "__main__":
    main()
