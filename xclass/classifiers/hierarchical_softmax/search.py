"""The most probable leaves of a tree, for a batch of queries at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.hierarchical_softmax.config import BLOCK_QUESTIONS, FIRST_KEPT
from xclass.data.base import FloatArray, IntArray, batch_ranges

Scores = npt.NDArray[np.float32]


@dataclass(kw_only=True, slots=True)
class _Nodes:
    """Some nodes of some queries: rows of queries, node numbers, logs of their probabilities."""

    queries: IntArray
    nodes: IntArray
    scores: Scores

    def take(self, places: npt.NDArray[Any]) -> _Nodes:
        return _Nodes(queries=self.queries[places], nodes=self.nodes[places], scores=self.scores[places])


def search_tree(
    vectors_ID: FloatArray,
    children_I2: npt.NDArray[np.integer[Any]],
    queries_QD: FloatArray,
    k: int,
    num_kept: int,
) -> Answers:
    """The k most probable classes of each query.

    A node is at least as probable as every class below it. A first, narrow descent finds k good classes; the
    second goes through every node that is more probable than the k-th best class so far, level by level: the
    answer is exact as long as no level has more than ``max(num_kept, 2 k)`` of them for one query.

    Args:
        vectors_ID: of the questions, float32.
        children_I2: of the inner nodes: below C a class, else ``C + question``.
        queries_QD: left untouched.
        k: at most C are found.
        num_kept: see above.

    Memory:
        ``40 Q`` bytes for each of at most ``2 max(num_kept, 2 k)`` nodes of a level, and ``8 D`` for each of
        a block of them.

    Source: branch and bound as in fastText's ``HierarchicalSoftmaxLoss::dfs``, made breadth-first so that
        one call of numpy serves a whole level of all queries.
    """
    num_classes = len(children_I2) + 1
    queries_QD = np.ascontiguousarray(queries_QD)
    best = Answers(
        classes_QK=np.full((len(queries_QD), k), -1, np.int64),
        scores_QK=np.full((len(queries_QD), k), -np.inf, np.float32),
    )
    num_wanted = min(k, num_classes)
    for width in (num_wanted + FIRST_KEPT, max(num_kept, 2 * k)):
        bound_Q = best.scores_QK[:, num_wanted - 1].copy()
        best.classes_QK[:], best.scores_QK[:] = -1, -np.inf
        _descend(vectors_ID, children_I2, queries_QD, best, bound_Q, width=width, num_wanted=num_wanted)
    return best


def _descend(
    vectors_ID: FloatArray,
    children_I2: npt.NDArray[np.integer[Any]],
    queries_QD: FloatArray,
    best: Answers,
    bound_Q: Scores,
    *,
    width: int,
    num_wanted: int,
) -> None:
    """Level by level; fills ``best`` with all classes met that are not below ``bound_Q``."""
    num_classes, num_queries = len(children_I2) + 1, len(queries_QD)
    level = _Nodes(
        queries=np.arange(num_queries),
        nodes=np.full(num_queries, 2 * num_classes - 2),
        scores=np.zeros(num_queries, np.float32),
    )
    while len(level.nodes):
        level = _expand(level, vectors_ID, children_I2, queries_QD)
        level = level.take(level.scores >= bound_Q[level.queries])
        is_leaf = level.nodes < num_classes
        if is_leaf.any():
            _add(best, level.take(is_leaf))
            np.maximum(bound_Q, best.scores_QK[:, num_wanted - 1], out=bound_Q)
            level = level.take(~is_leaf)
            level = level.take(level.scores >= bound_Q[level.queries])
        level = _narrow(level, width)


def _expand(
    level: _Nodes,
    vectors_ID: FloatArray,
    children_I2: npt.NDArray[np.integer[Any]],
    queries_QD: FloatArray,
) -> _Nodes:
    """Both children of each node: side 0, then side 1."""
    questions = level.nodes - (len(children_I2) + 1)
    logits = np.empty(len(questions), np.float32)
    for start, stop in batch_ranges(len(questions), BLOCK_QUESTIONS):
        rows, inputs = vectors_ID[questions[start:stop]], queries_QD[level.queries[start:stop]]
        logits[start:stop] = np.einsum("id,id->i", rows, inputs)
    zero = np.float32(0)
    return _Nodes(
        queries=np.concatenate([level.queries, level.queries]),
        nodes=children_I2[questions].T.astype(np.int64).ravel(),
        scores=np.concatenate(
            [level.scores - np.logaddexp(zero, logits), level.scores - np.logaddexp(zero, -logits)]
        ),
    )


def _narrow(level: _Nodes, width: int) -> _Nodes:
    """The ``width`` most probable nodes of each query."""
    if not len(level.nodes) or np.bincount(level.queries).max() <= width:
        return level
    order, ranks = _ranked(level)
    return level.take(order[ranks < width])


def _ranked(level: _Nodes) -> tuple[IntArray, IntArray]:
    """Places by query and falling score, equal ones by number; and the rank of each within its query."""
    order = np.lexsort((level.nodes, -level.scores, level.queries))
    queries = level.queries[order]
    starts = np.flatnonzero(np.diff(queries, prepend=-1))
    sizes = np.diff(starts, append=len(queries))
    return order, np.arange(len(queries)) - np.repeat(starts, sizes)


def _add(best: Answers, leaves: _Nodes) -> None:
    """Merge newly met classes into the best of their queries."""
    met, k = np.unique(leaves.queries), best.classes_QK.shape[1]
    known_MK = best.classes_QK[met]
    is_known_MK = known_MK >= 0
    rows_MK = np.repeat(met, k).reshape(-1, k)
    level = _Nodes(
        queries=np.concatenate([leaves.queries, rows_MK[is_known_MK]]),
        nodes=np.concatenate([leaves.nodes, known_MK[is_known_MK]]),
        scores=np.concatenate([leaves.scores, best.scores_QK[met][is_known_MK]]),
    )
    order, ranks = _ranked(level)
    order, ranks = order[ranks < k], ranks[ranks < k]
    level = level.take(order)
    best.classes_QK[level.queries, ranks] = level.nodes
    best.scores_QK[level.queries, ranks] = level.scores
