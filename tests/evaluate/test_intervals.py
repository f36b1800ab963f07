from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from xclass.evaluate.intervals import percentile, wilson


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(
    ("successes", "total"),
    [(0, 1), (1, 1), (0, 500), (3, 500), (250, 500), (499, 500), (9_999_999, 10_000_000)],
)
def test_wilson_agrees_with_scipy(successes, total, confidence):
    expected = binomtest(successes, total).proportion_ci(confidence, method="wilson")
    assert wilson(successes, total, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 10**9), st.data())
def test_wilson_holds_the_share_inside_0_and_1(total, data):
    successes = data.draw(st.integers(0, total))
    low, high = wilson(successes, total)
    assert 0 <= low <= successes / total <= high <= 1
    assert low < high


def test_wilson_is_exact_at_the_ends():
    assert wilson(0, 7)[0] == 0.0
    assert wilson(7, 7)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "total", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_wilson_refuses_what_is_no_share(successes, total, confidence):
    with pytest.raises(ValueError, match="allowed"):
        wilson(successes, total, confidence)


def test_percentile_is_a_value_that_was_measured():
    values = list(range(1, 101))[::-1]
    assert [percentile(values, p) for p in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([5.0], 1) == 5.0


def test_percentile_refuses_nothing_and_strange_ranks():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="allowed"):
        percentile([1.0], 0)
