"""Pictures of latency and of groups of classes: true to the record, and no name breaks out of them."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_records import latencies, make_record

from xclass.records.pictures import ClassMap, Pictures
from xclass.records.record import Phase
from xclass.report.class_map_figure import draw_class_map
from xclass.report.confusion_figure import confusion_words, draw_confusion, percent_text
from xclass.report.heat_map import FIGURE_WIDTH, colour_of
from xclass.report.latency_figure import draw_latency
from xclass.report.markdown import run_sections
from xclass.report.pictures_section import draw_pictures, pictures_section
from xclass.report.repeats import merge
from xclass.report.similarity_figure import draw_similarity

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title><script>alert(1)</script>|`[x](javascript:1)\n## owned"
ALL = [draw_latency, draw_confusion, draw_similarity, draw_class_map]


def pictures(**changes):
    values = {
        "noun": "language", "groups": ["de", "fr"], "num_other_groups": 3,
        "confusion": [[90, 6, 4, 0], [0, 40, 0, 0], [1, 0, 58, 1]],
        "num_right": [80, 40, 30], "num_in_group": [90, 40, 50], "by_chance_share": 0.25,
        "similarity": [[0.5, -0.1, 0.0], [-0.1, 0.4, None], [0.0, None, 0.05]],
        "class_map": ClassMap(points=[[0, 1, 0.5], [0, 1.2, 0.4], [1, -1, 0.1]], explained_shares=[0.3, 0.1]),
        "left_out": None, "seconds": 0.01,
    }  # fmt: skip
    return Pictures(**{**values, **changes})


def serve(method="dense_softmax", **changes):
    timed = [
        replace(latency, quantiles=[[0, latency.p50_seconds / 2], [50, latency.p50_seconds], [100, 1.0]])
        for latency in latencies(0.001)
    ]
    return make_record(method, Phase.SERVE, **{"pictures": pictures(), "latencies": timed, **changes})


def texts(page):
    return [text.text for text in ElementTree.fromstring(page).iter(f"{SVG}text")]


def titles(page):
    return [title.text for title in ElementTree.fromstring(page).iter(f"{SVG}title")]


def test_words_say_how_much_stays_in_the_group():
    """50 of 200 wrong; of them 180 - 150 = 30 in the true group."""
    assert confusion_words(pictures()) == [
        "25 % of 200 first answers are wrong",
        "60 % of these stay in the true language (25 % would by chance)",
    ]
    perfect = pictures(
        confusion=[[9, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], num_right=[9, 1, 1], num_in_group=[9, 1, 1]
    )
    assert confusion_words(perfect) == ["0 % of 11 first answers are wrong"]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0, "0"),
        (1, "<1"),
        (4, "<1"),
        (5, "1"),
        (6, "1"),
        (994, "99"),
        (995, ">99"),
        (999, ">99"),
        (1000, "100"),
    ],
)
def test_percent_is_never_none_or_all_of_what_is_not(part, text):
    assert percent_text(part, 1000) == text


def test_cells_are_counts_and_the_diagonal_stays_in_the_group():
    page = draw_confusion([serve()])
    cells = [
        title
        for title in titles(page)
        if title and " of " in title and ", " in title and "wrong." not in title
    ]
    assert cells == [
        "de, de: 90 of 100", "de, fr: 6 of 100", "de, others: wrong: 4 of 100",
        "fr, fr: 40 of 40",
        "3 others, de: 1 of 60", "3 others, others: own: 50 of 60", "3 others, others: wrong: 8 of 60",
        "3 others, no answer: 1 of 60",
    ]  # fmt: skip
    assert "60 % of these stay in the true language" in titles(page)[0], "what a screen reader says first"


def test_a_column_for_no_answer_only_where_there_is_one():
    answered = pictures(confusion=[[90, 6, 4, 0], [0, 40, 0, 0], [1, 0, 59, 0]])
    assert "no answer" in texts(draw_confusion([serve()]))
    assert "no answer" not in texts(draw_confusion([serve(pictures=answered)]))


def test_darkness_rises_with_the_value():
    lightness = [sum(int(colour_of(step / 10)[at : at + 2], 16) for at in (1, 3, 5)) for step in range(11)]
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(lightness)) == 11


def test_similarities_are_shown_with_two_decimals_and_gaps_as_dashes():
    shown = texts(draw_similarity([serve()]))
    assert {".50", "-.10", ".00", ".05", "-"} <= set(shown)


def test_every_class_has_a_mark_of_its_group_and_groups_differ_in_shape():
    root = ElementTree.fromstring(draw_class_map([serve()]))
    discs = [disc for disc in root.iter(f"{SVG}circle") if disc.find(f"{SVG}title").text == "de"]
    squares = list(root.iter(f"{SVG}polygon"))
    assert (len(discs), len(squares)) == (2 + 1, 1 + 1), "one each is the legend's"
    assert any("30 % (across) and 10 % (up)" in text for text in texts(draw_class_map([serve()])))


def test_latency_has_a_panel_per_batch_size_and_its_figures():
    shown = texts(draw_latency([serve(), serve("nearest_neighbour")]))
    assert {"200 single queries", "200 batches of 256 queries", "nearest_neighbour", "slowest"} <= set(shown)
    assert shown.count("1 ms") >= 2, "the median of both methods"
    assert "1 s" in shown


@pytest.mark.parametrize("seconds", [[1e-9] * 3, [1e-6, 1e-3, 400.0], [0.5, 0.5, 0.5], [1.0, 2.0, 5.0]])
def test_any_times_find_a_place_inside_the_panel(seconds):
    latency = replace(latencies(1.0)[0], quantiles=[[0, seconds[0]], [50, seconds[1]], [100, seconds[2]]])
    root = ElementTree.fromstring(draw_latency([serve(latencies=[latency])]))
    places = [float(disc.get("cx")) for disc in root.iter(f"{SVG}circle")]
    assert len(places) == 2
    assert all(50 < place < FIGURE_WIDTH for place in places)


def test_repeats_have_the_median_distribution():
    runs = [serve(repeat=number) for number in range(3)]
    for run, slowest in zip(runs, (1.0, 7.0, 2.0), strict=True):
        for latency in run.latencies:
            latency.quantiles[-1][1] = slowest
    assert [latency.quantiles[-1] for latency in merge(runs).latencies] == [[100, 2.0]] * 2
    runs[1].latencies = latencies(0.001)
    assert merge(runs).latencies[0].quantiles == [], "one repeat kept none"


def test_old_records_have_no_pictures():
    old = serve(pictures=None, latencies=latencies(0.001))
    assert [draw([old]) for draw in ALL] == [None] * 4
    assert pictures_section([old], []) == ""


def test_one_group_is_no_picture():
    one = pictures(groups=["all"], num_other_groups=0, confusion=[[9, 1]], num_right=[5], num_in_group=[9],
                   similarity=None, class_map=None, left_out="all classes are of one group")  # fmt: skip
    record = serve(pictures=one)
    assert [draw([record]) for draw in ALL[1:]] == [None] * 3
    assert "all classes are of one group" in pictures_section([record], [])


def test_what_was_left_out_or_failed_is_said():
    without = serve(pictures=pictures(similarity=None, class_map=None, left_out="this method cannot"))
    failed = serve("nearest_neighbour", pictures=None, details={"pictures_failure": "killed by <b>SIGKILL"})
    text = pictures_section([without, failed], [])
    assert "`dense_softmax`: no picture of its class vectors: this method cannot." in text
    assert (
        "`nearest_neighbour`: no pictures of its classes, because making them failed: killed by &lt;b&gt;"
        in text
    )
    assert draw_confusion([without, failed]) is not None
    assert draw_similarity([without, failed]) is None


@pytest.mark.parametrize("draw", ALL)
def test_hostile_names_stay_text(draw):
    bad = pictures(noun=HOSTILE, groups=[HOSTILE, ""], left_out=None)
    page = draw([serve(HOSTILE, pictures=bad)])
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(page).iter()}
    assert tags <= {"svg", "title", "rect", "line", "polyline", "polygon", "circle", "text"}
    assert "<script" not in page


def test_hostile_names_stay_text_in_markdown():
    record = serve(pictures=pictures(noun=HOSTILE, groups=[HOSTILE, "x" * 500], left_out=HOSTILE))
    text = pictures_section([record], draw_pictures([record]))
    assert "<script" not in text
    assert not re.search(r"^## owned", text, flags=re.MULTILINE)
    assert "](javascript" not in text.replace("\\](javascript", "")


@pytest.mark.parametrize("draw", ALL)
def test_nothing_is_drawn_beyond_the_page(draw):
    """A dozen long names, all columns."""
    rows = [[5] * 13 for _ in range(12)]
    wide = pictures(
        groups=["a very long name of a group " * 3] * 11, num_other_groups=40_000, confusion=rows,
        num_right=[1] * 12, num_in_group=[2] * 12, similarity=[[0.1] * 12 for _ in range(12)],
    )  # fmt: skip
    page = draw([serve("a_method_with_a_long_name_" * 2, pictures=wide)])
    root = ElementTree.fromstring(page)
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        x, y = float(text.get("x")), float(text.get("y"))
        assert 0 <= x <= width
        assert 0 <= y <= height
        if text.get("transform") is None and text.get("font-weight") is None:
            # Helvetica takes half its size per character on average.
            length = 0.5 * float(text.get("font-size")) * len(text.text)
            left = {"start": x, "end": x - length, "middle": x - length / 2}[text.get("text-anchor")]
            assert left > -4, text.text
            assert left + length < width + 4, text.text


def test_the_report_links_the_pictures_that_were_drawn():
    def text_of(figures):
        sections = run_sections([serve()], run_dir=Path("run"), figures=figures)
        return "\n".join(section.body for section in sections)

    text = text_of([path for path, page in draw_pictures([serve()]).items() if page])
    for name in ("latency", "confusion", "similarity", "class_map"):
        assert f"](figures/{name}.svg)\n\nLeft out: " in text
    assert "](figures/latency" not in text_of([])
