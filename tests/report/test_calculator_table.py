"""The calculator without a browser: its table, what it weighs, and that nothing in it can break out."""

import json
from dataclasses import replace

import pytest
from real_runs import ROOT
from stand_in_projector import HOSTILE, MEASURED_CLASSES, MEASURED_DIM, StandInProjector, catalogue

from xclass.report.page import calculator_table
from xclass.report.page.calculator import calculator_fragment
from xclass.report.page.calculator_data import script_safe
from xclass.report.page.calculator_table import INDEX_KINDS, make_table
from xclass.report.page.compact import base36, write_row
from xclass.units import format_bytes


@pytest.fixture
def few_stops(monkeypatch):
    """Enough to see every state, and quick."""
    monkeypatch.setattr(calculator_table, "CLASS_STOPS", (1000, 10_000, 2_000_000, 50_000_000))
    monkeypatch.setattr(calculator_table, "DIM_STOPS", (32, 96))
    monkeypatch.setattr(calculator_table, "INDEX_KINDS", ("SQ8", "PQ64x4fs"))


@pytest.fixture
def table(few_stops):
    return make_table(StandInProjector(), {})


def variant_of(table, key):
    return next(variant for variant in table.variants if variant.key == key)


def test_a_line_costs_two_numbers_and_a_kink_two_more():
    stops = [1, 2, 3, 4, 10, 20]
    assert write_row(stops, [105, 110, 115, 120, 150, 200]) == "2x,5,*4"
    assert write_row(stops, [105, 110, 115, 121, 151, 201]) == "2x,5,*,1,-6,*"


def test_a_row_along_its_guide_costs_nothing_where_it_bends_alike():
    stops, guide = [1, 2, 3, 4], [1000, 3000, 4000, 9000]
    assert write_row(stops, [2 * value for value in guide], guide) == "rs,*3"


def test_numbers_in_base_36_are_read_back_by_python():
    for number in (0, 7, -7, 35, 36, 10**15, -(10**15)):
        assert int(base36(number), 36) == number


def test_what_was_measured_is_a_stop_and_is_marked_so(table):
    assert table.start == (MEASURED_CLASSES, MEASURED_DIM)
    assert MEASURED_CLASSES in table.classes
    assert variant_of(table, "dense_softmax").states == ["pppxr", "ppmxr", "pppxr"]


def test_the_size_that_was_asked_about_is_a_stop_where_the_sliders_begin(few_stops):
    table = make_table(StandInProjector(), {"classes": 345_678})
    assert table.start == (345_678, MEASURED_DIM)
    assert (MEASURED_DIM, 345_678) in variant_of(table, "dense_softmax").cells


def test_refused_sizes_have_no_figures(table):
    variant = variant_of(table, "dense_softmax")
    assert (32, 2_000_000) in variant.cells
    assert not [size for size in variant.cells if size[1] == 50_000_000]


def test_what_would_be_refused_is_marked_where_it_was_asked_for(few_stops):
    table = make_table(StandInProjector(), {}, is_far_allowed=True)
    assert variant_of(table, "dense_softmax").states == ["pppxx", "ppmxx", "pppxx"]


def test_kinds_that_were_not_measured_are_predicted_and_said_to_be(table):
    keys = [variant.key for variant in table.variants if not variant.is_measured]
    assert keys == ["sampled_softmax", "sampled_softmax, bfloat16", "nearest_neighbour, SQ8",
                    "nearest_neighbour, PQ64x4fs"]  # fmt: skip
    assert variant_of(table, "sampled_softmax").states == ["fffff"] * 3


def test_an_index_that_cannot_be_built_is_not_possible_and_says_why(table):
    variant = variant_of(table, "nearest_neighbour, PQ64x4fs")
    assert variant.states[table.dims.index(96)] == "iiiii"
    assert "a number of segments that divides 96 dimensions" in variant.reasons[table.dims.index(96)]
    assert variant.states[table.dims.index(64)] == "fffff"


def test_every_index_of_the_configuration_is_offered():
    lines = [path.read_text().splitlines() for path in (ROOT / "conf" / "index").glob("*.yaml")]
    factories = {line.split(":", 1)[1].strip(' "') for text in lines for line in text if "factory:" in line}
    assert factories == set(INDEX_KINDS)


def test_no_text_ends_the_script_element_or_a_line_of_it():
    text = script_safe({"a": "</script><!-- \u2028\u2029"})
    assert not set("<\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!-- \u2028\u2029"}


def test_hostile_names_stay_text_in_every_piece(few_stops):
    fragment = calculator_fragment(StandInProjector(is_hostile=True), catalogue(suffix=HOSTILE))
    for piece in (fragment.html, fragment.data_json):
        assert "<img" not in piece
        assert "</script" not in piece
    assert "&lt;img" in fragment.html


def test_without_a_script_there_are_figures_with_their_interval_and_mark(few_stops):
    projector = StandInProjector()
    html = calculator_fragment(projector, catalogue()).html
    peak = projector.project(*projector.configs["dense_softmax"])[0].peak
    words = f"train {format_bytes(peak.value)} ({format_bytes(peak.low)} to {format_bytes(peak.high)}); serve"
    assert words in html
    assert "; measured</td>" in html
    assert "projected, more than 10 x beyond what was measured" in html


def test_the_script_evaluates_nothing_and_fetches_nothing(few_stops):
    script = calculator_fragment(StandInProjector(), catalogue()).script
    for word in ("eval(", "Function(", "innerHTML", "insertAdjacent", "document.write", "fetch(", "import("):
        assert word not in script, word


def test_servers_stand_in_the_order_in_which_they_would_be_rented(few_stops):
    hardware = replace(catalogue(), headroom_share=0.25)
    document = json.loads(calculator_fragment(StandInProjector(), hardware).data_json)
    servers = document["hardware"]["servers"]
    assert [server["instance"] for server in servers] == [server.instance for server in hardware.ranked()]
    assert servers[0]["offeredBytes"] == hardware.offered_bytes(hardware.ranked()[0])
