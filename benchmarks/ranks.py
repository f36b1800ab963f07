"""A head in 1, 2 and 4 ranks on one machine: time of a step, peak of each rank, bytes between them.

``python benchmarks/ranks.py`` (5 minutes on 2 quiet cores) writes ``records/ranks``: strong scaling (the same
classes on more ranks) and weak scaling (as many classes on each rank). All ranks share the cores and the
memory bus of one machine, so that no time here can fall below that of one process: what is measured is what
dividing costs, and what each rank takes. Every arm is a run of ``python -m xclass``; its records are read.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from children import keep_report, markdown_table, spread, write_document

from xclass.units import format_bytes, format_count, format_seconds

RECORD = Path(__file__).parent / "records" / "ranks"
STEPS = {"dense_softmax": 6, "sampled_softmax": 300}
BATCH, DIM = 512, 64
STRONG_CLASSES, WEAK_CLASSES = 400_000, 200_000
RANKS = (1, 2, 4)


def main() -> None:
    """Run every arm once in each round, then write record and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--report-only", action="store_true", help="make the report again from the record")
    arguments = parser.parse_args()
    if not arguments.report_only:
        runs = [
            _run(method, ranks, classes, arguments.threads)
            for number in range(arguments.rounds)
            for method in STEPS
            for ranks, classes in _sizes()[:: -1 if number % 2 else 1]  # what drifts falls on all alike
        ]
        write_document(arguments.out / "record.json", {"threads": arguments.threads, "runs": runs})
    keep_report(arguments.out, _render)


def _sizes() -> list[tuple[int, int]]:
    strong = [(ranks, STRONG_CLASSES) for ranks in RANKS]
    weak = [(ranks, WEAK_CLASSES * ranks) for ranks in RANKS]
    return list(dict.fromkeys(strong + weak))


def _run(method: str, ranks: int, classes: int, threads: int) -> dict[str, Any]:
    """One run of the command; what its train record says."""
    folder = Path(tempfile.mkdtemp(prefix="ranks-"))
    words = [
        f"+classes={classes}", f"ranks={ranks}", f"methods=[{method}]", f"dim={DIM}", f"batch_size={BATCH}",
        f"threads={threads}", f"method.{method}.init=random", "measure.heap_pass=false", "keep_models=false",
        "budget.minutes=null", f"budget.examples={BATCH * STEPS[method]}", "evaluate.num_queries=64",
        "evaluate.single_queries=1", f"hydra.run.dir={folder}",
    ]  # fmt: skip
    command = [sys.executable, "-m", "xclass", *words]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
        record = json.loads((folder / "records" / f"{method}-train-rss.json").read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder)
    marks = {name: seconds for seconds, name in record["marks"]}
    details = record["details"]
    alone = {"memory": record["memory"], "held": record["held"], "num_classes": classes}
    return {
        "method": method,
        "ranks": ranks,
        "classes": classes,
        "step_seconds": (marks["saving"] - marks["steps"]) / details["steps"],
        "step_traffic_bytes": details.get("traffic_bytes", 0) / details["steps"],
        "predicted_step_traffic_bytes": details.get("predicted_step_traffic_bytes", 0),
        "agent_bytes": details.get("rank_agent_peak_bytes", 0),
        "together_bytes": record["memory"]["peak_tree_bytes"],
        "predicted": record["predicted"],
        "of_each": [_taken(rank) for rank in record["ranks"] or [alone]],
    }


def _taken(rank: dict[str, Any]) -> dict[str, int]:
    memory = rank["memory"]
    return {
        "num_classes": rank["num_classes"],
        "base_bytes": memory["base"]["rss_bytes"],
        "peak_bytes": memory["peak_rss_bytes"],
        "over_base_bytes": memory["peak_rss_bytes"] - memory["base"]["rss_bytes"],
        "held_bytes": sum(rank["held"].values()),
    }


def _render(document: dict[str, Any]) -> str:
    machine = document["machine"]
    parts = [
        "# Heads in several ranks on one machine",
        f"`{document['command']}`, {document['date']}, {machine.get('processor', 'CPU')}, "
        f"{document['threads']} threads shared by all ranks of a run (at least one each), {DIM} dimensions, "
        f"batches of {BATCH}, float32, medians of {len(document['runs']) // len(_arms(document))} rounds.",
        "All ranks run on the cores and the memory bus of this one machine and talk over loopback; one rank "
        "has all threads already, so that dividing can only cost. What this can show: what dividing costs, "
        "the bytes of a rank and those between ranks, none of which depend on where the others run. What it "
        "cannot: that more machines are faster, or what a network costs. A strong figure below 1.00 says "
        "that other work ran beside the arm of one rank, no more.",
        "## Time of a step",
        _times(document),
        "strong: the same classes on more ranks, against one. weak: as many classes on each rank; the work "
        "of the machine grows with the ranks, so that R means no loss.",
        "## Memory and traffic",
        _bytes(document),
        "peak - base and closed form are of the rank with the most. Counted by the ranks as they exchange: "
        "bytes of all of them together, without the framing of the network "
        "(`tests/classifiers/test_sharded_heads.py` holds them to the kernel's count).",
    ]
    return "\n\n".join(parts) + "\n"


def _arms(document: dict[str, Any]) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
    arms: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for run in document["runs"]:
        arms.setdefault((run["method"], run["classes"], run["ranks"]), []).append(run)
    return dict(sorted(arms.items()))


def _times(document: dict[str, Any]) -> str:
    arms = _arms(document)
    rows = []
    for (method, classes, ranks), runs in arms.items():
        seconds = spread([run["step_seconds"] for run in runs])
        ends = f"{format_seconds(seconds['least'])} to {format_seconds(seconds['most'])}"
        cells = [_against(arms, (method, classes, 1), runs), _against(arms, (method, WEAK_CLASSES, 1), runs)]
        is_weak = classes == WEAK_CLASSES * ranks
        row = [method, format_count(classes), str(ranks), format_seconds(seconds["median"]), ends]
        rows.append([*row, cells[0], cells[1] if is_weak else "-"])
    headings = ["head", "classes", "ranks", "step, median", "least to most", "strong: times one rank"]
    return markdown_table([*headings, "weak: times one rank with its share"], rows)


def _against(arms: dict[Any, Any], one: tuple[str, int, int], runs: list[dict[str, Any]]) -> str:
    if one not in arms:
        return "-"
    pairs = zip(runs, arms[one], strict=True)
    return f"{median(run['step_seconds'] / alone['step_seconds'] for run, alone in pairs):.2f}"


def _bytes(document: dict[str, Any]) -> str:
    rows = []
    for (method, classes, ranks), runs in _arms(document).items():
        run = runs[0]
        most = max(run["of_each"], key=lambda one: one["over_base_bytes"])
        form = run["predicted"]["over_base_bytes"]
        peaks = sum(one["peak_bytes"] for one in run["of_each"])
        together = run["together_bytes"]
        traffic, predicted = run["step_traffic_bytes"], run["predicted_step_traffic_bytes"]
        row = [method, format_count(classes), str(ranks), format_bytes(most["held_bytes"])]
        row += [format_bytes(most["over_base_bytes"]), format_bytes(form)]
        row += [f"{most['over_base_bytes'] / form:.3f}", format_bytes(peaks), format_bytes(together)]
        rows.append([*row, format_count(round(traffic)), format_count(predicted)])
    headings = ["head", "classes", "ranks", "held by a rank", "peak - base", "closed form", "ratio"]
    headings += ["sum of peaks", "all and their agent, shared pages once"]
    headings += ["bytes a step, counted", "closed form"]
    return markdown_table(headings, rows)


if __name__ == "__main__":
    main()
