"""Intervals by drawing queries again: they hold as often as they say, and never claim certainty."""

import numpy as np
import pytest

from xclass.evaluate.bootstrap import Bootstrap, Ratio
from xclass.evaluate.intervals import wilson
from xclass.records.metric import IntervalKind


def interval_of(gained, possible=None, seed=0):
    gained = np.asarray(gained, dtype=np.float64)
    ratio = Ratio(gained_Q=gained, possible_Q=np.ones(len(gained)) if possible is None else possible)
    bootstrap = Bootstrap(len(gained), seed)
    return bootstrap.intervals([bootstrap.group_ratio(ratio)])[0]


def test_a_share_has_the_interval_of_wilson():
    low, high, kind = interval_of([1.0] * 37 + [0.0] * 63)
    assert (low, high) == pytest.approx(wilson(37, 100))
    assert kind is IntervalKind.WILSON


def test_the_interval_of_a_ratio_holds_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    num_held = 0
    for trial in range(100):
        possible = rng.gamma(2.0, 1.0, 250)
        gained = possible * rng.beta(2.0, 1.0, 250)
        low, high, kind = interval_of(gained, possible, seed=trial)
        assert kind is IntervalKind.BOOTSTRAP
        num_held += low <= 2 / 3 <= high
    # Of a binomial with 100 draws at 0.95, 88 and less comes once in 300.
    assert num_held >= 89


def test_more_queries_than_are_drawn_one_by_one_have_the_spread_of_theory():
    values = np.random.default_rng(2).random(50_001)
    low, high, _ = interval_of(values)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / np.sqrt(50_001), rel=0.1)


@pytest.mark.parametrize("value", [1.0, 0.5, 0.0])
def test_values_that_do_not_vary_are_not_certain(value):
    possible = np.linspace(1.0, 2.0, 40)
    low, high, kind = interval_of(value * possible, possible)
    assert kind is IntervalKind.WILSON
    assert low <= value <= high
    assert high - low > 0.05
