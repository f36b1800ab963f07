"""What the children of ``index_frontier.py`` do: build an index, or serve one point of the frontier."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from children import Meter, spread
from frontier_data import TOP_K, VectorSet, open_set

from xclass.classifiers.model_folder import MANIFEST
from xclass.data.base import FloatArray, IntArray
from xclass.measure.status import read_status, trim_heap
from xclass.measure.timeline import TimelineSampler

_BATCH = 256
"""Queries of one call, as ``evaluate.batch_size`` has it."""
_WARM_QUERIES = 64
_MAX_SINGLES, _SINGLES_SECONDS = 200, 2.0


def open_vectors(spec: dict[str, Any]) -> VectorSet:
    """The vector set of a spec."""
    return open_set(Path(spec["work"]), spec["data"], num_classes=spec["classes"], dim=spec["dim"])


def make_classifier(spec: dict[str, Any]) -> Any:
    """Our classifier with the index choice of the spec; the feed's vectors are already encoded."""
    from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
    from xclass.classifiers.nearest_neighbour.config import NearestNeighbourConfig
    from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage
    from xclass.encoders.identity import IdentityEncoder
    from xclass.shapes import ProblemShape

    shape = ProblemShape(
        num_classes=spec["classes"], dim=spec["dim"], batch_size=256, scan_batch_size=1 << 14,
        num_queries=1, query_batch_size=_BATCH, top_k=TOP_K, threads=spec["threads"],
    )  # fmt: skip
    index = IndexConfig(
        factory=spec["factory"],
        rerank=spec["rerank"],
        folder=spec["work"],
        means_storage=MeansStorage(spec.get("means_storage", "file")),
    )
    return NearestNeighbour(
        NearestNeighbourConfig(), shape=shape, encoder=IdentityEncoder(dim=spec["dim"]), seed=0, index=index
    )


def build(spec: dict[str, Any]) -> dict[str, Any]:
    """Fit and save; the means come one by one from the file, so that only the index is built.

    Returns:
        Seconds, peak over base of the whole (means included), bytes of the saved files.
    """
    classifier = make_classifier(spec)
    classifier.warm_up()
    trim_heap()
    meter = Meter()
    begun = time.perf_counter()
    report = classifier.fit(open_vectors(spec))
    folder = Path(spec["model"])
    folder.mkdir(parents=True, exist_ok=True)
    classifier.save(folder)
    return {
        "build_seconds": time.perf_counter() - begun,
        "peak_over_base_bytes": meter.peak_over_base_bytes(),
        "facts": report.facts,
        "files": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }


def serve(spec: dict[str, Any]) -> dict[str, Any]:
    """Load, answer all queries in batches and then some one by one; recall against the exact answers.

    Returns:
        Anonymous and file-mapped resident bytes over the base: the most that was seen while batches were
        answered, and what is held afterwards.
    """
    from xclass.classifiers.nearest_neighbour.server import FaissServer

    vectors = open_vectors(spec)
    queries_QD, truth_QK = vectors.queries()[: spec["queries"]], vectors.truth()[: spec["queries"]]
    _set_settings(Path(spec["model"]), spec)
    server = FaissServer(threads=spec["threads"])
    server.warm_up()
    with TimelineSampler(os.getpid()) as sampler:
        trim_heap()
        base, opened = read_status(), time.monotonic()
        server.load(Path(spec["model"]))
        loaded = read_status()
        # Once unseen by the clock: file pages are mapped, lists are in the page cache.
        server.search(queries_QD[:_WARM_QUERIES], TOP_K)
        begun = time.monotonic()
        found = [
            server.search(queries_QD[start : start + _BATCH], TOP_K).classes_QK
            for start in range(0, len(queries_QD), _BATCH)
        ]
        ended = time.monotonic()
        most = sampler.between(opened, ended).maxima
        held = read_status()
    singles = Meter.seconds(_one_by_one(server, queries_QD), at_least=10, for_seconds=_SINGLES_SECONDS)[
        :_MAX_SINGLES
    ]
    return {
        "recall": recall(np.concatenate(found), truth_QK),
        "queries_per_second": len(queries_QD) / (ended - begun),
        "single_p50_seconds": spread(singles)["median"],
        "singles": len(singles),
        "loaded_anon_bytes": loaded.anon_bytes - base.anon_bytes,
        "anon_bytes": max(most.anon_bytes, held.anon_bytes) - base.anon_bytes,
        "file_bytes": max(most.file_bytes, held.file_bytes) - base.file_bytes,
    }


def _set_settings(model: Path, spec: dict[str, Any]) -> None:
    """As if the model had been saved with the search settings of this point: nothing is built from them."""
    path = model / MANIFEST
    document = json.loads(path.read_text(encoding="utf-8"))
    names = ("num_probes", "search_width", "rerank", "is_rerank_mapped")
    document["facts"] |= {"is_rerank_mapped": True} | {name: spec[name] for name in names if name in spec}
    path.write_text(json.dumps(document), encoding="utf-8")


def _one_by_one(server: Any, queries_QD: FloatArray) -> Callable[[], object]:
    turns = iter(range(1 << 40))
    return lambda: server.search(queries_QD[(at := next(turns) % len(queries_QD)) : at + 1], TOP_K)


def recall(found_QK: IntArray, truth_QK: IntArray) -> dict[str, float]:
    """Share of the exact ten that were found, with a 95 % interval over queries.

    Wilson's interval with the number of trials that gives the variance seen between queries: at least
    one per query (which a recall between 0 and 1 implies), at most one per neighbour.

    Source: Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", 2001, 3.1.1; Korn and
    Graubard, "Confidence intervals for proportions with small expected number of positive counts", 1998
    (effective sample size).
    """
    hits_Q = (found_QK[:, :, None] == truth_QK[:, None, :]).any(axis=2).mean(axis=1)
    share, num_queries = float(hits_Q.mean()), len(hits_Q)
    variance = float(hits_Q.var()) / num_queries
    trials = share * (1.0 - share) / variance if variance else num_queries
    trials = min(max(trials, num_queries), num_queries * found_QK.shape[1])
    z = 1.959964
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return {
        "share": share,
        "low": middle - half,
        "high": min(1.0, middle + half),
        "queries": num_queries,
    }
