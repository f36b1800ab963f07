"""RAM against classes, and accuracy against RAM."""

from __future__ import annotations

import re

import pytest

from xclass.report.frontier_figure import Answerer, draw_frontier, frontier
from xclass.report.log_axis import byte_axis, count_axis, count_label
from xclass.report.peak_figure import CurvePoint, PeakLine, ServerLine, draw_peaks
from xclass.units import GIB, MIB


def answerer(name, mebibytes, right):
    return Answerer(name=name, peak_bytes=mebibytes * MIB, at_1=right, low=right - 0.02, high=right + 0.02)


def line(name="a", points=((10_000, 100 * MIB), (100_000, 400 * MIB)), **changes):
    return PeakLine(name=name, panel="to serve", points=points, **changes)


def test_the_frontier_is_who_is_beaten_by_nobody_in_both():
    best, lean, beaten, tie = (
        answerer("best", 400, 0.8), answerer("lean", 100, 0.6), answerer("beaten", 300, 0.6),
        answerer("tie", 100, 0.5),
    )  # fmt: skip
    assert frontier([best, lean, beaten, tie]) == [lean, best]


def test_an_accuracy_is_drawn_at_its_place_with_its_interval():
    svg = draw_frontier([answerer("<b>", 128, 0.6), answerer("b", 512, 0.7)], "1 <i> data")
    assert "&lt;b&gt;: 60 % (58 to 62) in 128 MiB" in svg
    assert "<i>" not in svg
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]
    assert places[0] < places[1]


def test_one_answerer_is_no_comparison():
    assert draw_frontier([answerer("a", 1, 0.5)], "") is None


def test_a_measured_peak_is_a_dot_at_its_place():
    svg = draw_peaks([line()])
    (x1, y1), (x2, y2) = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4.5"', svg)
    assert float(x1) < float(x2)
    assert float(y1) > float(y2), "more bytes are higher up"
    assert "a: 100 MiB at 10,000 classes (measured)" in svg


def test_the_held_out_size_is_a_ring_where_it_was_predicted():
    svg = draw_peaks([line(held_out=(100_000, 380.0 * MIB))])
    assert svg.count('fill="none" stroke="#1b1b1b"') == 1
    assert "380 MiB at 100,000 classes (predicted" in svg


def test_what_is_far_beyond_is_dashed():
    curve = [
        CurvePoint(classes=10**power, value=MIB * 4**power, low=MIB, high=MIB * 5**power, is_marked=power > 6)
        for power in (5, 6, 7, 8)
    ]
    svg = draw_peaks([line(curve=curve)])
    solid, dashed = (re.findall(rf'<polyline points="([^"]+)"[^>]*?{end}/>', svg) for end in ('"2"', '"7 5"'))
    assert [len(points.split()) for points in (*solid, *dashed)] == [2, 3], "the dashes begin where it ends"
    assert svg.count("fill-opacity") == 1


def test_servers_are_named_where_they_lie_within_and_do_not_overlap():
    servers = [
        ServerLine(name="small", offered_bytes=200 * MIB), ServerLine(name="near", offered_bytes=205 * MIB),
        ServerLine(name="huge", offered_bytes=999 * GIB),
    ]  # fmt: skip
    svg = draw_peaks([line()], servers)
    assert ">small<" in svg
    assert ">near<" not in svg
    assert ">huge<" not in svg


def test_one_size_is_no_line():
    assert draw_peaks([line(points=((10, MIB),))]) is None
    assert draw_peaks([]) is None


@pytest.mark.parametrize("mebibytes", [(1, 1), (63, 4000), (64, 65536 * 8)])
def test_an_axis_of_bytes_holds_what_it_was_made_for(mebibytes):
    values = [number * MIB for number in mebibytes]
    axis = byte_axis(values, 300, 0)
    assert all(0 <= axis.place(value) <= 300 for value in values)
    assert 2 <= len(axis.ticks) <= 12
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)


def test_an_axis_of_counts_ends_at_powers_of_ten():
    axis = count_axis([10_000, 3_000_000], 0, 100)
    assert axis.ticks == (1e4, 1e5, 1e6, 1e7)
    assert axis.place(1e5) == pytest.approx(100 / 3)
    assert [count_label(tick) for tick in (10, 1e4, 5e6, 1e9)] == ["10", "10k", "5M", "1B"]
