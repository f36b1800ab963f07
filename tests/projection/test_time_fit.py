"""Two numbers from a few points: the law that made them, also where small sizes follow another one."""

import pytest

from xclass.projection.time_fit import fit_time


def law(fixed, slope, works):
    return [(work, fixed + slope * work) for work in works]


def test_a_known_law_is_found_again():
    fit = fit_time(law(0.25, 3e-9, [1e6, 1e7, 1e8, 1e9]))
    assert fit.fixed_seconds == pytest.approx(0.25)
    assert fit.seconds_per_work == pytest.approx(3e-9)
    assert (fit.num_points, fit.num_left_out) == (4, 0)
    assert fit.seconds(1e10) == pytest.approx(30.25)


def test_errors_are_relative_so_the_largest_point_does_not_decide_alone():
    fit = fit_time([(1.0, 1.1), (10.0, 10.0), (100.0, 95.0)])
    worst = max(abs(fit.seconds(work) / seconds - 1) for work, seconds in [(1.0, 1.1), (100.0, 95.0)])
    assert worst < 0.06


@pytest.mark.parametrize(
    "points",
    [
        [(1.0, 5.0), (2.0, 4.0), (3.0, 3.0)],  # falls: no negative slope
        [(1.0, 0.5), (2.0, 2.0), (3.0, 3.5)],  # crosses below zero: no negative fixed part
        [(0.0, 2.0), (0.0, 3.0)],  # nothing grows
        [(7.0, 21.0)],  # one point
    ],
)
def test_neither_number_is_ever_negative(points):
    fit = fit_time(points)
    assert fit.fixed_seconds >= 0
    assert fit.seconds_per_work >= 0
    assert fit.seconds(max(points)[0]) > 0


def test_one_point_is_a_line_through_the_origin():
    assert fit_time([(7.0, 21.0)]).seconds(14.0) == pytest.approx(42.0)


def test_without_work_the_fixed_part_is_in_the_middle():
    assert 2.0 < fit_time([(0.0, 2.0), (0.0, 3.0)]).fixed_seconds < 3.0


def test_small_sizes_that_fit_the_cache_are_left_out():
    """They run at a third of the seconds per value: the large ones decide what is projected."""
    in_cache, beyond = law(0.0, 1e-10, [1e6, 2e6]), law(0.0, 3e-10, [1e7, 2e7, 4e7])
    fit = fit_time(in_cache + beyond)
    assert fit.num_left_out == 2
    assert fit.seconds(1e9) == pytest.approx(0.3, rel=0.01)


def test_points_that_scatter_by_a_tenth_are_all_kept():
    points = [(work, seconds * factor) for (work, seconds), factor in zip(
        law(0.0, 1e-9, [1e6, 2e6, 4e6, 8e6, 1.6e7]), (1.08, 0.94, 1.05, 0.95, 1.0), strict=True
    )]  # fmt: skip
    assert fit_time(points).num_left_out == 0
