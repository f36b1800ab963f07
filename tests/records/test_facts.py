"""Free dictionaries of a record that hold what no report can show: named as damage, never a traceback."""

import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_runs import ROOT

from xclass.errors import RecordError
from xclass.records.record import Pass, Phase
from xclass.records.store import read_records, record_path, write_record
from xclass.report.compare import compare
from xclass.report.sides import read_side
from xclass.report.write import write_reports

sys.path.insert(0, str(ROOT / "tests" / "report"))

from made_records import MIB, answered, make_record, predicted, reading

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
GPU = {
    "name": "G", "total_bytes": 9, "taken_at_end_bytes": 2, "peak_allocated_bytes": 3,
    "peak_reserved_bytes": 4, "predicted_bytes": 5,
}  # fmt: skip


def make(method):
    return make_record(
        method, Phase.SERVE, Pass.RSS, memory=reading(60, 90), predicted=predicted(29, 60),
        held={"weights": 25 * MIB}, accuracy=answered(0.7, 0.6, 0.8), details={"gpu": GPU, "index": "Flat"},
        machine={"rss_counter_error_bytes": 5, "packages": {"numpy": "2"}, "load_average": [1.0, 1.0, 1.0]},
        conditions={"load_average": 1.5, "available_bytes": 7, "allocator": "glibc", "num_threads": 2,
                    "huge_page_bytes": 0, "num_major_faults": 1, "num_involuntary_switches": 2},
        config={"methods": ["good", "bad"], "measure": {"allocator": "pinned"}},
        data_facts={"num_classes": 9, "bayes_accuracy": 0.8},
    )  # fmt: skip


def places(document, prefix):
    yield prefix
    for key, value in document.items():
        if isinstance(value, dict):
            yield from places(value, (*prefix, key))
        else:
            yield (*prefix, key)


FREE = ("details", "predicted", "conditions", "data_facts", "config", "machine")
WHOLE = json.loads(json.dumps(make("bad").to_json()))
PLACES = [place for key in FREE for place in places(WHOLE[key], (key,))][1:]


def damage(folder, place, value):
    """A run of a good record and one with another value at one place; the file of the latter."""
    write_record(folder, make("good"))
    path = record_path(folder, make("bad"))
    document = json.loads(json.dumps(WHOLE))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([place for place in PLACES if len(place) > 1]), JSON)
def test_any_value_at_any_place_is_reported_or_named(tmp_path, place, value):
    path = damage(tmp_path, place, value)
    reports = write_reports(tmp_path)
    if reports.damaged:
        (reason,) = reports.damaged
        assert reason.startswith(f"{path}: ")
        assert path.name in reports.report_md.read_text()
        with pytest.raises(RecordError, match=path.name):
            read_side(tmp_path)
    else:
        assert len(reports.rows) == 2
        assert len(compare(read_side(tmp_path), read_side(tmp_path)).phases) == 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("predicted", "over_base_bytes"), "x"),
        (("predicted", "over_base_bytes"), None),
        (("predicted",), {"over_base_bytes": 5}),
        (("predicted", "components"), 5),
        (("predicted", "components"), {"weights": "much"}),
        (("machine", "rss_counter_error_bytes"), "x"),
        (("conditions", "load_average"), "x"),
        (("details", "gpu"), 5),
        (("details", "gpu"), {"peak_reserved_bytes": 5}),
        (("config", "methods"), 5),
        (("data_facts", "bayes_accuracy"), True),
    ],
)
def test_what_no_report_can_show_is_named_with_its_place(tmp_path, place, value):
    path = damage(tmp_path, place, value)
    with pytest.raises(RecordError, match=rf"{path.name}: damaged: {place[0]}.*which no report can show"):
        read_records(tmp_path)


def test_records_that_lack_what_came_later_are_whole():
    """Those that were kept since the first version, whatever they do not have yet."""
    folders = {path.parent.parent for path in (ROOT / "benchmarks" / "records").rglob("records/*.json")}
    assert len(folders) > 3
    for folder in folders:
        assert read_records(folder)
