"""xclass and its rivals on the same splits: accuracy, seconds, peaks of memory, bytes, latency.

    benchmarks/rivals_environment.sh                     # once: PECOS and fastText, in /tmp/rivals
    python benchmarks/rivals.py                          # rows that have no record yet
    python benchmarks/rivals.py --only 1e5/pecos 1e5/omikuji
    python benchmarks/rivals.py --again 1e5/pecos        # measure this row again
    python benchmarks/rivals.py --report-only

A row is one rival, or one command line of xclass, on one data set. It is fitted in a fresh process and
answers in another one; each process is measured by the kernel's high-water mark of its resident memory. A
rival that does not end in 15 minutes is recorded so. Record: a file per row under ``records/rivals/rows``,
and its README.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.metadata
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from children import parse_arguments, run_child, write_document

from xclass.measure.status import read_status

_ROOT = Path(__file__).parents[1]
_RECORD = _ROOT / "benchmarks" / "records" / "rivals"
_LIMIT_SECONDS = 900.0
_BLOCK, _ANSWER_SECONDS, _SINGLES, _SINGLE_SECONDS = 500, 300.0, 200, 10.0
_ON_FEATURES = ("sklearn_means", "sklearn_knn", "sklearn_svm", "omikuji", "napkinxc", "pecos", "fasttext")
_RIVAL_SIZES = {
    "1e4": (*_ON_FEATURES, "sklearn_means_texts"),
    "1e5": (*_ON_FEATURES, "sklearn_means_texts", "sklearn_means_texts_4"),
    "1e5_fresh": ("sklearn_means", "sklearn_means_texts", "sklearn_means_texts_4", "omikuji", "pecos"),
    "1e6": ("sklearn_means", "sklearn_means_texts", "sklearn_knn", "omikuji", "pecos", "fasttext"),
    "all": ("sklearn_means", "sklearn_knn"),
    "bibtex": _ON_FEATURES,
    "delicious": _ON_FEATURES,
}


def main() -> None:
    """Measure the rows that have no record, then make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="ROW", help="names or patterns: '1e5/*'")
    parser.add_argument("--again", nargs="+", default=[], metavar="ROW", help="these, recorded or not")
    parser.add_argument("--data", type=Path, default=Path("/tmp/rivals_data"), help="folder of the samples")
    parser.add_argument("--environment", type=Path, default=Path("/tmp/rivals"))
    parser.add_argument("--memory-gb", type=float, default=20.0, help="a rival that needs more is ended")
    arguments = parse_arguments(parser, record=_RECORD, child=_child)
    if not arguments.report_only:
        for name in _wanted(arguments.again or arguments.only):
            if arguments.again or not _row_file(arguments.out, name).exists():
                _measure(name, arguments)
    from rivals_report import write_report

    write_report(arguments.out)


def _row_names() -> list[str]:
    from rivals_xclass import XCLASS_ROWS

    rivals = [f"{size}/{name}" for size, names in _RIVAL_SIZES.items() for name in names]
    return [*rivals, *XCLASS_ROWS]


def _wanted(patterns: list[str]) -> list[str]:
    names = [name for name in _row_names() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    if not names:
        raise SystemExit(f"no row is named {' or '.join(patterns)}; rows are {', '.join(_row_names())}")
    return names


def _row_file(folder: Path, name: str) -> Path:
    return folder / "rows" / f"{name.replace('/', '-')}.json"


def _measure(name: str, arguments: argparse.Namespace) -> None:
    from rivals_features import MULAN, prepare_features
    from rivals_xclass import XCLASS_ROWS, measure_xclass

    size, method = name.split("/")
    if size in MULAN and not (arguments.data / "mulan" / f"{size}.xml").exists():
        print(f"{name}: skipped: {arguments.data}/mulan lacks {size}.xml, see rivals_mulan.py", flush=True)
        return
    print(name, flush=True)
    sample = prepare_features(size, arguments.data)
    load_before = os.getloadavg()[0]
    if name in XCLASS_ROWS:
        row = measure_xclass(name, sample, threads=arguments.threads)
    else:
        row = _measure_rival(method, sample, arguments)
    row |= {"row": name, "data": size, "method": method, "threads": arguments.threads}
    row |= {"load_average": [load_before, os.getloadavg()[0]]}
    write_document(_row_file(arguments.out, name), row)
    print({key: value for key, value in row.items() if key in ("failed", "metrics", "train")}, flush=True)


def _measure_rival(method: str, sample: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from rivals_methods import RIVALS, write_inputs
    from rivals_score import score

    rival = RIVALS[method]
    write_inputs(sample)
    python = {"python": arguments.environment / "bin" / "python"} if rival.is_apart else {}
    with tempfile.TemporaryDirectory(prefix="rivals-") as scratch:
        arm = {
            "method": method, "sample": str(sample), "folder": scratch, "threads": arguments.threads,
            "memory_bytes": int(arguments.memory_gb * 1e9),
        }  # fmt: skip
        row: dict[str, Any] = {"what": rival.what, "package": rival.package}
        for phase in ("train", "serve"):
            row[phase] = run_child(
                Path(__file__), arm | {"phase": phase}, threads=arguments.threads,
                timeout_seconds=_LIMIT_SECONDS, **python,
            )  # fmt: skip
            if "failed" in row[phase]:
                return row | {"failed": f"{phase}: {row[phase]['failed'].removeprefix('exit code 1: ')}"}
        return row | {"metrics": score(sample, np.load(Path(scratch) / "answers.npy", allow_pickle=False))}


def _child(arm: dict[str, Any]) -> dict[str, Any]:
    """One phase of one rival, in a process of its own."""
    from rivals_methods import RIVALS

    resource.setrlimit(resource.RLIMIT_DATA, (arm["memory_bytes"], arm["memory_bytes"]))
    rival = RIVALS[arm["method"]]
    folder = Path(arm["folder"])
    model = folder / "model"
    model.mkdir(exist_ok=True)
    if arm["phase"] == "train":
        result = _train(rival, Path(arm["sample"]), model, arm["threads"])
    else:
        result = _serve(rival, Path(arm["sample"]), model, arm["threads"], folder / "answers.npy")
    return result | {"version": importlib.metadata.version(rival.package)}


def _train(rival: Any, sample: Path, model: Path, threads: int) -> dict[str, Any]:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    rival.fit(sample, model, threads)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
    model_bytes = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    return {
        "seconds": seconds, "cpu_seconds": cpu_seconds, "model_bytes": model_bytes,
        "peak_rss_bytes": read_status().peak_rss_bytes,
    }  # fmt: skip


def _serve(rival: Any, sample: Path, model: Path, threads: int, out: Path) -> dict[str, Any]:
    from rivals_features import read_part
    from rivals_methods import read_lines

    queries = read_lines(sample, "test") if rival.takes_texts else read_part(sample, "test")[0]
    num_queries = queries.shape[0] if hasattr(queries, "shape") else len(queries)
    before = read_status().rss_bytes
    answer = rival.load(model, threads)
    # The first answer maps what is mapped and makes what is made lazily.
    answer(queries[:1])
    loaded = read_status()
    singles, single_cpu = _single_seconds(answer, queries)
    begun, begun_cpu, answers = time.perf_counter(), time.process_time(), []
    for start in range(0, num_queries, _BLOCK):
        answers.append(answer(queries[start : start + _BLOCK]))
        if time.perf_counter() - begun > _ANSWER_SECONDS:
            break
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
    peak = read_status().peak_rss_bytes
    np.save(out, np.concatenate(answers))
    num_answered = sum(map(len, answers))
    return {
        "rss_before_load_bytes": before, "load_rss_bytes": loaded.rss_bytes, "peak_rss_bytes": peak,
        "single_median_seconds": float(np.median(singles)), "single_cpu_seconds": single_cpu,
        "num_answered": num_answered, "seconds_per_query": seconds / num_answered,
        "cpu_seconds_per_query": cpu_seconds / num_answered,
    }  # fmt: skip


def _single_seconds(answer: Any, queries: Any) -> tuple[list[float], float]:
    """Seconds of queries asked one by one, and the mean of the processor's."""
    seconds: list[float] = []
    begun, begun_cpu = time.perf_counter(), time.process_time()
    for place in range(_SINGLES):
        before = time.perf_counter()
        answer(queries[place : place + 1])
        seconds.append(time.perf_counter() - before)
        if time.perf_counter() - begun > _SINGLE_SECONDS:
            break
    return seconds, (time.process_time() - begun_cpu) / len(seconds)


if __name__ == "__main__":
    main()
