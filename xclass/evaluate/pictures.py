"""From answers and class vectors to the pictures of a record: which groups of classes are taken for which."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from xclass.data.base import DataSource, FloatArray, IntArray
from xclass.evaluate.groups import GroupRows, choose_groups, sample_classes
from xclass.records.pictures import ClassMap, Pictures

_VECTORS_EACH = 24
"""Class vectors of each row: 276 pairs within, 576 between two; a cosine's mean is true to about 0.01."""
_MAPPED_GROUPS = 6
"""On the map, those that most queries are of: the same for every method. More colours are not told apart."""
_NO_VECTORS = "this method cannot give back its class vectors"
_ONE_GROUP = "all classes are of one group"
_NOT_FINITE = "some of its class vectors are not finite: training went astray"


def make_pictures(
    source: DataSource,
    *,
    answers_Q: IntArray,
    truth_Q: IntArray,
    class_vectors: Callable[[IntArray], FloatArray | None],
    seed: int,
) -> Pictures:
    """Count the confusion of groups and compare their class vectors.

    Args:
        source: knows the groups.
        answers_Q: first answers, shape (Q,), int64; -1 for none.
        truth_Q: the class of each query, shape (Q,), int64; at least one.
        class_vectors: of the server.
        seed: of the sample of classes.

    Memory:
        about 64 Q bytes; 6 MiB while classes are drawn; 288 class vectors of 12 D bytes, and what
        ``class_vectors`` takes. Nothing that grows with the classes.
    """
    begun = time.perf_counter()
    is_answered_Q = answers_Q >= 0
    group_Q = source.groups_of(truth_Q)
    answer_group_Q = np.where(is_answered_Q, source.groups_of(np.maximum(answers_Q, 0)), -1)
    chosen = choose_groups(group_Q, answer_group_Q)
    row_Q = chosen.rows(group_Q)
    column_Q = np.where(is_answered_Q, chosen.rows(answer_group_Q), chosen.num_rows)
    confusion = _count_pairs(row_Q, column_Q, chosen.num_rows)
    is_right_Q = answers_Q == truth_Q
    is_in_group_Q = answer_group_Q == group_Q
    similarity, class_map, left_out = _compare_vectors(source, chosen, class_vectors, seed)
    return Pictures(
        noun=source.group_noun,
        groups=[source.group_name(int(group)) for group in chosen.groups_G],
        num_other_groups=chosen.num_others,
        confusion=confusion.tolist(),
        num_right=np.bincount(row_Q[is_right_Q], minlength=chosen.num_rows).tolist(),
        num_in_group=np.bincount(row_Q[is_in_group_Q], minlength=chosen.num_rows).tolist(),
        by_chance_share=_by_chance(group_Q[~is_right_Q], answer_group_Q[~is_right_Q]),
        similarity=similarity,
        class_map=class_map,
        left_out=left_out,
        seconds=round(time.perf_counter() - begun, 4),
    )


def _count_pairs(row_Q: IntArray, column_Q: IntArray, num_rows: int) -> IntArray:
    """Queries per row and column, shape (G, G + 1)."""
    num_columns = num_rows + 1
    counts = np.bincount(row_Q * num_columns + column_Q, minlength=num_rows * num_columns)
    return counts.reshape(num_rows, num_columns).astype(np.int64)


def _by_chance(truth_W: IntArray, answer_W: IntArray) -> float | None:
    """Expected share of pairs of one group if the answers were dealt out anew.

    Source: the chance agreement of Cohen's kappa, "A coefficient of agreement for nominal scales",
    Educational and Psychological Measurement 20 (1960), 37-46: the sum of the products of both margins.
    """
    if not len(truth_W):
        return None
    groups, counts = np.unique(truth_W, return_counts=True)
    answered = np.searchsorted(np.sort(answer_W), np.stack([groups, groups + 1]))
    return round(float((counts * (answered[1] - answered[0])).sum()) / len(truth_W) ** 2, 6)


def _compare_vectors(
    source: DataSource,
    chosen: GroupRows,
    class_vectors: Callable[[IntArray], FloatArray | None],
    seed: int,
) -> tuple[list[list[float | None]] | None, ClassMap | None, str | None]:
    """Similarity and map from some class vectors of each row, or why there are none."""
    if chosen.num_rows == 1:
        return None, None, _ONE_GROUP
    classes = sample_classes(source, chosen, _VECTORS_EACH, seed)
    vectors_BD = class_vectors(np.concatenate(classes))
    if vectors_BD is None:
        return None, None, _NO_VECTORS
    if not np.isfinite(vectors_BD).all():
        return None, None, _NOT_FINITE
    lengths_B = np.sqrt(np.einsum("bd,bd->b", vectors_BD, vectors_BD))
    unit_BD = vectors_BD / np.maximum(lengths_B, 1e-12)[:, None]
    vectors = np.split(unit_BD, np.cumsum([len(ids) for ids in classes])[:-1])
    named = vectors[: len(chosen.groups_G)]
    return mean_cosines(vectors), _draw_map(named[:_MAPPED_GROUPS]), None


def mean_cosines(vectors: Sequence[FloatArray]) -> list[list[float | None]]:
    """Mean cosine between vectors of two rows; within a row, of all pairs of different ones.

    Args:
        vectors: of each row, shape (B, D), of length 1.

    Returns:
        A square, symmetric table, three decimals; None where there is no pair.
    """
    sums = [rows_BD.sum(axis=0, dtype=np.float64) for rows_BD in vectors]
    sizes = [len(rows_BD) for rows_BD in vectors]
    # A vector's cosine with itself is its squared length: 1, or 0 where it has no direction.
    selves = [float(np.einsum("bd,bd->", rows_BD, rows_BD)) for rows_BD in vectors]

    def cosine(a: int, b: int) -> float | None:
        num_pairs = sizes[a] * (sizes[b] - (a == b))
        if not num_pairs:
            return None
        total = float(sums[a] @ sums[b]) - (selves[a] if a == b else 0.0)
        return round(total / num_pairs, 3)

    return [[cosine(a, b) for b in range(len(vectors))] for a in range(len(vectors))]


def _draw_map(vectors: Sequence[FloatArray]) -> ClassMap | None:
    """Principal components of the vectors of the first rows; None where they span no two axes."""
    stacked_BD = np.concatenate(vectors).astype(np.float64)
    stacked_BD -= stacked_BD.mean(axis=0)
    left, strengths, _ = np.linalg.svd(stacked_BD, full_matrices=False)
    if len(strengths) < 2 or strengths[1] <= 1e-9 * max(strengths[0], 1.0):
        return None
    places = left[:, :2] * strengths[:2]
    # An axis has no direction of its own: fixed, so that equal vectors give equal maps.
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    of_row = np.repeat(np.arange(len(vectors)), [len(rows_BD) for rows_BD in vectors])
    points = [
        [int(row), round(x, 3), round(y, 3)] for row, (x, y) in zip(of_row, places.tolist(), strict=True)
    ]
    shares = np.square(strengths[:2]) / np.square(strengths).sum()
    return ClassMap(points=points, explained_shares=[round(float(share), 4) for share in shares])
