"""The rival of the overhead table, a script of faiss and numpy alone, and the pairs against it."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from children import Meter
from frontier_arms import build, make_classifier, open_vectors
from frontier_data import TOP_K

from xclass.measure.status import trim_heap

_ADD_ROWS = 1 << 16
_TRAIN_ROWS_PER_LIST = 256
_PAIR_SECONDS, _MIN_PAIRS = 6.0, 9


def build_arm(spec: dict[str, Any]) -> dict[str, Any]:
    """One build, ours or the bare script's: the same examples, training rows, blocks of adding, file."""
    if spec["arm"] != "bare":
        return build(spec | {"means_storage": spec["arm"]})
    make_classifier(spec).warm_up()
    trim_heap()
    meter = Meter()
    begun = time.perf_counter()
    means_CD = _class_means(spec)
    means_seconds = time.perf_counter() - begun
    index = faiss.index_factory(spec["dim"], spec["factory"], faiss.METRIC_INNER_PRODUCT)
    _train_and_add(index, means_CD)
    index_seconds = time.perf_counter() - begun - means_seconds
    folder = Path(spec["model"])
    folder.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(folder / "index.faiss"))
    return {
        "build_seconds": time.perf_counter() - begun,
        "peak_over_base_bytes": meter.peak_over_base_bytes(),
        "facts": {"means_seconds": means_seconds, "index_seconds": index_seconds},
    }


def _class_means(spec: dict[str, Any]) -> Any:
    """Sum the examples of every class, divide, normalise."""
    means_CD = np.zeros((spec["classes"], spec["dim"]), dtype=np.float32)
    counts_C = np.zeros(spec["classes"], dtype=np.int64)
    for vectors_BD, classes_B in open_vectors(spec).scan():
        np.add.at(means_CD, classes_B, vectors_BD)
        np.add.at(counts_C, classes_B, 1)
    means_CD /= np.maximum(counts_C, 1).astype(np.float32)[:, None]
    faiss.normalize_L2(means_CD)
    return means_CD


def _train_and_add(index: Any, means_CD: Any) -> None:
    if not index.is_trained:
        num_lists = index.nlist if isinstance(index, faiss.IndexIVF) else 0
        rows = min(len(means_CD), max(num_lists * _TRAIN_ROWS_PER_LIST, 1 << 16))
        chosen = np.sort(np.random.default_rng(0).choice(len(means_CD), rows, replace=False))
        index.train(means_CD[chosen])
    for start in range(0, len(means_CD), _ADD_ROWS):
        index.add(means_CD[start : start + _ADD_ROWS])


def search_pairs(spec: dict[str, Any]) -> dict[str, Any]:
    """The same file opened twice in one process, searched in turns: batches, and queries one by one."""
    from xclass.classifiers.nearest_neighbour.server import FaissServer
    from xclass.classifiers.nearest_neighbour.shards import INDEX_FILE

    queries_QD = open_vectors(spec).queries()
    server = FaissServer(threads=spec["threads"])
    server.warm_up()
    server.load(Path(spec["model"]))
    index = faiss.read_index(str(Path(spec["model"]) / INDEX_FILE), faiss.IO_FLAG_MMAP_IFC)
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = spec["num_probes"]

    def bare(rows_QD: Any) -> Any:
        rows_QD = rows_QD.copy()
        faiss.normalize_L2(rows_QD)
        return index.search(rows_QD, TOP_K)[1]

    def ours(rows_QD: Any) -> Any:
        return server.search(rows_QD, TOP_K).classes_QK

    equal = float((ours(queries_QD) == bare(queries_QD)).mean())
    return {
        "equal_answers": equal,
        "batch": _pairs(ours, bare, queries_QD, spec["batch"]),
        "single": _pairs(ours, bare, queries_QD, 1),
    }


def _pairs(ours: Any, bare: Any, queries_QD: Any, size: int) -> list[list[float]]:
    """Seconds per call of both on the same queries, [ours, bare] per pair; who goes first alternates.

    One pair is the medians of enough repeats to last 0.2 s a side, so that a microsecond of ours can be seen
    beside a hundred of theirs.
    """
    pairs: list[list[float]] = []
    rows_QD = queries_QD[:size]
    begun = time.perf_counter()
    bare(rows_QD)
    repeats = max(1, int(0.2 / (time.perf_counter() - begun)))
    begun = time.perf_counter()
    while len(pairs) < _MIN_PAIRS or time.perf_counter() - begun < _PAIR_SECONDS:
        rows_QD = np.roll(queries_QD, -len(pairs) * size, axis=0)[:size]
        seconds: dict[str, list[float]] = {"ours": [], "bare": []}
        for turn in range(repeats):
            order = ("ours", "bare") if (turn + len(pairs)) % 2 else ("bare", "ours")
            for arm in order:
                before = time.perf_counter()
                (ours if arm == "ours" else bare)(rows_QD)
                seconds[arm].append(time.perf_counter() - before)
        pairs.append([median(seconds["ours"]), median(seconds["bare"])])
    return pairs
