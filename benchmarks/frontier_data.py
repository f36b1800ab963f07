"""Vectors, queries and exact answers for ``index_frontier.py``, made once and kept in a scratch folder.

``synthetic`` and ``lemmas`` are what the nearest-neighbour classifier indexes on ``data=synthetic`` and
``data=lemmas``: the mean of every class over its training examples, scaled to length 1, with held-out
examples as queries.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import FloatArray, IntArray, batch_ranges

TOP_K = 10
_ROWS = 1 << 16
"""Vectors made or compared at a time: 32 MiB at 128 dimensions."""
_FEED_ROWS = 1 << 12
"""Vectors that the classifier is given at a time: 2 MiB, for they count towards its peak."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class VectorSet:
    """A float32 file of unit vectors with queries and their exact neighbours.

    It is also a :class:`xclass.classifiers.base.Feed` in which every class has one example, its mean.
    """

    folder: Path
    num_classes: int
    dim: int

    @property
    def num_scan(self) -> int:
        """Examples of a scan: one per class."""
        return self.num_classes

    def scan(self, num_rows: int = _FEED_ROWS) -> Iterator[tuple[FloatArray, IntArray]]:
        """Vectors (B, D) and classes (B,); not mapped, for file pages would count as the builder's."""
        with (self.folder / "vectors.f32").open("rb") as file:
            for start, stop in batch_ranges(self.num_classes, num_rows):
                rows = np.fromfile(file, dtype=np.float32, count=(stop - start) * self.dim)
                yield rows.reshape(-1, self.dim), np.arange(start, stop, dtype=np.int64)

    def queries(self) -> FloatArray:
        """Unit vectors, shape (Q, D), float32."""
        queries_QD: FloatArray = np.load(self.folder / "queries.npy", allow_pickle=False)
        return queries_QD

    def truth(self) -> IntArray:
        """The exact nearest classes, shape (Q, 10), best first."""
        truth_QK: IntArray = np.load(self.folder / "truth.npy", allow_pickle=False)
        return truth_QK

    def facts(self) -> dict[str, Any]:
        """How hard the set is, see :func:`_facts`."""
        facts: dict[str, Any] = json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))
        return facts


def open_set(folder: Path, name: str, *, num_classes: int, dim: int) -> VectorSet:
    """The files of one set, which :func:`prepare_set` has made."""
    return VectorSet(folder / f"{name}-{num_classes}x{dim}", num_classes, dim)


def prepare_set(folder: Path, name: str, *, num_classes: int, dim: int, num_queries: int) -> VectorSet:
    """Make what is missing; ``facts.json`` comes last and says that all is there.

    Memory:
        the 4 C D bytes of the means.
    """
    made = open_set(folder, name, num_classes=num_classes, dim=dim)
    if (made.folder / "facts.json").exists():
        return made
    made.folder.mkdir(parents=True, exist_ok=True)
    queries_QD = _write_means(made, name, num_queries)
    _normalise(queries_QD)
    np.save(made.folder / "queries.npy", queries_QD)
    scores_QK, classes_QK = _exact(made, queries_QD, TOP_K + 1)
    np.save(made.folder / "truth.npy", classes_QK[:, :TOP_K])
    (made.folder / "facts.json").write_text(json.dumps(_facts(scores_QK)), encoding="utf-8")
    return made


def _write_means(made: VectorSet, data: str, num_queries: int) -> FloatArray:
    """Accumulate the class means of the whole training set, as the classifier does; held-out queries."""
    from xclass.classifiers.class_means import accumulate_means, scale_rows
    from xclass.data.registry import DATA_CONFIGS
    from xclass.encoders.factory import build_encoder
    from xclass.encoders.kinds import Takes, encoder_kind
    from xclass.run.feed import DataFeed, FeedLimits

    config, size = (
        DATA_CONFIGS[data](),
        {"num_classes": made.num_classes, "dim": made.dim, "seed": _SEED},
    )
    entry = importlib.import_module(config.entry)
    facts = entry.prepare(config, progress=lambda *_: None, **size)
    source = entry.open_source(config, facts=facts, **size)
    encoder = build_encoder(encoder_kind(config.inputs, Takes.vectors), dim=made.dim, seed=_SEED)
    feed = DataFeed(
        source, encoder, batch_size=1 << 14, scan_batch_size=1 << 14, threads=2, limits=FeedLimits(),
        progress=lambda *_: None,
    )  # fmt: skip
    means_CD = np.zeros((made.num_classes, made.dim), dtype=np.float32)
    accumulate_means(means_CD, feed.scan())
    scale_rows(means_CD, 1.0)
    means_CD.tofile(made.folder / "vectors.f32")
    queries = source.queries(num_queries, seed=_SEED)
    return encoder.encode(encoder.features(queries.inputs))


def _normalise(rows_BD: FloatArray) -> None:
    rows_BD /= np.sqrt(np.einsum("bd,bd->b", rows_BD, rows_BD))[:, None]


def _exact(made: VectorSet, queries_QD: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Exhaustive search in float32, block by block: what a Flat index over the same vectors answers."""
    import faiss

    best_QK = np.full((len(queries_QD), k), -np.inf, dtype=np.float32)
    found_QK = np.full((len(queries_QD), k), -1, dtype=np.int64)
    for rows_BD, classes_B in made.scan(_ROWS):
        scores_QK, places_QK = faiss.knn(queries_QD, rows_BD, k, metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([best_QK, scores_QK], axis=1)
        classes = np.concatenate([found_QK, classes_B[places_QK]], axis=1)
        order_QK = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best_QK = np.take_along_axis(scores, order_QK, axis=1)
        found_QK = np.take_along_axis(classes, order_QK, axis=1)
    return best_QK, found_QK


def _facts(scores_QK: FloatArray) -> dict[str, float]:
    """Median cosine of the first, second and tenth neighbour, and of the gap from there to the eleventh.

    A code finds the ten best only where its error in the cosine is small beside that gap.
    """
    first, second, tenth = (float(np.median(scores_QK[:, rank])) for rank in (0, 1, TOP_K - 1))
    gap = float(np.median(scores_QK[:, TOP_K - 1] - scores_QK[:, TOP_K]))
    return {"first": first, "second": second, "tenth": tenth, "gap": gap}
