"""More right answers than can be: a leak or a defect, not a better method. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xclass.evaluate.intervals import wilson
from xclass.records.cautions import Caution, CautionKind
from xclass.records.record import Accuracy
from xclass.units import format_count

_CONFIDENCE = 0.998
"""Of the two-sided interval that must lie above the limit: a method that is as good as can be is accused in
one of 1000 runs, not in one of 40 as with the 95 % that is shown."""


def find_too_good(accuracy: Accuracy, facts: Mapping[str, Any]) -> list[Caution]:
    """Whether an accuracy lies above the Bayes accuracy of its data, by more than chance explains.

    Args:
        accuracy: of one method.
        facts: of the data; without ``bayes_accuracy`` nobody knows a limit.
    """
    bayes = facts.get("bayes_accuracy")
    num_right = round(accuracy.at_1 * accuracy.num_queries)
    if bayes is None or wilson(num_right, accuracy.num_queries, _CONFIDENCE)[0] <= bayes:
        return []
    words = (
        f"{format_count(num_right)} of {format_count(accuracy.num_queries)} first answers are right, where "
        f"the best possible classifier is right {format_count(round(bayes * accuracy.num_queries))} times on "
        "average; chance alone gives as many in fewer than one of 1000 runs. Look for queries among the "
        "training examples, or a defect, before believing it."
    )
    return [
        Caution(
            kind=CautionKind.ABOVE_BAYES, words=words, num_found=num_right, num_checked=accuracy.num_queries
        )
    ]
