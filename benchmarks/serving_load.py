"""A service under load: what HTTP costs over a bare loop, RAM per worker, overload; under the promised cap.

    python benchmarks/serving_load.py              # 6 minutes, of which 2 fit the models once; root
    python benchmarks/serving_load.py --only flat  # one arm; the other stays as it was recorded
    python benchmarks/serving_load.py --report-only

The service runs under a control group with the limit that it promises. Clients are this process, over
loopback. Models stay in outputs/serving_load, so that a second call measures only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from children import keep_report, spread, write_document
from serving_client import ask_at_rate, ask_in_turn
from serving_queries import TOP_K, calls_of, read_queries
from serving_report import render

from xclass.data.base import Inputs, Texts
from xclass.measure.caps import CapChoice, GroupCap, memory_cap
from xclass.measure.environment import pinned_environment
from xclass.measure.eviction import evict
from xclass.serving.promise import Promise, read_promise
from xclass.serving.settings import ServeSettings

_ROOT = Path(__file__).parents[1]
_RECORD = _ROOT / "benchmarks" / "records" / "serving_load"
_SCRATCH = _ROOT / "outputs" / "serving_load"
_BATCH, _THREADS = 256, 2
_WARM_UP_SECONDS, _PAIR_SECONDS, _MOST_PAIR_SECONDS, _LEAST_ROUNDS = 5.0, 40.0, 90.0, 16
_SINGLE_SECONDS, _OVERLOAD_SECONDS = 3.0, 20.0
_DEADLINE = "deadline_seconds=120"
"""A batch on a machine that does other things besides must not end at the service's own."""
_CONCURRENCIES = (1, 4, 16, 64)
_OVERLOAD, _OVERLOAD_QUERIES, _MOST_CONNECTIONS = 10.0, 64, 400
_WORKERS = (1, 2, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arm:
    """One model of real size."""

    label: str
    method: str
    words: tuple[str, ...]


_ARMS = {
    "flat": _Arm(
        label="nearest_neighbour, flat index, 1e6 classes x 64",
        method="nearest_neighbour",
        words=("+classes=1e6", "dim=64", "data.examples_per_class=1", "methods=[nearest_neighbour]"),
    ),
    "lemmas": _Arm(
        label="sparse_means on lemmas, 1e6 classes",
        method="sparse_means",
        words=("data=lemmas", "classes=1e6", "methods=[sparse_means]"),
    ),
}


class _Service:
    """A service in processes of its own, under a cap or not."""

    def __init__(self, folder: Path, prefix: list[str], *words: str) -> None:
        command = [*prefix, sys.executable, "-m", "xclass.serve", f"model={folder}", "port=0", *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self._process.stdout is not None
        self.lines = []
        while not self.lines or not self.lines[-1].startswith("RAM"):
            line = self._process.stdout.readline()
            if not line:
                raise SystemExit(f"the service did not start: {self.lines}")
            self.lines.append(line.strip())
        self.url = next(word for word in self.lines[-2].split() if word.startswith("http"))

    def health(self) -> dict[str, Any]:
        """GET /health."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=60) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def end(self) -> int:
        """Exit code of an end in order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=60)
        return self._process.returncode


@contextmanager
def _service(folder: Path, prefix: list[str], *words: str) -> Iterator[_Service]:
    service = _Service(folder, prefix, *words)
    try:
        yield service
    finally:
        code = service.end()
    if code:
        raise SystemExit(f"the service ended with exit code {code}")


class _Bare:
    """serving_bare.py, which times what it is told."""

    def __init__(self, folder: Path, queries: Path) -> None:
        script = Path(__file__).with_name("serving_bare.py")
        words = [str(folder), str(queries), str(_THREADS), str(TOP_K)]
        self._process = subprocess.Popen(
            [sys.executable, str(script), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **pinned_environment(_THREADS, "pinned"), "PYTHONPATH": str(_ROOT)},
        )  # fmt: skip
        assert self._process.stdout is not None
        self.has_faiss = bool(json.loads(self._process.stdout.readline())["has_faiss"])

    def seconds(self, arm: str, at: int, size: int) -> float:
        """Of one batch: query ``at`` and those after it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{arm} {at} {size}\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline())["seconds"])

    def end(self) -> None:
        """No more lines."""
        self._process.communicate()


def main() -> None:
    """Measure both models and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=_RECORD)
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--only", choices=_ARMS)
    arguments = parser.parse_args()
    if not arguments.report_only:
        for name in [arguments.only] if arguments.only else list(_ARMS):
            _keep(arguments.out / "record.json", name, _measure(name))
    keep_report(arguments.out, render)


def _keep(path: Path, name: str, result: dict[str, Any]) -> None:
    """Beside the other arms that are there."""
    arms = json.loads(path.read_text(encoding="utf-8"))["arms"] if path.exists() else {}
    write_document(path, {"arms": arms | {name: result}})


def _measure(name: str) -> dict[str, Any]:
    arm = _ARMS[name]
    run_dir = _fit(name, arm)
    folder, queries = run_dir / "models" / arm.method, run_dir / "queries.npz"
    inputs = read_queries(queries)
    settings = ServeSettings(model=str(folder), threads=_THREADS)
    promise = read_promise(folder, settings)
    assert isinstance(promise, Promise), promise
    print(f"{name}: promised {promise.total_bytes / 2**20:.0f} MiB", flush=True)
    result: dict[str, Any] = {"label": arm.label, "promise": promise.to_json()}
    result["promised_bytes"] = promise.total_bytes
    with memory_cap(promise.total_bytes, CapChoice.auto) as cap:
        # What is in memory already would be charged to others.
        eviction = evict([path for path in folder.rglob("*") if path.is_file()])
        result["cap"] = {"kind": cap.kind, "limit_bytes": cap.limit_bytes, **asdict(eviction)}
        with _service(folder, cap.prefix, f"threads={_THREADS}", _DEADLINE) as service:
            result |= _pairs(service, folder, queries, inputs)
            result["singles"] = _singles(service, inputs)
            result["overload"] = _overload(service, inputs, result)
            result["health"] = service.health()
        if isinstance(cap, GroupCap):
            result["cap"] |= {key: value for key, value in cap.readings().items() if key != "stat"}
    result["workers"] = [_ram_of(folder, inputs, num) for num in _WORKERS]
    return result


def _fit(name: str, arm: _Arm) -> Path:
    """The run that the model comes from, once, and held-out queries of it in a file."""
    run_dir = _SCRATCH / name
    if not (run_dir / "models" / arm.method / "checksums.json").exists():
        words = [*arm.words, "measure.heap_pass=false", f"hydra.run.dir={run_dir}", f"threads={_THREADS}"]
        subprocess.run([sys.executable, "-m", "xclass", *words], check=True, cwd=_ROOT)
    if not (run_dir / "queries.npz").exists():
        # In a process of its own: a source maps its files, and this one stays thin.
        script = Path(__file__).with_name("serving_queries.py")
        command = [sys.executable, str(script), str(run_dir), arm.method]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(_ROOT)})
    return run_dir


def _pairs(service: _Service, folder: Path, queries: Path, inputs: Inputs) -> dict[str, Any]:
    """Batches of 256, the same ones over HTTP and bare in turns, each way as often first as last."""
    bare = _Bare(folder, queries)
    contexts = service.health()["model"]["contexts"]
    kinds = {"json": calls_of(inputs, _BATCH, contexts)}
    if not isinstance(inputs, Texts):
        kinds["npy"] = calls_of(inputs, _BATCH, contexts, is_npy=True)
    arms = ["model", *(["faiss"] if bare.has_faiss else [])]
    names = [*kinds, *arms]
    num_batches = len(kinds["json"])

    def timed(name: str, batch: int) -> float:
        if name in arms:
            return bare.seconds(name, batch * _BATCH, _BATCH)
        (reply,) = ask_in_turn(service.url, [kinds[name][batch]], concurrency=1, for_seconds=0.0).replies
        assert reply.status == 200, reply
        return reply.seconds

    begun, round_number = time.perf_counter(), 0
    for batch in range(num_batches):  # a first question touches pages: of a flat index all, of others its own
        for name in names:
            timed(name, batch)
        if time.perf_counter() - begun > _WARM_UP_SECONDS:
            break
    seconds: dict[str, list[float]] = {name: [] for name in names}
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < _PAIR_SECONDS or (
        round_number < _LEAST_ROUNDS and spent < _MOST_PAIR_SECONDS
    ):
        first = round_number % len(names)
        turn = names[first:] + names[:first]
        for name in turn if round_number % 4 < 2 else reversed(turn):  # not always behind the same one
            seconds[name].append(timed(name, round_number % num_batches))
        round_number += 1
    bare_singles = [bare.seconds("model", at, 1) for at in range(50)]
    bare.end()
    return {
        "batch_seconds": {name: spread(values) for name, values in seconds.items()},
        "overhead": {
            f"{name} over {arm}": _overhead(seconds[name], seconds[arm]) for name in kinds for arm in arms
        },
        "bare_single_seconds": spread(bare_singles),
    }


def _overhead(over_http: list[float], bare: list[float]) -> dict[str, float]:
    """Of the pairs, with the 95 % interval of their median: the ranks that it lies between.

    Source: David and Nagaraja, Order Statistics, 3rd edition, section 7.1.
    """
    ratios = sorted(a / b for a, b in zip(over_http, bare, strict=True))
    least = max(0, int(len(ratios) / 2 - 0.98 * len(ratios) ** 0.5) - 1)
    return spread(ratios) | {"low": ratios[least], "high": ratios[-1 - least], "num_pairs": len(ratios)}


def _singles(service: _Service, inputs: Inputs) -> list[dict[str, Any]]:
    """One query per request, at several numbers of clients."""
    calls = calls_of(inputs, 1, service.health()["model"]["contexts"])
    found = []
    for concurrency in _CONCURRENCIES:
        heard = ask_in_turn(service.url, calls, concurrency=concurrency, for_seconds=_SINGLE_SECONDS)
        found.append({"concurrency": concurrency, **heard.figures()})
    return found


def _overload(service: _Service, inputs: Inputs, result: dict[str, Any]) -> dict[str, Any]:
    """Ten times as many queries as it can answer."""
    capacity = _BATCH / result["batch_seconds"]["json"]["median"]
    calls = calls_of(inputs, _OVERLOAD_QUERIES, service.health()["model"]["contexts"])
    before = service.health()["ram"]
    heard = ask_at_rate(
        service.url, calls, per_second=_OVERLOAD * capacity / _OVERLOAD_QUERIES,
        for_seconds=_OVERLOAD_SECONDS, most=_MOST_CONNECTIONS,
    )  # fmt: skip
    time.sleep(1.5)
    after = service.health()["ram"]
    return {
        "capacity_queries_per_second": capacity,
        "offered_queries_per_second": _OVERLOAD * capacity,
        **heard.figures(_OVERLOAD_QUERIES),
        "ram_before_bytes": before["now_bytes"],
        "ram_after_bytes": after["now_bytes"],
        "is_same_processes": [one["pid"] for one in before["processes"]]
        == [one["pid"] for one in after["processes"]],
    }


def _ram_of(folder: Path, inputs: Inputs, num_workers: int) -> dict[str, Any]:
    """RAM of a service with so many workers that have all answered batches."""
    words = [f"threads={max(_THREADS, num_workers)}", f"workers={num_workers}", _DEADLINE]
    with _service(folder, [], *words) as service:
        calls = calls_of(inputs, _OVERLOAD_QUERIES, service.health()["model"]["contexts"])
        # Six of them for each: enough that every worker gets some, and that they become whole batches.
        ask_in_turn(service.url, calls, concurrency=6 * num_workers, for_seconds=_SINGLE_SECONDS)
        time.sleep(1.5)
        ram = service.health()["ram"]
    return {"workers": num_workers, "ram_bytes": ram["now_bytes"], "promised_bytes": ram["promised_bytes"],
            "processes": ram["processes"]}  # fmt: skip


if __name__ == "__main__":
    main()
