"""Times before anything ran: the file is what the committed records give, and says how far it goes."""

import json
import sys
from dataclasses import replace

import pytest
from real_runs import ROOT

from xclass.classifiers.device import Device
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.work import CLASS_MEANS, QUERY, STEP
from xclass.config import RunConfig
from xclass.projection.reference import Reference, time_kind, worst_ratio
from xclass.projection.result import Basis
from xclass.records.record import Phase


@pytest.fixture(scope="module")
def bench():
    """Modules of the benchmark, and its records."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import projection_arms
        import projection_judge
    finally:
        sys.path.pop(0)
    folder = ROOT / "benchmarks" / "records" / "projection"
    arms = {name: projection_judge.read_arm(folder, name) for name in projection_arms.ARMS}
    return projection_judge, arms


def test_the_reference_is_what_the_committed_records_give(bench):
    judge, arms = bench
    assert judge.make_reference(arms) == Reference.load()


def test_held_out_peaks_are_within_the_bars_and_intervals_hold_them(bench):
    """What users get: a Projector that saw the small sizes only."""
    judge, arms = bench
    peaks = [one for one in judge.judge(arms) if one.is_peak]
    assert len({one.arm for one in peaks}) >= 30
    for fit, bar in (("8x", 0.02), ("30x", 0.04)):
        errors = [abs(one.held_out.error_share) for one in peaks if one.fit == fit]
        assert sum(error <= bar for error in errors) >= 0.98 * len(errors)
        assert max(errors) <= 0.04
    assert sum(one.held_out.is_inside for one in peaks) >= 0.9 * len(peaks)


def test_a_measured_kind_lies_in_its_own_interval(bench):
    judge, arms = bench
    config = replace(RunConfig(), classes=1_000_000, batch_size=256)
    steps = Reference.load().times(config, "dense_softmax")[Phase.TRAIN]
    step = next(time for time in steps if time.quantity == STEP)
    trained = next(record for record in arms["dense-held1"] if record.phase is Phase.TRAIN)
    measured = judge.measured_times(trained)[STEP]
    assert step.seconds.low <= measured <= step.seconds.high
    assert step.basis is Basis.PREDICTED
    assert "hold-outs" in step.error_words


def test_a_kind_that_was_not_measured_says_so_and_is_wider():
    reference = Reference.load()
    known, unknown = (
        next(
            time
            for time in reference.times(
                replace(RunConfig(), classes=10**6, index=IndexConfig(factory=factory)), "nearest_neighbour"
            )[Phase.SERVE]
            if time.quantity == QUERY
        )
        for factory in ("SQ8", "SQ4")
    )
    assert "another kind" in unknown.error_words
    assert "another kind" not in known.error_words
    assert unknown.seconds.high / unknown.seconds.value > known.seconds.high / known.seconds.value


def test_steps_on_a_gpu_were_not_measured_and_are_left_out():
    config = replace(RunConfig(), classes=10**6, device=Device.cuda)
    quantities = [time.quantity for time in Reference.load().times(config, "dense_softmax")[Phase.TRAIN]]
    assert STEP not in quantities
    assert CLASS_MEANS in quantities


def test_without_a_number_of_classes_the_default_of_the_data_is_taken():
    reference = Reference.load()
    default = replace(RunConfig(), classes=100_000)
    assert reference.times(RunConfig(), "dense_softmax") == reference.times(default, "dense_softmax")


def test_a_reference_is_read_back_as_it_was_written():
    reference = Reference.load()
    assert Reference.from_json(json.loads(json.dumps(reference.to_json()))) == reference


@pytest.mark.parametrize(
    ("factory", "kind"),
    [("Flat", "Flat"), ("IVF{lists},SQ8", "IVF, SQ8"), ("PQ32x4fs", "PQ fast-scan"), ("RaBitQ2", "RaBitQ2"),
     ("HNSW32", "HNSW, Flat"), ("OPQ16,IVF{lists},PQ16", "OPQ, IVF, PQ")],
)  # fmt: skip
def test_kinds_are_named_by_what_decides_their_speed(factory, kind):
    config = replace(RunConfig(), index=IndexConfig(factory=factory))
    assert time_kind(config, "nearest_neighbour", 1_000_000) == kind


def test_the_worst_ratio_counts_both_ways():
    assert worst_ratio([(1.0, 2.0), (3.0, 2.0)]) == 2.0
    assert worst_ratio([]) == 1.0
