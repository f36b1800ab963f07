"""What is called growth, and what noise; which differences fail a gate."""

from dataclasses import replace

import pytest
from made_records import MIB, answered, make_record, predicted, reading

from xclass.errors import RecordError
from xclass.records.record import Allocation, HeapReading, Pass, Phase, Verdict
from xclass.records.store import write_record
from xclass.report.compare import Change, compare, read_side


def serve(peak, **changes):
    values = {"memory": reading(100, peak), "predicted": predicted(peak - 100, 100)} | changes
    return make_record("dense_softmax", Phase.SERVE, **values)


def one_phase(before, after):
    (phase,) = compare({"": [before]}, {"": [after]}).phases
    return phase


def test_growth_is_said_in_bytes_and_in_parts():
    phase = one_phase(serve(300), serve(330))
    difference = phase.of("peak_over_base_bytes")
    assert (difference.change, difference.delta) == (Change.GREW, 30 * MIB)
    assert difference.share == pytest.approx(0.15)
    assert phase.components == [("weights", 30 * MIB)]


@pytest.mark.parametrize(
    ("after", "change"),
    [(302, Change.NOISE), (298, Change.NOISE), (304, Change.GREW), (296, Change.SHRANK)],
)
def test_bytes_within_one_percent_are_noise(after, change):
    assert one_phase(serve(300), serve(after)).of("peak_over_base_bytes").change is change


def test_what_the_kernel_cannot_count_is_noise():
    machine = {"rss_counter_error_bytes": 8 * MIB}
    phase = one_phase(serve(300, machine=machine), serve(306, machine=machine))
    assert phase.of("peak_over_base_bytes").change is Change.NOISE


def test_repeats_that_spread_widely_widen_the_noise():
    shaky = [serve(300), serve(340, repeat=1), serve(320, repeat=2)]
    steady = [serve(330), serve(330, repeat=1), serve(330, repeat=2)]
    (phase,) = compare({"": shaky}, {"": steady}).phases
    assert phase.of("peak_over_base_bytes").noise == 20 * MIB
    assert phase.of("peak_over_base_bytes").change is Change.NOISE


def test_times_need_more_than_bytes():
    phase = one_phase(serve(300, seconds=10.0), serve(300, seconds=12.9))
    assert phase.of("seconds").change is Change.NOISE
    assert one_phase(serve(300, seconds=10.0), serve(300, seconds=13.1)).of("seconds").change is Change.GREW


def test_accuracies_differ_where_their_intervals_do_not_touch():
    before = serve(300, accuracy=answered(0.80, 0.78, 0.82))
    close, far = (serve(300, accuracy=answered(at, at - 0.02, at + 0.02)) for at in (0.77, 0.70))
    assert one_phase(before, close).of("accuracy_at_1").change is Change.NOISE
    assert one_phase(before, far).of("accuracy_at_1").change is Change.SHRANK


def test_the_gate_wants_more_than_the_limit_and_more_than_noise():
    phase = one_phase(serve(300), serve(330))
    assert phase.gate_failures(0.20) == []
    assert phase.gate_failures(0.05) == [
        "dense_softmax serve: peak RSS grew by 10.0 %",
        "dense_softmax serve: peak - base grew by 15.0 %",
    ]
    assert one_phase(serve(300), serve(302)).gate_failures(0.0) == []
    assert one_phase(serve(330), serve(300)).gate_failures(0.0) == []


def test_what_is_no_longer_measured_fails_the_gate():
    failed = serve(300, verdict=Verdict.OUT_OF_MEMORY, cause="killed")
    phase = one_phase(serve(300), failed)
    assert phase.gate_failures(0.05) == ["dense_softmax serve: measured before, out of memory now"]
    assert phase.of("peak_rss_bytes").delta is None
    other = make_record("dense_softmax", Phase.TRAIN, memory=reading(100, 300))
    gone = compare({"": [serve(300), other]}, {"": [serve(300)]})
    assert gone.gate_failures(0.05) == ["dense_softmax train: measured before, missing now"]
    assert compare({"": [serve(300)]}, {"": [serve(300), other]}).only_after == ["dense_softmax train"]


def test_who_asked_for_more_heap_is_named_by_function():
    def heap(size, line):
        top = Allocation(
            num_bytes=size, num_calls=1, place=f"xclass/a.py:{line}", function="fit", source="", via="malloc"
        )
        reading = HeapReading(
            peak_heap_bytes=size, num_allocations=1, capture="heap/x.bin", flamegraph=None, top=[top]
        )
        return make_record("dense_softmax", Phase.SERVE, Pass.HEAP, heap=reading)

    (phase,) = compare({"": [serve(300), heap(5 * MIB, 10)]}, {"": [serve(300), heap(9 * MIB, 12)]}).phases
    assert phase.owners == [("fit in xclass/a.py", 4 * MIB)]
    assert phase.of("peak_heap_bytes").change is Change.GREW


def test_what_else_differs_is_listed():
    after = replace(serve(300), environment={"MALLOC_ARENA_MAX": "8"}, config={"dim": 128})
    listed = compare({"": [serve(300)]}, {"": [after]}).circumstances
    found = {what: (one, other) for what, one, other in listed}
    assert found["environment MALLOC_ARENA_MAX"] == ("1", "8")
    assert found["setting dim"] == ("64", "128")
    assert found["setting classes"] == ("100000", "-")


def test_runs_of_a_sweep_are_matched_by_name(tmp_path):
    for run, peak in (("0", 200), ("1", 300)):
        write_record(tmp_path / "a" / run, serve(peak))
        write_record(tmp_path / "b" / run, serve(peak + 30))
    comparison = compare(read_side(tmp_path / "a"), read_side(tmp_path / "b"))
    assert {phase.label for phase in comparison.phases} == {
        "0: dense_softmax serve",
        "1: dense_softmax serve",
    }


def test_two_records_are_compared_whatever_they_are_of():
    other = make_record("nearest_neighbour", Phase.SERVE, memory=reading(60, 90))
    phase = one_phase(serve(300), other)
    assert phase.label == "dense_softmax serve -> nearest_neighbour serve"


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(RecordError, match="give a record, the folder of a run, or of a sweep"):
        read_side(tmp_path)
