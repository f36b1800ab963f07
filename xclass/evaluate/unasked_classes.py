"""Classes that no held-out example is of: nothing measured says how well they are answered."""

from __future__ import annotations

import numpy as np

from xclass.data.base import DataSource
from xclass.evaluate import leakage_words
from xclass.evaluate.leakage_found import MAX_EXAMPLES
from xclass.records.cautions import Caution

_MAX_COUNTED = 200_000
"""Held-out examples that are read to count their classes."""


def count_unasked(source: DataSource, *, num_test_classes: int | None, seed: int) -> list[Caution]:
    """The caution, if there are such classes; none where they cannot be counted in bounded time.

    Args:
        source: with a finite number of held-out examples.
        num_test_classes: classes that these are of, where the source has counted them.
        seed: of the order in which they are read.
    """
    examples: list[str] = []
    if num_test_classes is None:
        if source.num_test > _MAX_COUNTED:
            return []
        is_asked_C = np.zeros(source.num_classes, np.bool_)
        is_asked_C[source.queries(source.num_test, seed).sets.classes] = True
        num_test_classes = int(is_asked_C.sum())
        # Classes are ordered by falling frequency: the first ones matter most.
        unasked = np.flatnonzero(~is_asked_C)[:MAX_EXAMPLES]
        examples = [leakage_words.quoted(source.class_name(int(one))) for one in unasked]
    num_unasked = source.num_classes - num_test_classes
    return [leakage_words.unasked(num_unasked, source.num_classes, examples)] if num_unasked else []
