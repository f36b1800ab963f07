"""What is called growth, and what noise; which differences fail a gate."""

from dataclasses import replace

import pytest
from made_records import MIB, answered, make_record, predicted, reading

from xclass.errors import RecordError
from xclass.records.record import Allocation, HeapReading, Pass, Phase, Verdict
from xclass.records.store import write_json, write_record
from xclass.report.compare import Change, Limit, compare
from xclass.report.rows import summary
from xclass.report.sides import Run, read_side

FIVE_PERCENT = Limit(share=0.05)


def serve(peak, **changes):
    values = {"memory": reading(100, peak), "predicted": predicted(peak - 100, 100)} | changes
    return make_record("dense_softmax", Phase.SERVE, **values)


def side(*records):
    return {"": Run.of(records)}


def one_phase(before, after):
    (phase,) = compare(side(before), side(after)).phases
    return phase


def traced(size, line=10, function="fit"):
    top = Allocation(
        num_bytes=size, num_calls=1, place=f"xclass/a.py:{line}", function=function, source="", via="malloc"
    )
    reading = HeapReading(
        peak_heap_bytes=size, num_allocations=1, capture="heap/x.bin", flamegraph=None, top=[top]
    )
    return make_record("dense_softmax", Phase.SERVE, Pass.HEAP, heap=reading)


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
    (phase,) = compare(side(*shaky), side(*steady)).phases
    assert phase.of("peak_rss_bytes").change is Change.NOISE
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
    assert phase.gate_failures(Limit(share=0.20)) == []
    assert phase.gate_failures(FIVE_PERCENT) == [
        "dense_softmax serve: peak RSS grew by 30 MiB (10.0 %)",
        "dense_softmax serve: peak - base grew by 30 MiB (15.0 %)",
    ]
    assert one_phase(serve(300), serve(302)).gate_failures(Limit(share=0.0)) == []
    assert one_phase(serve(330), serve(300)).gate_failures(Limit(share=0.0)) == []
    assert phase.gate_failures(Limit(num_bytes=30 * MIB)) == []
    assert len(phase.gate_failures(Limit(num_bytes=30 * MIB - 1))) == 2


@pytest.mark.parametrize("peak_before", [100, 99])
def test_growth_from_nothing_is_more_than_any_share(peak_before):
    """A load that maps its file has a peak no higher than its base, or lower where pages were dropped."""
    (line,) = one_phase(serve(peak_before), serve(150)).gate_failures(Limit(share=0.99))
    assert line.startswith("dense_softmax serve: peak - base grew by 5")


def test_what_is_no_longer_measured_fails_the_gate():
    failed = serve(300, verdict=Verdict.OUT_OF_MEMORY, cause="killed")
    phase = one_phase(serve(300), failed)
    assert phase.gate_failures(FIVE_PERCENT) == ["dense_softmax serve: measured before, out of memory now"]
    assert phase.of("peak_rss_bytes").delta is None
    other = make_record("dense_softmax", Phase.TRAIN, memory=reading(100, 300))
    gone = compare(side(serve(300), other), side(serve(300)))
    assert gone.gate_failures(FIVE_PERCENT) == ["dense_softmax train: measured before, missing now"]
    never = replace(other, verdict=Verdict.DOES_NOT_FIT, cause="needs 9 GiB")
    assert compare(side(serve(300), never), side(serve(300))).gate_failures(FIVE_PERCENT) == []
    assert compare(side(serve(300)), side(serve(300), other)).only_after == ["dense_softmax train"]


def test_the_verdict_counts_phases_by_what_their_memory_did():
    def phases(train, load, build):
        sizes = ((Phase.TRAIN, train), (Phase.LOAD, load), (Phase.BUILD, build))
        return [make_record("m", phase, memory=reading(100, peak)) for phase, peak in sizes]

    lost = make_record("m", Phase.SERVE, verdict=Verdict.FAILED, cause="killed")
    before, after = side(*phases(300, 300, 300), lost), side(*phases(330, 300, 200), lost)
    assert compare(before, after).verdict == (
        "memory of 4 phases: 1 grew, 1 shrank, 1 within noise, 1 not measured on both sides"
    )


def test_a_heap_pass_that_fails_now_fails_the_gate_and_one_that_was_not_asked_for_does_not():
    failed = replace(traced(5 * MIB), heap=None, verdict=Verdict.FAILED, cause="full disk")
    comparison = compare(side(serve(300), traced(5 * MIB)), side(serve(300), failed))
    assert comparison.gate_failures(FIVE_PERCENT) == [
        "dense_softmax serve: heap peak measured before, its pass failed now"
    ]
    assert compare(side(serve(300), traced(5 * MIB)), side(serve(300))).gate_failures(FIVE_PERCENT) == []


def test_address_space_that_is_never_touched_is_no_growth_of_memory():
    """OpenBLAS maps its buffers within the phase or before it: measured, 0.8 and 129 MiB in equal runs."""
    before, after = side(serve(300), traced(MIB)), side(serve(300), traced(129 * MIB))
    (phase,) = compare(before, after).phases
    assert phase.of("peak_heap_bytes").change is Change.GREW
    assert phase.is_heap_growth_idle
    assert phase.gate_failures(FIVE_PERCENT) == []


def test_who_asked_for_more_heap_is_named_by_function():
    before, after = side(serve(300), traced(5 * MIB)), side(serve(300), traced(9 * MIB, line=12))
    (phase,) = compare(before, after).phases
    assert phase.owners == [("fit in xclass/a.py", 4 * MIB)]
    assert phase.of("peak_heap_bytes").change is Change.GREW


def test_two_traced_records_are_compared_by_their_heap():
    phase = one_phase(traced(50 * MIB), traced(90 * MIB))
    assert phase.verdicts is None
    assert phase.of("peak_heap_bytes").delta == 40 * MIB
    assert len(phase.gate_failures(FIVE_PERCENT)) == 1


def test_what_was_held_is_named_where_it_grew():
    before, after = (serve(300, held={"class vectors": size, "ids": 8}) for size in (100, 140))
    assert one_phase(before, after).held == [("class vectors", 40)]


def test_what_else_differs_is_listed():
    after = replace(
        serve(300), environment={"MALLOC_ARENA_MAX": "8", "OMP_NUM_THREADS": "2"}, config={"dim": 128}
    )
    comparison = compare(side(serve(300)), side(after))
    listed = comparison.circumstances
    assert comparison.warnings == ["the allocator or its pages differ: bytes do not compare"]
    found = {what: (one, other) for what, one, other in listed}
    assert found["environment MALLOC_ARENA_MAX"] == ("1", "8")
    assert found["setting dim"] == ("64", "128")
    assert found["setting classes"] == ("100000", "-")


def test_a_side_of_which_nothing_was_measured_still_says_how_it_was_run():
    """Else each setting would be listed as missing there, and the allocator as another one."""
    prepare = make_record("synthetic", Phase.PREPARE, memory=reading(60, 64))
    killed = serve(300, verdict=Verdict.FAILED, cause="killed by SIGKILL")
    for other in (prepare, killed):
        comparison = compare(side(prepare, serve(300)), side(other))
        assert comparison.circumstances == []
        assert comparison.warnings == []


def test_runs_of_a_sweep_are_matched_by_name(tmp_path):
    for run, peak in (("0", 200), ("1", 300)):
        write_record(tmp_path / "a" / run, serve(peak))
        write_record(tmp_path / "b" / run, serve(peak + 30))
    comparison = compare(read_side(tmp_path / "a"), read_side(tmp_path / "b"))
    assert {phase.label for phase in comparison.phases} == {
        "0: dense_softmax serve",
        "1: dense_softmax serve",
    }
    assert comparison.circumstances == []


def test_runs_of_a_sweep_that_are_of_other_sizes_are_no_equal_runs(tmp_path):
    """Of both sweeps, runs 0 and 1: what varies within each must not hide that they do not fit together."""
    for sweep, sizes in (("a", (1000, 2000)), ("b", (1000, 4000))):
        for run, classes in enumerate(sizes):
            record = serve(300, classes=classes, config={"classes": classes})
            write_record(tmp_path / sweep / str(run), record)
    comparison = compare(read_side(tmp_path / "a"), read_side(tmp_path / "b"))
    assert comparison.circumstances == [("1: setting classes", "2000", "4000")]
    sizes = {phase.label: phase.sizes for phase in comparison.phases}
    assert sizes["0: dense_softmax serve"] == []
    assert sizes["1: dense_softmax serve"] == [("classes", "2000", "4000")]


def test_a_summary_is_compared_like_the_records_it_was_made_from(tmp_path):
    for name, peak in (("a", 300), ("b", 330)):
        write_json(tmp_path / f"{name}.json", summary([serve(peak), traced(peak * MIB)]))
    comparison = compare(read_side(tmp_path / "a.json"), read_side(tmp_path / "b.json"))
    (phase,) = comparison.phases
    assert phase.of("peak_over_base_bytes").delta == 30 * MIB
    assert len(comparison.gate_failures(FIVE_PERCENT)) == 2
    assert "nothing of settings, versions and machine" in comparison.warnings[0]


@pytest.mark.parametrize(
    "document",
    [
        {"rows": [], "schema_version": 99},
        {"rows": 5, "schema_version": 1},
        {"rows": [5], "schema_version": 1},
        {"rows": [{"method": "x"}], "schema_version": 1},
        {"rows": [{"method": "x", "phase": "train", "verdict": "fine"}], "schema_version": 1},
        {"rows": [{"method": "x", "phase": ["train"], "verdict": "measured"}], "schema_version": 1},
        {
            "rows": [{"method": "x", "phase": "train", "verdict": "measured", "peak_rss_bytes": "much"}],
            "schema_version": 1,
        },
    ],
)
def test_a_damaged_summary_is_refused_by_name(tmp_path, document):
    write_json(tmp_path / "s.json", document)
    with pytest.raises(RecordError, match=r"s\.json: "):
        read_side(tmp_path / "s.json")


def test_two_records_are_compared_whatever_they_are_of():
    other = make_record("nearest_neighbour", Phase.SERVE, memory=reading(60, 90))
    phase = one_phase(serve(300), other)
    assert phase.label == "dense_softmax serve -> nearest_neighbour serve"


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"no records in it; give a record, a summary.json, the folder"):
        read_side(tmp_path)
