from __future__ import annotations

import numpy as np
import pytest

from xclass.data.base import ClassSets
from xclass.evaluate.intervals import wilson
from xclass.evaluate.metrics import accuracy, latency


def single(classes):
    return ClassSets.of_single(np.array(classes, dtype=np.int64))


def test_accuracy_counts_first_and_first_five():
    answers_QK = np.array(
        [
            [1, 2, 3, 4, 5, 6],
            [2, 1, 3, 4, 5, 6],
            [2, 3, 4, 5, 6, 1],
            [-1, -1, -1, -1, -1, -1],
        ]
    )
    found = accuracy(answers_QK, single([1, 1, 1, 1]))
    assert (found.at_1, found.at_5, found.num_queries) == (0.25, 0.5, 4)
    assert (found.at_1_low, found.at_1_high) == wilson(1, 4)
    assert (found.at_5_low, found.at_5_high) == wilson(2, 4)


def test_fewer_than_five_answers_count_as_they_are():
    found = accuracy(np.array([[3], [4]]), single([3, 3]))
    assert (found.at_1, found.at_5) == (0.5, 0.5)


def test_no_answer_is_never_right():
    assert accuracy(np.array([[-1, -1]]), single([-1])).at_5 == 0.0


def test_inputs_are_untouched():
    answers_QK, truth_Q = np.array([[1, 2]]), np.array([2])
    accuracy(answers_QK, ClassSets.of_single(truth_Q))
    assert answers_QK.tolist() == [[1, 2]]
    assert truth_Q.tolist() == [2]


@pytest.mark.parametrize(("answers_shape", "num_queries"), [((3, 2), 2), ((3,), 3), ((3, 0), 3), ((0, 5), 0)])
def test_shapes_that_do_not_belong_together_are_refused(answers_shape, num_queries):
    with pytest.raises(ValueError, match="do not answer"):
        accuracy(np.zeros(answers_shape, np.int64), single([0] * num_queries))


def test_of_several_true_classes_each_is_right():
    truth = ClassSets(starts=np.array([0, 2, 3]), classes=np.array([4, 7, 1]))
    found = accuracy(np.array([[7, 4], [2, 3]]), truth)
    assert (found.at_1, found.at_5, found.num_queries) == (0.5, 0.5, 2)


def test_latency_is_per_batch_and_rate_over_the_whole_time():
    found = latency(256, [0.1] * 98 + [0.4, 1.0])
    assert (found.p50_seconds, found.p95_seconds, found.p99_seconds) == (0.1, 0.1, 0.4)
    assert found.queries_per_second == pytest.approx(256 * 100 / 11.2)
    assert (found.batch_size, found.num_batches) == (256, 100)


def test_a_smaller_last_batch_is_counted_as_it_is():
    assert latency(256, [1.0, 1.0], num_queries=300).queries_per_second == 150.0


def test_a_clock_that_saw_nothing_gives_a_finite_rate():
    assert np.isfinite(latency(1, [0.0]).queries_per_second)


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="no values"):
        latency(1, [])
