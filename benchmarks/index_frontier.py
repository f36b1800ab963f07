"""Recall, bytes and queries/s of every index choice at 5e6 classes, and our overhead over bare faiss.

    python benchmarks/index_frontier.py             # 5e6 x 128; data once 4, then about 45 minutes, 8 GB
    python benchmarks/index_frontier.py --classes 2e5 --out /tmp/try      # a trial of three minutes
    python benchmarks/index_frontier.py --only SQ8 HNSW overhead   # measures these again, keeps the rest
    python benchmarks/index_frontier.py --report-only

Every index is built by the nearest-neighbour classifier in a fresh child, and every point of the frontier
is served by its server in a fresh child: what is resident there belongs to that index at that setting. The
record is written after each index, and what it holds is not measured again: a run that was cut off goes on.

The second table runs the same work as a script of plain faiss, in pairs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from children import parse_arguments, run_child, write_document
from frontier_choices import CHOICES, Choice

_RECORD = Path(__file__).parent / "records" / "heads" / "index_frontier"
_MOST_CLASSES = {"lemmas": 3_027_563}
"""Of a vector set that has no more."""
_OVERHEAD = ("Flat", "SQ8", "IVF1024,SQ8")
_ARMS = ("bare", "memory", "file")
"""The bare script, and ours with ``index.means_storage`` of that name."""
_OVERHEAD_DIM, _OVERHEAD_PROBES = 64, 16


def main() -> None:
    """Measure what the record lacks and write record, tables and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--classes", type=float, default=5e6)
    parser.add_argument("--overhead-classes", type=float, default=1e6)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of builds of the overhead table")
    parser.add_argument("--work", type=Path, default=Path("/tmp/index_frontier"), help="scratch")
    parser.add_argument("--only", nargs="+", help="kinds (or overhead) to measure, again if need be")
    arguments = parse_arguments(parser, record=_RECORD, child=_child)
    if not arguments.report_only:
        _measure(arguments)
    from frontier_report import write_report

    print(write_report(arguments.out))


def _child(spec: dict[str, Any]) -> dict[str, Any]:
    import bare_faiss
    import frontier_arms
    import frontier_data

    if spec["task"] == "prepare":
        made = frontier_data.prepare_set(
            Path(spec["work"]), spec["data"], num_classes=spec["classes"], dim=spec["dim"],
            num_queries=spec["queries"],
        )  # fmt: skip
        return made.facts()
    tasks = {
        "build": frontier_arms.build,
        "serve": frontier_arms.serve,
        "overhead build": bare_faiss.build_arm,
        "overhead search": bare_faiss.search_pairs,
    }
    return tasks[spec["task"]](spec)


class _Record:
    """The record as far as it is measured."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._path = arguments.out / "record.json"
        self.document: dict[str, Any] = {"sets": {}, "overhead": {}}
        if self._path.exists():
            self.document = json.loads(self._path.read_text(encoding="utf-8"))
        self.document |= {"dim": arguments.dim, "threads": arguments.threads}
        self._only = arguments.only

    def wants(self, name: str, place: dict[str, Any], key: str) -> bool:
        """Measured when asked for by name, or when nothing is asked for and it is not there."""
        return name in self._only if self._only else key not in place

    def keep(self, place: dict[str, Any], key: str, result: dict[str, Any]) -> None:
        """Take a result and write the file."""
        place[key] = result | {"date": datetime.now(UTC).isoformat(timespec="seconds")}
        write_document(self._path, self.document)


def _measure(arguments: argparse.Namespace) -> None:
    """Choice by choice over all sets: a graph, which takes the longest, comes last."""
    record = _Record(arguments)
    overhead = record.document["overhead"]
    for factory in _OVERHEAD:
        if record.wants("overhead", overhead, factory):
            record.keep(overhead, factory, _measure_overhead(arguments, factory))
    for choice in CHOICES:
        for name in choice.sets:
            classes = min(int(arguments.classes), _MOST_CLASSES.get(name, int(arguments.classes)))
            place = record.document["sets"].setdefault(name, {"classes": classes, "choices": {}})
            if not record.wants(choice.kind, place["choices"], choice.kind):
                continue
            spec = {
                "data": name, "classes": classes, "dim": arguments.dim, "threads": arguments.threads,
                "queries": arguments.queries, "work": str(arguments.work),
            }  # fmt: skip
            place["facts"] = _run(spec | {"task": "prepare"})
            record.keep(place["choices"], choice.kind, _measure_choice(choice, spec))


def _measure_choice(choice: Choice, spec: dict[str, Any]) -> dict[str, Any]:
    """Build one index and serve all its points."""
    factory, model = choice.index(spec["classes"]), Path(spec["work"]) / "model"
    spec = spec | {"factory": factory, "model": str(model), "rerank": max(choice.reranks)}
    spec["queries"] = min(spec["queries"], choice.queries)
    shutil.rmtree(model, ignore_errors=True)
    built = _run(spec | {"task": "build"})
    print(
        f"{spec['data']} {choice.kind}: {factory} built in {built.get('build_seconds', 0):.0f} s",
        flush=True,
    )
    points = []
    for settings in choice.points(spec["classes"]) if "failed" not in built else ():
        point = settings | _run(spec | settings | {"task": "serve"})
        points.append(point)
        said = point.get("failed") or (
            f"recall {point['recall']['share']:.4f}, {point['queries_per_second']:.0f}/s, "
            f"{point['anon_bytes'] / 1e6:.0f} MB anonymous, {point['file_bytes'] / 1e6:.0f} MB mapped"
        )
        print(f"{spec['data']} {choice.kind} {settings}: {said}", flush=True)
    shutil.rmtree(model, ignore_errors=True)
    return {"factory": factory, "build": built, "points": points}


def _measure_overhead(arguments: argparse.Namespace, factory: str) -> dict[str, Any]:
    """Builds in turns, each in a fresh child, then searches in turns within one child."""
    spec = {
        "data": "synthetic", "classes": int(arguments.overhead_classes), "dim": _OVERHEAD_DIM,
        "threads": arguments.threads, "work": str(arguments.work), "queries": arguments.queries,
        "factory": factory, "num_probes": _OVERHEAD_PROBES, "rerank": 0, "batch": 256,
    }  # fmt: skip
    _run(spec | {"task": "prepare"})
    model = arguments.work / "model"
    builds: dict[str, list[dict[str, Any]]] = {arm: [] for arm in _ARMS}
    for round_ in range(arguments.rounds):
        for arm in _ARMS[round_ % len(_ARMS) :] + _ARMS[: round_ % len(_ARMS)]:
            shutil.rmtree(model, ignore_errors=True)
            builds[arm].append(_run(spec | {"task": "overhead build", "arm": arm, "model": str(model)}))
            print(f"{factory} {arm}: {builds[arm][-1]['build_seconds']:.2f} s", flush=True)
    shutil.rmtree(model, ignore_errors=True)
    _run(spec | {"task": "build", "model": str(model)})
    search = _run(spec | {"task": "overhead search", "model": str(model)})
    shutil.rmtree(model, ignore_errors=True)
    return {"classes": spec["classes"], "dim": spec["dim"], "builds": builds, "search": search}


def _run(spec: dict[str, Any]) -> dict[str, Any]:
    return run_child(Path(__file__), spec, threads=spec["threads"])


if __name__ == "__main__":
    main()
