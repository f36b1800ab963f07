"""The best classes of a query from the probabilities of buckets, without looking at every class.

A class scores the mean over heads of its bucket's probability. The classes of the m best buckets of each head
are scored; any other class has in every head at most the probability of the next bucket, so that it cannot
beat the sum of those. Where the k-th best found does not reach that sum, m grows; in the end all are scored.

Source: Fagin, Lotem & Naor, "Optimal aggregation algorithms for middleware", PODS 2001 (threshold algorithm).
"""

from __future__ import annotations

import numpy as np

from xclass.classifiers.mach.config import FIRST_BUCKETS, SCORED_CLASSES
from xclass.classifiers.mach.hashing import BucketHashes
from xclass.data.base import FloatArray, IntArray, batch_ranges

_GROWTH = 4


def best_classes(shares_RM: FloatArray, hashes: BucketHashes, k: int) -> tuple[IntArray, FloatArray]:
    """The k best classes of one query, exact; of equal ones the smaller number first.

    Args:
        shares_RM: probability of each bucket, divided by R.
        hashes: of the same heads.
        k: at most C.

    Returns:
        Classes and scores, shape (k,), best first.

    Memory:
        ``40 R m C / M`` bytes for the m best buckets; at most 40 bytes for each of 65536 classes and of the
        k best where all are scored.
    """
    num_heads, num_buckets = shares_RM.shape
    num_wanted = FIRST_BUCKETS
    while num_heads * num_wanted < num_buckets:
        order_RM = np.argpartition(shares_RM, -num_wanted - 1, axis=1)[:, -num_wanted - 1 :]
        sorted_RM = np.take_along_axis(
            order_RM, np.argsort(np.take_along_axis(shares_RM, order_RM, axis=1), axis=1), axis=1
        )
        found = [hashes.members(head, sorted_RM[head, 1:]) for head in range(num_heads)]
        classes, scores = _best(np.unique(np.concatenate(found)), shares_RM, hashes, k)
        bound = sum(shares_RM[head, sorted_RM[head, 0]] for head in range(num_heads))
        if len(classes) == k and scores[-1] > bound:
            return classes, scores
        num_wanted *= _GROWTH
    classes, scores = np.zeros(0, np.int64), np.zeros(0, np.float32)
    for start, stop in batch_ranges(hashes.num_classes, SCORED_CLASSES):
        classes, scores = _best(np.concatenate([classes, np.arange(start, stop)]), shares_RM, hashes, k)
    return classes, scores


def _best(
    classes: IntArray, shares_RM: FloatArray, hashes: BucketHashes, k: int
) -> tuple[IntArray, FloatArray]:
    scores = np.zeros(len(classes), np.float32)
    for head, shares_M in enumerate(shares_RM):
        scores += shares_M[hashes.buckets(head, classes)]
    if len(classes) > k:
        # All that equal the k-th best, so that ties are broken by number whatever was looked at.
        places = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
        classes, scores = classes[places], scores[places]
    order = np.lexsort((classes, -scores))[:k]
    return classes[order], scores[order]
