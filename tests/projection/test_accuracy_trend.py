"""Accuracy as measured, and the line over it."""

import pytest
from made_points import answered, make_config, measured, phase_of

from xclass.projection.accuracy import accuracies_of, trend_of
from xclass.projection.points import points_of


def accuracies(*pairs, dim=64):
    records = [
        answered(phase_of(measured(make_config(size, dim=dim), "dense_softmax"), "serve")[0], right)
        for size, right in pairs
    ]
    return accuracies_of(points_of(records))


def test_accuracy_is_the_records_own_with_its_interval():
    (found,) = accuracies((10_000, 0.7))
    assert (found.at_1, found.low, found.high, found.classes) == (0.7, 0.7 - 0.02, 0.7 + 0.02, 10_000)
    assert trend_of([found]) is None, "one size has no trend"


def test_the_trend_is_points_for_ten_times_the_classes():
    found = trend_of(accuracies((10_000, 0.70), (100_000, 0.66), (1_000_000, 0.62)))
    assert found.per_decade == pytest.approx(-0.04)
    assert found.at(10_000_000) == pytest.approx(0.58)
    assert (found.fewest_classes, found.most_classes, found.num_sizes) == (10_000, 1_000_000, 3)


def test_another_dimension_is_not_in_the_line():
    other = accuracies((10_000, 0.2), dim=16)
    found = trend_of([*other, *accuracies((100_000, 0.7), (1_000_000, 0.6))])
    assert found.per_decade == pytest.approx(-0.1)


def test_no_guess_leaves_zero_to_one():
    assert trend_of(accuracies((10_000, 0.5), (100_000, 0.1))).at(10**9) == 0.0
