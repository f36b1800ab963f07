"""What FAISS takes while it trains and searches an index, as closed forms. Standard library only.

Every term was found in FAISS 1.15's source and then measured: benchmarks/records/measure/ledger.
"""

from __future__ import annotations

from xclass.classifiers.nearest_neighbour.index_kind import POINTS_PER_CENTROID, IndexKind
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, ProblemShape, Regime

_SEARCH_QUERIES, _SEARCH_VECTORS = 4096, 1024
"""A search in many vectors multiplies blocks of this size.
Source: ``distance_compute_blas_query_bs`` and ``..._database_bs`` in faiss/utils/distances.cpp."""
_ROTATION_POINTS = 1 << 16
"""Source: ``OPQMatrix::max_train_points`` in faiss/VectorTransform.h."""
_SCALAR_POINTS = 100_000
"""Source: ``IndexIVFScalarQuantizer::train_encoder_num_vectors``."""
_BLAS, _MAX_BLAS_BYTES = "buffer of OpenBLAS", 128 << 20
"""Source: OpenBLAS, driver/others/memory.c, ``BUFFER_SIZE``: mapped whole, resident as it is packed into."""
_PACKED_DIM = 192
LIST_OBJECT_BYTES = 256
"""Of one inverted list: the objects that own or view its codes and its ids (measured)."""
_VISITED_SET_CLASSES = 10_000_000
_ROTATION_BITS = 8
"""Of the product quantiser that a rotation is trained with. Source: ``OPQMatrix::train``."""
_FUSED_DIM = 16
"""Up to which no block of products is made for the nearest one vector; 32 with AVX-512.

Source: faiss/utils/distances_fused; 65,536 against 256 vectors: 0.8 MB at dim 32, 5.2 at 33, measured.
"""


def product_bytes(num_queries: int, num_vectors: int) -> int:
    """The block of inner products of a search without an index: 16 MiB at most."""
    return FLOAT32_BYTES * min(num_queries, _SEARCH_QUERIES) * min(num_vectors, _SEARCH_VECTORS)


def visited_terms(kind: IndexKind, shape: ProblemShape) -> dict[str, int]:
    """Which classes a walk through a graph has seen: a byte per class and thread, from 1e7 classes on a set.

    Source: faiss/impl/VisitedTable.cpp, ``visited_table_hashset_threshold``.
    """
    has_table = kind.num_links and shape.num_classes < _VISITED_SET_CLASSES
    return {"visited classes": shape.threads * shape.num_classes} if has_table else {}


def training_regimes(
    kind: IndexKind,
    num_classes: int,
    dim: int,
    wanted: int | None = None,
    *,
    threads: int = 1,
    is_l2: bool = False,
) -> tuple[Regime, ...]:
    """The moments of training: rotation, centroids of the lists, codes; none where none is needed.

    Args:
        kind: of the index.
        num_classes: C.
        dim: D, before a rotation.
        wanted: ``index.training_points``.
        threads: of OpenBLAS.
        is_l2: searched by L2 distance, for which PQ in lists makes its table before the residuals are gone.

    Returns:
        Regimes whose components all contain our sample of n vectors, ``4 n D``.
    """
    if not kind.needs_training:
        return ()
    points, coded_dim = kind.training_points(num_classes, wanted), kind.rotated_dim or dim
    sample = {"training sample": FLOAT32_BYTES * points * dim}
    regimes = []
    if kind.has_rotation:
        terms = _rotation_terms(kind, points, dim, coded_dim)
        regimes.append(Regime(name="rotation training", components=sample | terms))
        rotated = {"training sample": FLOAT32_BYTES * points * coded_dim}
        # Rotated in place where the number of dimensions stays.
        if dim != coded_dim:
            both = sample["training sample"] + rotated["training sample"]
            regimes.append(Regime(name="rotating", components={"training sample": both}))
        sample = rotated | {_BLAS: terms[_BLAS]}
    if kind.num_lists:
        sample = list_terms(kind, coded_dim, threads) | sample
        terms = _k_means_terms(points, kind.num_lists, coded_dim)
        regimes.append(Regime(name="list training", components=sample | terms))
        sample |= {"list centroids": FLOAT32_BYTES * kind.num_lists * coded_dim}
    residuals = _residual_terms(kind, points, coded_dim)
    if kind.code == "PQ":
        used = min(points, POINTS_PER_CENTROID << kind.bits) if kind.num_lists else points
        quantiser = _product_quantiser_bytes(used, kind.num_segments, kind.bits, coded_dim)
        tables = kind.table_terms(is_l2=is_l2)
        regimes.append(Regime(name="distance tables", components=sample | residuals | tables))
        residuals |= {"code training": quantiser}
    regimes.append(Regime(name="code training", components=sample | residuals))
    return tuple(regimes)


def list_terms(kind: IndexKind, dim: int, threads: int) -> dict[str, int]:
    """Beside the inverted lists: two objects of each, and what OpenBLAS packs to find a vector's list.

    Source: measured less all other terms at dim 32 to 512, in benchmarks/records/measure/ledger and on the
    sizes of benchmarks/records/projection that are fitted: ``10 kB min(D, 192)`` per thread.
    """
    packed = threads * 10_000 * min(dim, _PACKED_DIM)
    return {_BLAS: packed, "list objects": LIST_OBJECT_BYTES * kind.num_lists}


def _k_means_terms(points: int, num_centroids: int, dim: int) -> dict[str, int]:
    """k-means: a sub-sample only where there are more than 256 points per centroid; centroids twice.

    The nearest centroid of few dimensions is kept in registers: no block of products.

    Source: faiss/Clustering.cpp, ``Clustering::train_encoded``: ``subsample_training_set``, ``assign`` and
    ``dis`` (12 bytes per point), its own centroids and those in the index it searches.
    """
    used = min(points, POINTS_PER_CENTROID * num_centroids)
    copied = FLOAT32_BYTES * used * dim if points > used else 0
    centroids = 2 * FLOAT32_BYTES * num_centroids * dim
    assigned = (INT64_BYTES + FLOAT32_BYTES) * used
    block = 0 if dim <= _FUSED_DIM else product_bytes(used, num_centroids)
    return {"k-means": copied + centroids + assigned, "search block": block}


def _product_quantiser_bytes(points: int, num_segments: int, bits: int, dim: int) -> int:
    """One slice of the points and the k-means in it. Source: ``ProductQuantizer::train``."""
    slice_dim = max(1, dim // num_segments)
    return FLOAT32_BYTES * points * slice_dim + sum(_k_means_terms(points, 1 << bits, slice_dim).values())


def _rotation_terms(kind: IndexKind, points: int, dim: int, coded_dim: int) -> dict[str, int]:
    """Centred points, their projection, its reconstruction, their product, and a product quantiser.

    Source: ``OPQMatrix::train``: xtrain and xxr of ``max(d_in, d_out)`` values, xproj and pq_recons of
    ``d_out`` values per point. Its products with all points at once fill a buffer of OpenBLAS, which is kept:
    17 MB at 65,536 x 64, measured.
    """
    used = min(points, _ROTATION_POINTS)
    copied = FLOAT32_BYTES * used * dim if points > used else 0
    matrices = FLOAT32_BYTES * used * 2 * (max(dim, coded_dim) + coded_dim)
    quantiser = _product_quantiser_bytes(used, kind.num_rotation_segments, _ROTATION_BITS, coded_dim)
    return {
        "rotation": copied + matrices + kind.num_rotation_segments * used,
        "code training": quantiser,
        _BLAS: min(FLOAT32_BYTES * used * max(dim, coded_dim), _MAX_BLAS_BYTES),
    }


def _residual_terms(kind: IndexKind, points: int, dim: int) -> dict[str, int]:
    """Residuals, where there are lists, of as many points as the code wants.

    Source: ``IndexIVF::train``: ``fvecs_maybe_subsample``, ``assign``, ``residuals``; by_residual is off in
    ``IndexIVFFlat`` only.
    """
    if not kind.num_lists or kind.code == "Flat":
        return {}
    wanted = POINTS_PER_CENTROID << kind.bits if kind.code == "PQ" else points
    used = min(points, _SCALAR_POINTS if kind.code.startswith("SQ") else wanted)
    copied = FLOAT32_BYTES * used * dim if points > used else 0
    # The block of products with the list centroids is gone before there are residuals.
    residuals = max(FLOAT32_BYTES * dim * used, product_bytes(used, kind.num_lists))
    return {"residuals": copied + INT64_BYTES * used + residuals}
