"""How long an experiment takes: by hand for made-up times, and against runs that were made."""

from datetime import datetime

import pytest
from real_runs import ROOT

from xclass.config import BudgetConfig, EvaluateConfig, RunConfig
from xclass.measure.config import MeasureConfig
from xclass.projection.duration import (
    SEEN_RATIOS,
    TRACE_SECONDS,
    budget_steps,
    method_duration,
    prepare_seconds,
)
from xclass.projection.estimate import Context, estimate_method
from xclass.projection.projector import Projector
from xclass.projection.recorded_config import recorded_config
from xclass.projection.reference import Reference
from xclass.projection.time_forms import TimeTerm
from xclass.records.record import Phase
from xclass.records.store import read_records
from xclass.sizing.hardware import Hardware
from xclass.sizing.place import rented_place
from xclass.sizing.plan import make_shape

SECONDS = {"class_means": 10.0, "step": 2.0, "save": 3.0, "open": 0.5, "query": 0.01, "batch_query": 0.001}
STARTS = {"torch": 2.0, "faiss": 0.5}
RUNS = ("main_1e5", "synthetic_5e6", "measure/repeats", "lemmas_all")


def make_config(**changes):
    settings = {
        "budget": BudgetConfig(minutes=0.1),
        "measure": MeasureConfig(heap_pass=False),
        "evaluate": EvaluateConfig(num_queries=1000, single_queries=100, batch_size=200),
        "threads": 1,
    } | changes
    return RunConfig(classes=1000, **settings)


def duration(config):
    terms = {name: TimeTerm(quantity=name, meaning="", work=1.0, form="", count=1.0) for name in SECONDS}
    shape = make_shape(config, config.classes)
    return method_duration(config, "dense_softmax", shape, seconds=SECONDS, terms=terms, start_seconds=STARTS)


def steps_of(epoch_steps=7.0, **budget):
    config = make_config(budget=BudgetConfig(**budget))
    term = TimeTerm(quantity="step", meaning="", work=1.0, form="", count=epoch_steps)
    return budget_steps(config, make_shape(config, 1000), 2.0, term)


def test_every_phase_and_start_is_counted():
    found = duration(make_config())
    # three steps of two seconds: the last one begins before six seconds are over
    assert found.fit_seconds == 10.0 + 3 * 2.0 + 3.0
    # opened; the first answer and a hundred more alone; a thousand in batches
    assert found.serve_seconds == pytest.approx(0.5 + 101 * 0.01 + 1000 * 0.001)
    assert found.untraced_seconds == pytest.approx(found.fit_seconds + found.serve_seconds + 2.5)
    assert found.shortened_seconds == 0.0


def test_repeats_multiply_what_is_not_shortened():
    once, thrice = (
        duration(make_config(measure=MeasureConfig(heap_pass=True, repeats=repeats))) for repeats in (1, 3)
    )
    assert thrice.untraced_seconds == pytest.approx(3 * once.untraced_seconds)
    assert thrice.shortened_seconds == once.shortened_seconds
    # Class vectors are made and saved, some are scanned, two steps; two batches of queries and three alone.
    short_fit = 2 * 3.0 + 10.0 + 2 * 2.0
    short_serve = 0.5 + 400 * 0.001 + 3 * 0.01
    expected = 2 * (2.5 + short_fit + short_serve + TRACE_SECONDS)
    assert once.shortened_seconds == pytest.approx(expected)


def test_single_queries_end_with_their_time():
    slow = duration(
        make_config(evaluate=EvaluateConfig(num_queries=1000, single_queries=200, single_seconds=1.0))
    )
    assert slow.serve_seconds == pytest.approx(0.5 + 0.01 + 1.0 + 0.01 + 1000 * 0.001)


def test_the_budget_is_its_first_limit_or_an_epoch():
    assert steps_of(minutes=0.1) == 3
    assert steps_of(minutes=1e-6) == 1, "a step that has begun is finished"
    assert steps_of(minutes=0.0) == 0
    assert steps_of(minutes=None, examples=1025) == 3, "batches of 512"
    assert steps_of(minutes=0.1, examples=100) == 1
    assert steps_of(minutes=None, examples=None) == 7


def estimate_of(config):
    place = rented_place(10**13, Hardware(name="made", date=""), reserve_share=0.0)
    context = Context(place=place, reference=Reference.load(), hardware=Hardware(name="made", date=""))
    projector = Projector.without_runs()
    return [
        estimate_method(
            config, method, context, place.room, name=method, phases=projector.project(config, method)
        )
        for method in config.methods
    ]


@pytest.mark.parametrize("run", RUNS)
def test_runs_that_were_made_took_as_long_as_is_said_within_what_is_stated(run):
    records = read_records(ROOT / "benchmarks" / "records" / run)
    config = next(recorded_config(record) for record in records if record.phase is not Phase.PREPARE)
    begun = [datetime.fromisoformat(record.started_at) for record in records]
    last = max(begun)
    wall = (last - min(begun)).total_seconds() + sum(
        record.seconds for record, at in zip(records, begun, strict=True) if at == last
    )
    methods = estimate_of(config)
    expected = prepare_seconds(config, Reference.load()) + sum(
        method.duration.value.total_seconds for method in methods
    )
    least, most = SEEN_RATIOS
    assert least <= wall / expected <= most, f"{run}: {wall:.0f} s, {expected:.0f} s"
