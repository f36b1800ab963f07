"""Damaged record files: refused by name, or shown as damaged in the report of the others."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xclass.errors import RecordError
from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.metric import IntervalKind, Metric, MetricName
from xclass.records.pictures import ClassMap, Pictures
from xclass.records.record import Accuracy, Allocation, HeapReading, Latency, Pass, Phase, Record, Verdict
from xclass.records.store import read_records, record_path, write_record
from xclass.report.write import write_reports

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FREE = {"details", "predicted", "conditions", "data_facts", "config", "machine"}
"""Dictionaries whose content is the method's or the machine's own."""


def whole_record():
    split = MemorySplit(rss_bytes=30, anon_bytes=20, file_bytes=10, shmem_bytes=0, swap_bytes=0)
    return Record(
        method="dense_softmax", phase=Phase.TRAIN, pass_=Pass.RSS, verdict=Verdict.MEASURED, classes=9, dim=4,
        data="synthetic", seed=0, seconds=1.5, held={"weights": 3}, timeline=[[0.0, 1.0, 1.0, 0.0, 0.0]],
        marks=[(0.5, "saving")],
        memory=MemoryReading(
            interpreter=split, base=split, end=split, peak_rss_bytes=50, peak_anon_bytes=40,
            peak_file_bytes=10, peak_shmem_bytes=0, sampled_peak_rss_bytes=45, num_samples=3,
        ),
        heap=HeapReading(
            peak_heap_bytes=5, num_allocations=2, capture="a.bin", flamegraph=None,
            top=[Allocation(num_bytes=5, num_calls=1, place="a.py:1", function="f", source="", via="malloc")],
        ),
        latencies=[
            Latency(batch_size=1, num_batches=3, p50_seconds=0.1, p95_seconds=0.2, p99_seconds=0.2,
                    queries_per_second=10.0, quantiles=[[0, 0.1], [50, 0.1], [100, 0.2]])
        ],
        pictures=Pictures(
            noun="language", groups=["de"], num_other_groups=2, confusion=[[4, 1, 0], [0, 4, 1]],
            num_right=[3, 1], num_in_group=[4, 2], by_chance_share=0.5, similarity=[[0.5, None], [None, 0.1]],
            class_map=ClassMap(points=[[0, 0.5, -0.5]], explained_shares=[0.3, 0.1]), left_out=None,
            seconds=0.1,
        ),
        accuracy=Accuracy(num_queries=10, at_1=0.5, at_1_low=0.2, at_1_high=0.8, at_5=0.6, at_5_low=0.3,
                          at_5_high=0.9),
        metrics=[Metric(name=MetricName.NDCG, k=5, value=0.5, low=0.4, high=0.6, num_queries=10,
                        interval=IntervalKind.BOOTSTRAP, note="drawn 1000 times")],
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A run's folder with one good record, and where the damaged one lies."""
    good = whole_record()
    good.method = "nearest_neighbour"
    write_record(tmp_path, good)
    return tmp_path, write_record(tmp_path, whole_record())


def check_named(folder, path):
    with pytest.raises(RecordError, match=path.name) as caught:
        read_records(folder)
    assert len(str(caught.value).splitlines()) == 1
    reports = write_reports(folder)
    assert len(reports.damaged) == 1
    assert path.name in reports.report_md.read_text()
    assert any(row["method"] == "nearest_neighbour" for row in reports.rows)


def test_cut_off_at_every_length(folder):
    run_dir, path = folder
    content = path.read_bytes()
    for length in range(len(content) - 2):  # without its last newline it is whole
        path.write_bytes(content[:length])
        with pytest.raises(RecordError, match=path.name):
            read_records(run_dir)
    check_named(run_dir, path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes(folder, content):
    run_dir, path = folder
    path.write_bytes(content)
    check_named(run_dir, path)


def places(document, prefix=()):
    """Every key or index of a document that has a kind of its own, by path."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if prefix or key not in FREE:
            yield (*prefix, key)
            if isinstance(value, dict | list):
                yield from places(value, (*prefix, key))


PLACES = list(places(json.loads(json.dumps(whole_record().to_json()))))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_any_place_is_refused_or_reported(folder, place, value):
    run_dir, path = folder
    document = copy.deepcopy(json.loads(json.dumps(whole_record().to_json())))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(document))
    assert 1 <= len(write_reports(run_dir).rows) <= 2


@pytest.mark.parametrize(
    ("place", "value"),
    [("seconds", "1.5"), ("classes", True), ("held", {"weights": "3"}), ("timeline", [["a"]]),
     ("marks", [[1]]),
     ("command", "python"), ("environment", {"A": 1}), ("memory", {}), ("config", 3), ("repeat", None)],
)  # fmt: skip
def test_a_value_of_another_kind_is_damage(folder, place, value):
    run_dir, path = folder
    path.write_text(json.dumps({**json.loads(path.read_text()), place: value}))
    check_named(run_dir, path)


@pytest.mark.parametrize("share", [1e20, -0.1, float("inf")])
def test_an_accuracy_that_is_no_share_is_damage(folder, share):
    """A figure would draw an axis up to it."""
    _, path = folder
    document = json.loads(path.read_text())
    document["accuracy"]["at_1"] = share
    with pytest.raises(RecordError, match="allowed are shares from 0 to 1"):
        Record.from_json(document, source="record")


@pytest.mark.parametrize("version", [0, 2, 99, None, "1"])
def test_a_record_of_another_schema_is_refused_by_its_version(folder, version):
    run_dir, path = folder
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": version}))
    check_named(run_dir, path)
    with pytest.raises(RecordError, match=rf"schema_version={version}: this xclass reads version 1"):
        read_records(run_dir)
    assert record_path(run_dir, whole_record()) == path
