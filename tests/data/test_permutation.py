"""The order of an epoch: a bijection, keyed, without structure, without memory."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.data.permutation import Permutation


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**64), epoch=st.integers(0, 1000))
@settings(deadline=None)
def test_is_a_bijection(size, seed, epoch):
    images = Permutation(size, (seed, epoch))(np.arange(size))
    assert images.dtype == np.int64
    np.testing.assert_array_equal(np.sort(images), np.arange(size))


@given(size=st.integers(10**6, 2**60), start=st.integers(0, 10**6 - 500))
@settings(deadline=None)
def test_stays_inside_and_distinct_for_huge_sizes(size, start):
    images = Permutation(size, (1,))(np.arange(start, start + 500))
    assert images.min() >= 0
    assert images.max() < size
    assert len(np.unique(images)) == 500


def test_any_range_is_computed_by_position():
    order = Permutation(10_007, (3, 4))
    whole = order(np.arange(10_007))
    np.testing.assert_array_equal(order(np.arange(500, 900)), whole[500:900])


def test_keys_give_different_orders_and_equal_keys_equal_ones():
    positions = np.arange(1000)
    first = Permutation(1000, (0, 0))(positions)
    np.testing.assert_array_equal(first, Permutation(1000, (0, 0))(positions))
    for other in ((0, 1), (1, 0), (1,)):
        # Two random orders agree in about one place.
        assert np.sum(first == Permutation(1000, other)(positions)) < 10


def test_neighbours_are_not_in_arithmetic_progression():
    images = Permutation(1_000_003, (5,))(np.arange(100_000))
    steps = np.diff(images)
    assert len(np.unique(steps)) > 90_000
    assert abs(np.corrcoef(images[:-1], images[1:])[0, 1]) < 0.02


def test_every_part_of_the_range_is_met_equally_often():
    counts = np.bincount(Permutation(35_000_000, (9,))(np.arange(100_000)) * 100 // 35_000_000, minlength=100)
    chi_square = np.sum((counts - 1000.0) ** 2 / 1000)
    assert chi_square < 160  # 99 degrees of freedom: exceeded once in 1e4


def test_small_sizes_reach_all_orders():
    orders = {tuple(Permutation(4, (seed,))(np.arange(4)).tolist()) for seed in range(1000)}
    assert len(orders) == 24


def test_memory_is_that_of_the_positions_asked():
    order = Permutation(10**12, (1,))
    positions = np.arange(10_000)
    order(positions)
    tracemalloc.start()
    order(positions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * len(positions)
