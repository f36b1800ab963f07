"""What FAISS does while it trains, fills and searches an index, as closed forms. Standard library only.

The unit is a multiply-add of a blocked product. Iterations and bounds are FAISS 1.15's own; what one
operation costs in that unit was found on small sizes: benchmarks/records/projection.
"""

from __future__ import annotations

import math

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.nearest_neighbour.index_kind import POINTS_PER_CENTROID, IndexKind
from xclass.classifiers.work import (
    BATCH_QUERY,
    LOGIT_VALUES,
    QUERY,
    Work,
    batch_work,
    miss_share,
    query_work,
    scan_works,
)
from xclass.shapes import ProblemShape

_LIST_ITERATIONS, _CODE_ITERATIONS = 10, 25
"""Of k-means. Source: faiss/IndexIVF.cpp, ``Level1Quantizer``: ``cp.niter = 10``; faiss/Clustering.h: 25."""
_ROTATION_ITERATIONS = 50
"""Source: ``OPQMatrix::niter``; each has a short k-means (``niter_pq`` 4, at first 40)."""
_ROTATION_POINTS = 1 << 16
_READ_VALUES = 20
"""Multiply-adds that reading a value of a class vector and encoding it costs."""
_BUILD_WIDTH = 40
"""efConstruction of HNSW. Source: faiss/impl/HNSW.h."""
_VISIT_VALUES, _MISS_FACTOR = 400, 18
"""Multiply-adds that a jump to a vector costs beside its D, and what one of its values costs besides where it
comes from memory and not from the cache.

Source: seconds per class and ln(classes) of HNSW32 at dim 32 to 96, in benchmarks/records/projection at 2,000
to 250,000 classes; they give those of 1,000,000 in benchmarks/records/measure/ledger within 10 %.
"""


def build_form(kind: IndexKind) -> str:
    """How making the index grows, in words."""
    if kind.num_links:
        return "classes x log classes"
    if kind.num_lists:
        return "k-means: training points x lists x dim, and classes x lists x dim"
    return "linear in classes x dim"


def build_amount(
    kind: IndexKind, shape: ProblemShape, *, wanted: int | None = None, has_rerank: bool = False
) -> float:
    """Training and filling, in multiply-adds.

    Args:
        kind: of the index.
        shape: of the problem.
        wanted: ``index.training_points``.
        has_rerank: float16 vectors are written besides.
    """
    classes, dim = float(shape.num_classes), kind.rotated_dim or shape.dim
    amount = (2 if has_rerank else 1) * _READ_VALUES * classes * shape.dim
    if kind.num_links:
        return amount + classes * math.log(classes) * _BUILD_WIDTH * _visit_values(kind, shape)
    points = kind.training_points(shape.num_classes, wanted) if kind.needs_training else 0
    if kind.has_rotation:
        used = min(points, _ROTATION_POINTS)
        amount += _ROTATION_ITERATIONS * used * (3 * shape.dim * dim + 4 * _quantise(kind, dim))
        amount += classes * shape.dim * dim
    if kind.num_lists:
        used = min(points, POINTS_PER_CENTROID * kind.num_lists)
        amount += (_LIST_ITERATIONS * used + classes) * kind.num_lists * (dim + LOGIT_VALUES)
    if kind.code == "PQ":
        used = min(points, POINTS_PER_CENTROID << kind.bits)
        amount += (_CODE_ITERATIONS * used + classes) * _quantise(kind, dim)
    elif kind.code == "RaBitQ":
        amount += classes * dim * _rabitq_values(kind)
    return amount


def _visit_values(kind: IndexKind, shape: ProblemShape) -> float:
    """Looking at one vector of a graph on a walk through it."""
    num_bytes = float(kind.code_bytes(shape.dim)) * shape.num_classes
    return shape.dim * (1 + _MISS_FACTOR * miss_share(num_bytes)) + _VISIT_VALUES


def _quantise(kind: IndexKind, dim: int) -> float:
    """Finding the nearest of ``2**bits`` centroids in every segment, for one vector."""
    return float(1 << kind.bits) * (dim + LOGIT_VALUES * kind.num_segments)


def _rabitq_values(kind: IndexKind) -> float:
    """Of one value: its sign, and for more bits the search for the best scale, which tries every level.

    Source: faiss/impl/RaBitQuantizerMultiBit.cpp, ``compute_optimal_scaling_factor``.
    """
    return 0.0 if kind.bits == 1 else 100.0 * (1 << (kind.bits - 1))


def search_amount(kind: IndexKind, shape: ProblemShape, *, num_probes: int, width: int = 0) -> float:
    """One query: centroids of the lists, then codes; in a graph the vectors that the walk looks at."""
    classes, dim = float(shape.num_classes), kind.rotated_dim or shape.dim
    rotating = float(shape.dim) * dim if kind.has_rotation else 0.0
    if kind.num_links:
        return width * math.log(classes) * _visit_values(kind, shape)
    per_code = kind.num_segments if kind.code == "PQ" else dim
    if not kind.num_lists:
        return rotating + classes * per_code
    share = min(1.0, num_probes / kind.num_lists)
    return rotating + float(kind.num_lists) * dim + classes * share * (per_code + LOGIT_VALUES)


def search_works(kind: IndexKind, index: IndexConfig, shape: ProblemShape) -> dict[str, Work]:
    """A query alone and one of a batch; every shard is asked with the same effort."""
    if kind.is_flat:
        return scan_works(index.model_shape(shape))
    part = index.shard_shape(shape)
    amount = search_amount(kind, part, num_probes=index.num_probes, width=index.search_width)
    amount *= index.num_indexes
    amount += index.rerank * (shape.dim + _VISIT_VALUES)
    form = _search_form(kind)
    return {QUERY: query_work(amount, form), BATCH_QUERY: batch_work(shape, amount, form)}


def _search_form(kind: IndexKind) -> str:
    if kind.num_links:
        return "log classes"
    return (
        "lists x dim, and the probed share of the classes" if kind.num_lists else "linear in classes x code"
    )
