"""Counting class numbers in parts: small and huge numbers, seen and not counted."""

import numpy as np
import pytest

from xclass.data.class_counts import ClassCounter, Places


@pytest.mark.parametrize("offsets", [(0,), (1 << 40,), (0, 1 << 40)], ids=["small", "huge", "both"])
def test_parts_add_up_to_what_numpy_counts_at_once(offsets, monkeypatch):
    monkeypatch.setattr("xclass.data.class_counts._BUFFERED", 50)
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 90, 40) + offsets[i % len(offsets)] for i in range(30)]
    flags = [rng.random(40) < 0.4 for _ in parts]
    counter = ClassCounter()
    for part, is_counted in zip(parts, flags, strict=True):
        counter.add(part, is_counted)
    numbers, counts = counter.result()
    every, counted = np.concatenate(parts), np.concatenate(flags)
    np.testing.assert_array_equal(numbers, np.unique(every))
    np.testing.assert_array_equal(counts, [np.count_nonzero(counted & (every == n)) for n in numbers])
    np.testing.assert_array_equal(numbers[Places(numbers).of(every)], every)


def test_nothing_counted_is_nothing():
    numbers, counts = ClassCounter().result()
    assert len(numbers) == len(counts) == 0
