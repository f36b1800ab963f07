"""What a closed form explains of a peak: numbers by hand, and where there is nothing to say."""

from dataclasses import replace

import pytest

from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.sizing.ledger import TINY_BYTES, explain_peak

MB = 1_000_000
BASE = 60 * MB


def record_of(*, predicted=200 * MB, measured=210 * MB, changes=None):
    split = MemorySplit(rss_bytes=BASE, anon_bytes=BASE, file_bytes=0, shmem_bytes=0, swap_bytes=0)
    memory = MemoryReading(
        interpreter=split, base=split, end=split, peak_rss_bytes=BASE + measured,
        peak_anon_bytes=BASE + measured, peak_file_bytes=0, peak_shmem_bytes=0, sampled_peak_rss_bytes=0,
        num_samples=1,
    )  # fmt: skip
    # The plan's own guess of the base is another one, and must not matter.
    document = {"over_base_bytes": predicted, "base_bytes": 7 * MB, "components": {"vectors": predicted}}
    record = Record(
        method="dense_softmax", phase=Phase.TRAIN, pass_=Pass.RSS, verdict=Verdict.MEASURED, classes=10,
        dim=4, data="synthetic", seed=0, predicted=document, held={"vectors": 150 * MB, "state": 20 * MB},
        memory=memory,
    )  # fmt: skip
    return replace(record, **(changes or {}))


def test_what_no_component_explains_is_a_share_of_the_measured_peak():
    peak = explain_peak(record_of(predicted=200 * MB, measured=250 * MB))
    assert (peak.predicted_bytes, peak.held_bytes, peak.measured_bytes) == (200 * MB, 170 * MB, 250 * MB)
    assert peak.unexplained_bytes == 50 * MB
    assert peak.over_predicted_bytes == 0
    assert peak.explained_share == pytest.approx(0.8)
    assert peak.ratio == pytest.approx(1.25)


def test_what_was_promised_too_much_is_no_explanation_of_more_than_all():
    peak = explain_peak(record_of(predicted=250 * MB, measured=200 * MB))
    assert peak.explained_share == 1.0
    assert peak.unexplained_bytes == 0
    assert peak.over_predicted_bytes == 50 * MB
    assert peak.gap_share == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("measured", "is_within"), [(96, True), (94, False), (100, True), (105, True), (106, False)]
)
def test_the_bar_holds_in_both_directions(measured, is_within):
    peak = explain_peak(record_of(predicted=100 * MB, measured=measured * MB))
    assert peak.is_within(0.05) is is_within


def test_a_tiny_phase_is_judged_against_the_whole_peak():
    peak = explain_peak(record_of(predicted=1 * MB, measured=2 * MB))
    assert peak.is_tiny
    assert peak.ratio == 2.0
    assert peak.gap_share == pytest.approx(1 / 62)
    assert peak.is_within(0.02)
    assert not explain_peak(record_of(predicted=1 * MB, measured=3 * MB)).is_within(0.02)
    assert not explain_peak(record_of(predicted=MB, measured=TINY_BYTES)).is_tiny
    assert not explain_peak(record_of(predicted=TINY_BYTES, measured=MB)).is_tiny


def test_a_peak_below_the_base_measures_nothing():
    """The kernel's counters may be a few pages apart."""
    peak = explain_peak(record_of(predicted=MB, measured=-4096))
    assert (peak.measured_bytes, peak.explained_share) == (0, 1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.OUT_OF_MEMORY},
        {"memory": None},
        {"predicted": None},
    ],
)
def test_where_there_is_nothing_to_compare_there_is_no_ledger(changes):
    assert explain_peak(record_of(changes=changes)) is None


def test_what_was_not_counted_is_not_zero():
    assert explain_peak(record_of(changes={"held": None})).held_bytes is None
