"""Closed-form work of every method, and the seconds that a record measured of the same quantities."""

import json
import math
from dataclasses import replace

import pytest
from real_runs import ROOT

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.work import (
    BATCH_QUERY,
    CLASS_MEANS,
    INDEX,
    OPEN,
    QUERY,
    SAVE,
    STEP,
    distinct_log_uniform,
)  # fmt: skip
from xclass.config import RunConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.projection.recorded_config import recorded_config
from xclass.projection.time_forms import measured_times, time_terms
from xclass.records.record import Latency, Pass, Phase, Record, Verdict
from xclass.sizing.plan import make_shape


def works_of(name, classes, **settings):
    config = replace(RunConfig(), **settings)
    terms = time_terms(config, name, make_shape(config, int(classes)), {})
    return {term.quantity: term for phase in terms.values() for term in phase}


def ratio(name, quantity, few, many, **settings):
    small, large = (works_of(name, classes, **settings)[quantity].work for classes in (few, many))
    return large / small


@pytest.mark.parametrize("method", sorted(METHOD_CONFIGS))
def test_every_method_has_work_for_everything_that_is_timed(method):
    config = replace(RunConfig(), index=IndexConfig(factory="IVF{lists},SQ8"))
    terms = time_terms(config, method, make_shape(config, 100_000), {})
    middle = STEP if METHOD_CONFIGS[method].fit_phase == "train" else INDEX
    found = {phase: tuple(term.quantity for term in of_phase) for phase, of_phase in terms.items()}
    expected = [(CLASS_MEANS, middle, SAVE), (OPEN,), (QUERY, BATCH_QUERY)]
    if METHOD_CONFIGS[method].is_head or method == "nearest_neighbour":
        assert list(found.values()) == expected
    assert all(set(some) <= set(of) for some, of in zip(found.values(), expected, strict=True))
    for term in (term for of_phase in terms.values() for term in of_phase):
        assert math.isfinite(term.work)
        assert term.work > 0 or term.quantity == OPEN, "a mapped model costs nothing to open"
        assert term.count >= 1
        assert term.meaning
        assert term.form


@pytest.mark.parametrize("method", ["dense_softmax", "dense_softmax_autograd"])
def test_a_step_of_a_dense_head_is_linear_in_classes(method):
    assert ratio(method, STEP, 1e5, 8e5) == pytest.approx(8.0, rel=0.02)


def test_a_step_of_sampled_softmax_is_flat_in_classes():
    assert ratio("sampled_softmax", STEP, 1e6, 8e6) < 1.1


def test_hard_negatives_make_it_grow():
    config = RunConfig()
    method = replace(config.method, sampled_softmax=replace(config.method.sampled_softmax, num_hard=64))
    assert ratio("sampled_softmax", STEP, 1e6, 8e6, method=method) > 2


def test_a_graph_grows_a_little_faster_than_its_classes_once_no_cache_holds_it():
    graph = IndexConfig(factory="HNSW32")
    assert 8.5 < ratio("nearest_neighbour", INDEX, 1e7, 8e7, index=graph) < 10
    assert ratio("nearest_neighbour", INDEX, 3e4, 2.4e5, index=graph) > 20


def test_a_query_of_lists_grows_slower_than_a_scan_of_all():
    lists = ratio("nearest_neighbour", QUERY, 1e5, 6.4e6, index=IndexConfig(factory="IVF{lists},SQ8"))
    assert lists < 16
    assert ratio("nearest_neighbour", QUERY, 1e5, 6.4e6) == pytest.approx(64.0)


def test_fewer_training_points_make_a_shorter_build():
    full = IndexConfig(factory="IVF{lists},SQ8")
    short, long = (
        works_of("nearest_neighbour", 1e6, index=index)[INDEX].work
        for index in (replace(full, training_points=20_000), full)
    )
    assert short < 0.5 * long


def test_an_index_that_is_its_own_means_is_not_built():
    assert INDEX not in works_of("nearest_neighbour", 1e5)


def test_means_in_a_file_cost_more_than_in_the_index_itself():
    flat, coded = (works_of("nearest_neighbour", 1e6, index=IndexConfig(factory=f)) for f in ("Flat", "SQ8"))
    assert coded[CLASS_MEANS].work > flat[CLASS_MEANS].work


def test_examples_are_counted_at_this_size_and_computed_at_any_other():
    config = RunConfig()
    facts = {"num_classes": 1000, "num_train": 7000}
    for classes, expected in ((1000, 7000), (2000, 8000)):
        terms = time_terms(config, "dense_softmax", make_shape(config, classes), facts)
        steps = next(term for term in terms[Phase.TRAIN] if term.quantity == STEP)
        assert steps.count == math.ceil(expected / config.batch_size)


def test_examples_of_the_lemmas_are_those_that_were_counted():
    config = replace(RunConfig(), data=LemmasConfig())
    assert config.data.num_train(1_000_000) == 29_549_328


@pytest.mark.parametrize("num_draws", [10, 4096])
def test_distinct_draws_are_what_the_law_says(num_draws):
    num_classes = 5000
    span = math.log(num_classes + 1)
    shares = [math.log1p(1 / place) / span for place in range(1, num_classes + 1)]
    exact = sum(1 - (1 - share) ** num_draws for share in shares)
    assert distinct_log_uniform(num_classes, num_draws) == pytest.approx(exact, rel=0.03)


def record_of(phase, **values):
    made = Record(
        method="dense_softmax", phase=phase, pass_=Pass.RSS, verdict=Verdict.MEASURED, classes=10, dim=4,
        data="synthetic", seed=0, seconds=10.0,
    )  # fmt: skip
    return replace(made, **values)


TRAINED = {"init": "means", "init_seconds": 2.0, "save_seconds": 0.5, "steps": 5}


def test_a_step_is_what_lies_between_two_marks():
    marks = [(0.1, "class means"), (2.5, "steps"), (9.0, "saving")]
    found = measured_times(record_of(Phase.TRAIN, details=TRAINED, marks=marks))
    assert found == {CLASS_MEANS: 2.0, STEP: pytest.approx(1.3), SAVE: 0.5}


def test_a_record_without_marks_has_what_the_other_times_leave():
    assert measured_times(record_of(Phase.TRAIN, details=TRAINED))[STEP] == pytest.approx(1.5)


def test_random_values_are_no_class_means():
    assert CLASS_MEANS not in measured_times(record_of(Phase.TRAIN, details=TRAINED | {"init": "random"}))


def test_a_query_is_the_median_and_a_batch_the_mean_rate():
    latencies = [
        Latency(batch_size=size, num_batches=3, p50_seconds=0.02, p95_seconds=0.03, p99_seconds=0.04,
                queries_per_second=500.0)
        for size in (1, 256)
    ]  # fmt: skip
    found = measured_times(record_of(Phase.SERVE, latencies=latencies))
    assert found == {QUERY: 0.02, BATCH_QUERY: 0.002}


@pytest.mark.parametrize("change", [{"pass_": Pass.HEAP}, {"verdict": Verdict.OUT_OF_MEMORY}])
def test_what_was_traced_or_ended_early_says_no_time(change):
    assert measured_times(record_of(Phase.TRAIN, details=TRAINED, **change)) == {}


def test_whatever_a_committed_record_timed_has_a_closed_form():
    paths = sorted((ROOT / "benchmarks" / "records" / "main_1e5" / "records").glob("*-rss.json"))
    records = [Record.from_json(json.loads(path.read_text()), source=str(path)) for path in paths]
    timed = [record for record in records if measured_times(record)]
    assert {record.phase for record in timed} == {Phase.TRAIN, Phase.BUILD, Phase.LOAD, Phase.SERVE}
    for record in timed:
        config = recorded_config(record)
        terms = time_terms(config, record.method, make_shape(config, record.classes), record.data_facts)
        known = {term.quantity for term in terms[record.phase]}
        # The index of Flat is its means: that its making took microseconds is noted, and no law.
        assert set(measured_times(record)) - known <= {INDEX}
