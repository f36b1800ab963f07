"""An accuracy above what can be is doubted, but not one that chance explains."""

import pytest

from xclass.evaluate.intervals import wilson
from xclass.evaluate.too_good import find_too_good
from xclass.records.cautions import CautionKind
from xclass.records.record import Accuracy


def answered(num_right, num_queries):
    low, high = wilson(num_right, num_queries)
    share = num_right / num_queries
    return Accuracy(
        num_queries=num_queries,
        at_1=share,
        at_1_low=low,
        at_1_high=high,
        at_5=1.0,
        at_5_low=0.9,
        at_5_high=1.0,
    )


@pytest.mark.parametrize(
    ("num_right", "is_doubted"),
    # Of 2000 at 90 %: standard deviation 13.4; the limit lies 2.9 of them above 1800.
    [(1780, False), (1800, False), (1826, False), (1845, True), (2000, True)],
)
def test_only_what_chance_does_not_explain_is_doubted(num_right, is_doubted):
    found = find_too_good(answered(num_right, 2000), {"bayes_accuracy": 0.9})
    assert bool(found) == is_doubted
    if found:
        assert found[0].kind is CautionKind.ABOVE_BAYES
        assert f"{num_right:,} of 2,000" in found[0].words
        assert "1,800 times" in found[0].words


def test_without_a_known_limit_nothing_is_too_good():
    assert find_too_good(answered(2000, 2000), {}) == []
