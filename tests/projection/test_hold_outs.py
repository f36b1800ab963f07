"""Errors of what a fit did not see, and the intervals that are made of them."""

import pytest
from made_points import make_config, measured, phase_of

from xclass.projection.byte_series import byte_series
from xclass.projection.hold_outs import AllowedError, allowed_error
from xclass.projection.points import extrapolation_of, points_of
from xclass.projection.projector import Projector

UNKNOWN = AllowedError(share=0.05, words="nobody knows")


def series(*sizes, law=None, extra=lambda size: 0, method="nearest_neighbour", phase="build"):
    records = [
        one for size in sizes for one in measured(make_config(size), method, law=law, extra_bytes=extra(size))
    ]
    return byte_series(points_of(phase_of(records, phase)))


def test_every_larger_size_is_predicted_from_every_smaller_prefix():
    found = series(10_000, 100_000, 1_000_000).misses
    shown = [(miss.num_points, miss.observed.point.shape.num_classes, miss.extrapolation) for miss in found]
    assert shown == [(1, 100_000, 10.0), (1, 1_000_000, 100.0), (2, 1_000_000, 10.0)]


def test_a_hold_out_is_predicted_by_a_fit_that_did_not_see_it():
    """Only the largest size is off: whoever had seen it would have come closer than its whole error."""
    found = series(100_000, 1_000_000, 8_000_000, extra=lambda size: (size == 8_000_000) * 200_000_000).misses
    for miss in found[-2:]:
        assert miss.observed.measured - miss.predicted == pytest.approx(200_000_000, rel=0.01)


def test_an_exact_law_has_no_error_and_the_stated_floor_as_its_interval():
    found = series(100_000, 1_000_000, 8_000_000)
    assert max(miss.error_share for miss in found.misses) < 1e-6
    low, high, words = found.interval(1e9, found.error_at(8.0, []))
    assert (high - 1e9, 1e9 - low) == pytest.approx((4 * 2**20 + 2e6,) * 2)
    assert words.startswith("the worst of 3 hold-outs at 8x or more was 0 %; equal runs differ by 4 MiB")


def test_the_interval_is_the_worst_error_at_the_same_extrapolation_or_more():
    off = {100_000: 0, 1_000_000: 8_000_000, 8_000_000: 20_000_000}
    misses = series(*off, extra=off.get).misses
    far = [miss for miss in misses if miss.extrapolation >= 10.0]
    assert allowed_error(10.0, misses, [], UNKNOWN).share == max(miss.error_share for miss in far)
    assert allowed_error(1.0, misses, [], UNKNOWN).share == max(miss.error_share for miss in misses)


def test_beyond_every_hold_out_the_worst_error_grows_with_the_extrapolation_and_says_so():
    misses = series(100_000, 200_000, 400_000, extra=lambda size: (size == 400_000) * 50_000_000).misses
    worst = max(misses, key=lambda miss: miss.error_share)
    assert worst.error_share > 0.2
    found = allowed_error(40.0, misses, [], UNKNOWN)
    # Equal runs differ by 4 MiB + 0.2 % at any distance.
    spread = (4 * 2**20) / worst.observed.measured + 0.002
    assert found.share == pytest.approx(spread + 10 * (worst.error_share - spread))
    assert found.words.startswith("no hold-out reaches 40x: the worst of 3 hold-outs at up to 4x was")
    assert "the part beyond what equal runs differ by, 10x, makes " in found.words


def test_an_error_that_equal_runs_explain_does_not_grow_with_the_distance():
    misses = series(100_000, 200_000, 400_000, extra=lambda size: size).misses
    worst = max(miss.error_share for miss in misses)
    assert 0.0 < worst < 0.01
    assert allowed_error(40.0, misses, [], UNKNOWN).share == pytest.approx(worst)


def test_few_hold_outs_of_a_variant_are_joined_by_those_of_others():
    own = series(100_000, 1_000_000).misses
    others = series(100_000, 1_000_000, 8_000_000, extra=lambda size: size).misses
    found = allowed_error(10.0, own, others, UNKNOWN)
    assert found.words.startswith("the worst of 3 hold-outs of all variants at 10x or more was")
    assert found.share == max(miss.error_share for miss in others if miss.extrapolation >= 10.0)


def test_without_any_hold_out_the_ledger_speaks():
    assert allowed_error(3.0, [], [], UNKNOWN) is UNKNOWN
    assert "benchmarks/records/measure/ledger" in series(10_000).error_at(1.0, []).words


def test_extrapolation_is_the_product_over_what_lies_beyond():
    assert extrapolation_of((200, 128, 512), [(100, 64, 512), (50, 32, 1024)]) == 4.0
    assert extrapolation_of((10, 8, 1), [(100, 64, 512)]) == 1.0


def test_the_interval_of_a_hold_out_is_made_of_what_its_fit_saw():
    """The largest size alone breaks the law: no earlier hold-out knew of it, so the truth lies outside."""
    sizes = (1_000_000, 2_000_000, 4_000_000, 8_000_000)
    records = [
        one
        for size in sizes
        for one in measured(
            make_config(size), "nearest_neighbour", extra_bytes=(size == 8_000_000) * 400_000_000
        )
    ]
    held = [one for one in Projector.of_records(records).held_out() if one.phase == "build"]
    assert [one.is_inside for one in held if one.classes < 8_000_000] == [True] * 3
    assert [one.is_inside for one in held if one.classes == 8_000_000] == [False] * 3
