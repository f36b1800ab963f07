"""The pictures of a report: whole documents, true to scale, and no way for a name to break out of them."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_records import make_record, predicted, reading

from xclass.records.record import Phase, Verdict
from xclass.report.ledger_figure import draw_ledger
from xclass.report.svg import byte_ticks
from xclass.report.timeline_figure import draw_timeline
from xclass.units import GIB, KIB, MIB

SVG = "{http://www.w3.org/2000/svg}"


def bars(page):
    """Component -> width of its bars, as a browser names them."""
    found = {}
    for rect in ElementTree.fromstring(page).iter(f"{SVG}rect"):
        if (title := rect.find(f"{SVG}title")) is not None:
            found.setdefault(title.text, []).append(float(rect.get("width")))
    return found


@pytest.fixture
def measured():
    return make_record(
        "dense_softmax", Phase.TRAIN, memory=reading(100, 300), predicted=predicted(196, 100),
        held={"weights": 192 * MIB}, timeline=[[0.0, 100 * MIB, 60 * MIB, 40 * MIB, 0],
                                               [2.0, 290 * MIB, 250 * MIB, 40 * MIB, 0]],
        marks=[(0.5, "steps")],
    )  # fmt: skip


def test_bars_are_as_long_as_their_bytes(measured):
    found = bars(draw_ledger([measured]))
    predicted_bar, held_bar = found["weights: 192 MiB"]
    assert predicted_bar == held_bar
    assert found["class block: 4 MiB"][0] == pytest.approx(predicted_bar * 4 / 192, abs=0.2)
    assert found["anonymous: 200 MiB"][0] == pytest.approx(predicted_bar * 200 / 192, abs=0.2)


def test_what_was_not_measured_has_no_bars(measured):
    assert draw_ledger([replace(measured, verdict=Verdict.OUT_OF_MEMORY)]) is None
    assert draw_timeline([replace(measured, timeline=[])]) is None


def test_the_timeline_names_phase_and_marks(measured):
    page = draw_timeline([measured])
    texts = [text.text for text in ElementTree.fromstring(page).iter(f"{SVG}text")]
    assert {"dense_softmax", "train", "steps", "2 s"} <= set(texts)


def test_names_are_escaped(measured):
    hostile = "<script>alert(1)</script>&\"'"
    record = replace(measured, held={hostile: MIB}, marks=[(0.5, hostile)])
    for page in (draw_ledger([record]), draw_timeline([record])):
        tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(page).iter()}
        assert "script" not in tags
        assert hostile in "".join(ElementTree.fromstring(page).itertext())


@pytest.mark.parametrize("most", [1, 900, 3 * KIB, 100 * KIB, 7 * MIB, 999 * MIB, 1.2 * GIB, 5000 * GIB])
def test_ticks_are_few_and_reach_beyond_the_most(most):
    ticks = byte_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
