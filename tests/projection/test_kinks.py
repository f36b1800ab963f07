"""Bends between sizes, and what the records say of them."""

from dataclasses import replace

import pytest
from made_points import PINNED, make_config, measured, phase_of

from xclass.projection.kinks import byte_kinks
from xclass.projection.points import points_of

SIZES = (500_000, 1_000_000, 2_000_000, 4_000_000)


def kinks(extra, **changes):
    records = [
        one
        for size in SIZES
        for one in measured(make_config(size), "dense_softmax", extra_bytes=extra(size), **changes)
    ]
    return byte_kinks(points_of(phase_of(records, "train")))


def above_a_million(size):
    """Twice as fast from one size on: 256 bytes more for each class beyond."""
    return 256 * max(0, min(size, 2_000_000) - 1_000_000)


def test_a_straight_line_has_no_kink():
    assert kinks(lambda size: 3_000_000) == []


def test_a_law_that_is_off_by_one_factor_everywhere_is_no_kink():
    assert kinks(lambda size: 50 * size) == []


def test_a_step_that_grows_twice_as_fast_is_found_between_its_sizes():
    (found,) = kinks(above_a_million)
    assert "from 1,000,000 classes x 64 to 2,000,000 classes x 64 memory grew 2." in found
    assert found.endswith("no record says why")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"environment": {"OMP_NUM_THREADS": "2"}}, "malloc was not pinned (measure.allocator=system)"),
        ({"conditions": {"huge_page_bytes": 2 << 20}}, "huge pages"),
        ({"environment": PINNED}, "no record says why"),
    ],
)
def test_the_cause_is_what_the_records_say(changes, cause):
    (found,) = kinks(above_a_million, **changes)
    assert cause in found


def test_swapped_pages_are_named():
    records = [
        one
        for size in SIZES
        for one in measured(make_config(size), "dense_softmax", extra_bytes=-60_000_000 * (size > 2_000_000))
    ]
    last = records.index(phase_of(records, "train")[-1])
    memory = records[last].memory
    records[last] = replace(
        records[last], memory=replace(memory, end=replace(memory.end, swap_bytes=60_000_000))
    )
    (found,) = byte_kinks(points_of(phase_of(records, "train")))
    assert "pages were swapped out" in found


def test_other_versions_are_named():
    records = [one for size in SIZES for one in measured(make_config(size), "dense_softmax")]
    train = [
        one if one.classes < 4_000_000 else replace(one, machine={"packages": {"torch": "3.0"}})
        for one in phase_of(records, "train")
    ]
    memory = train[-1].memory
    train[-1] = replace(train[-1], memory=replace(memory, peak_rss_bytes=memory.peak_rss_bytes + 99_000_000))
    (found,) = byte_kinks(points_of(train))
    assert found.endswith("measured with different versions of torch")
