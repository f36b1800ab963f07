"""What a run is worth to a sweep that searches under a limit."""

from math import isnan

import pytest
from real_runs import ROOT

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.objective.config import ObjectiveConfig
from xclass.objective.value import objective_value
from xclass.records.record import Pass, Phase, Verdict
from xclass.records.store import read_records

RUN = ROOT / "benchmarks" / "records" / "sizes" / "0"


@pytest.fixture
def records():
    """A committed run, read anew."""
    return read_records(RUN)


def serving(records):
    return {r.method: r for r in records if r.phase is Phase.SERVE and r.pass_ is Pass.RSS}


def test_without_a_limit_it_is_the_best_accuracy(records):
    found = objective_value(records, ObjectiveConfig())
    served = serving(records)
    assert len(served) > 1
    best = max(served.values(), key=lambda record: record.accuracy.at_1)
    assert (found.value, found.method) == (best.accuracy.at_1, best.method)
    assert found.peak_bytes == best.memory.peak_rss_bytes


def test_a_limit_leaves_out_what_peaks_above_it(records):
    served = serving(records)
    smallest = min(served.values(), key=lambda record: record.memory.peak_rss_bytes)
    limit = f"{smallest.memory.peak_rss_bytes / 1e6}MB"
    found = objective_value(records, ObjectiveConfig(serving_ram=limit))
    assert found.is_within
    assert (found.method, found.value) == (smallest.method, smallest.accuracy.at_1)


def test_beyond_the_limit_nearer_is_better_and_worse_than_all_that_fits(records):
    def value(method, limit):
        return objective_value(records, ObjectiveConfig(serving_ram=limit, method=method)).value

    sizes = sorted(serving(records).values(), key=lambda record: record.memory.peak_rss_bytes)
    lean, fat = sizes[0].method, sizes[-1].method
    assert -1 < value(fat, "10MB") < value(lean, "10MB") < value(lean, "20MB") < 0
    assert value(lean, "100GB") >= 0


def test_another_metric_is_looked_up_by_its_key(records):
    served = serving(records)
    for record in served.values():
        record.metrics = [m for m in record.metrics if m.key == "ndcg_at_5"]
    method, record = next((name, one) for name, one in served.items())
    assert objective_value(records, ObjectiveConfig(metric="accuracy_at_5", method=method)).value == (
        record.accuracy.at_5
    )
    found = objective_value(records, ObjectiveConfig(metric="ndcg_at_5", method=method))
    expected = [m.value for m in record.metrics]
    assert [found.value] == expected or (expected == [] and isnan(found.value))


@pytest.mark.parametrize(
    ("verdict", "expected"), [(Verdict.DOES_NOT_FIT, -1.0), (Verdict.OUT_OF_MEMORY, -1.0)]
)
def test_what_was_refused_is_the_worst_result_and_no_failure(records, verdict, expected):
    for record in records:
        record.verdict, record.memory, record.accuracy = verdict, None, None
    assert objective_value(records, ObjectiveConfig(serving_ram="100GB")).value == expected
    assert -1 < objective_value(records, ObjectiveConfig(serving_ram="10MB")).value < 0, "by its plan"


def test_what_failed_tells_nothing(records):
    for record in records:
        record.verdict = Verdict.FAILED
    assert isnan(objective_value(records, ObjectiveConfig()).value)
    assert isnan(objective_value([], ObjectiveConfig()).value)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"metric": "speed"}, "objective.metric"),
        ({"metric": "accuracy_at_3"}, "objective.metric"),
        ({"metric": "calibration_error"}, "objective.metric"),
        ({"serving_ram": "2G"}, "objective.serving_ram"),
        ({"serving_ram": "lots"}, "objective.serving_ram"),
    ],
)
def test_what_nothing_measures_is_refused_by_name(settings, key):
    with pytest.raises(ConfigError) as caught:
        ObjectiveConfig(**settings)
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_a_method_that_does_not_run_cannot_be_the_objective():
    with pytest.raises(ConfigError, match=r"objective\.method=mach"):
        RunConfig(objective=ObjectiveConfig(method="mach"))
