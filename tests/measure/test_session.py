import dataclasses
import json

import pytest

from xclass.errors import MeasurementError
from xclass.measure.rows import NOTHING, Maxima
from xclass.measure.session import MemorySession, PhaseMemory, combine
from xclass.measure.timeline import Samples
from xclass.records.memory import MemorySplit

MB = 10**6


def split(anon, file, shmem=0, swap=0):
    return MemorySplit(
        rss_bytes=(anon + file + shmem) * MB,
        anon_bytes=anon * MB,
        file_bytes=file * MB,
        shmem_bytes=shmem * MB,
        swap_bytes=swap * MB,
    )


def reading(peak, *, end=None, base=None):
    return PhaseMemory(
        interpreter=split(5, 5),
        base=base or split(40, 60),
        end=end or split(50, 60),
        peak_rss_bytes=peak * MB,
        begin_seconds=1.0,
        end_seconds=2.0,
    )


def samples(rss=0, anon=0, file=0, shmem=0, mapped=0, swap=0, num_samples=10):
    maxima = Maxima(*(number * MB for number in (rss, anon, file, shmem, mapped, swap)))
    return Samples(begin_seconds=1.0, end_seconds=2.0, num_samples=num_samples, maxima=maxima)


def test_sampled_anonymous_peak_is_used_where_it_is_the_largest():
    memory = combine(reading(400), samples(rss=390, anon=330, file=300, mapped=300))
    assert memory.peak_anon_bytes == 330 * MB
    assert memory.peak_file_bytes == 300 * MB
    assert memory.sampled_peak_rss_bytes == 390 * MB


def test_a_spike_between_samples_counts_as_anonymous():
    memory = combine(reading(300), samples(rss=110, anon=50, file=60, mapped=60))
    assert memory.peak_anon_bytes == 240 * MB
    assert memory.sampled_peak_rss_bytes == 110 * MB


def test_the_end_counts_as_a_sample():
    memory = combine(reading(300, end=split(290, 3, 2)), samples(rss=110, anon=50, file=60, mapped=60))
    assert memory.peak_anon_bytes == 290 * MB
    assert memory.peak_shmem_bytes == 2 * MB


def test_without_samples_the_base_says_what_was_mapped():
    memory = combine(reading(300, end=split(50, 10)), Samples(begin_seconds=1, end_seconds=2))
    assert memory.num_samples == 0
    assert memory.sampled_peak_rss_bytes == 0
    assert memory.peak_anon_bytes == 240 * MB


def test_no_split_exceeds_the_peak():
    memory = combine(
        reading(300), samples(rss=301, anon=301, file=301, shmem=301, mapped=301), tolerance_bytes=MB
    )
    assert memory.peak_anon_bytes == memory.peak_file_bytes == memory.peak_shmem_bytes == 300 * MB
    assert memory.sampled_peak_rss_bytes == 300 * MB


@pytest.mark.parametrize(
    ("bad", "seen"),
    [
        (reading(300, end=split(50, 60, swap=1)), samples()),
        (reading(300, base=split(50, 40, swap=1)), samples()),
        (reading(300), samples(swap=1)),
    ],
)
def test_swapped_pages_refuse_the_reading(bad, seen):
    with pytest.raises(MeasurementError, match=r"^swap=977 KiB: .* turn swap off"):
        combine(bad, seen)


def test_a_peak_below_the_base_is_refused_but_for_counter_errors():
    with pytest.raises(MeasurementError, match=r"^peak=85.8 MiB: below the base of 95.4 MiB"):
        combine(reading(90), samples())
    assert combine(reading(90), samples(), tolerance_bytes=10 * MB).peak_rss_bytes == 90 * MB


def test_samples_of_another_process_are_refused():
    with pytest.raises(MeasurementError, match=r"^sampled=\d+ MiB: above the kernel's peak"):
        combine(reading(300), samples(rss=500))


def test_a_reading_survives_json():
    before = reading(300)
    assert PhaseMemory.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_steps_out_of_order_are_our_own_mistake():
    session = MemorySession()
    with pytest.raises(AssertionError, match="start"), session.phase():
        pass
    session.start()
    with pytest.raises(AssertionError, match="set_base"), session.phase():
        pass
    session.set_base()
    with session.phase() as meter, pytest.raises(AssertionError, match="not ended"):
        _ = meter.reading
    assert meter.reading.peak_rss_bytes >= meter.reading.end.rss_bytes - MB
    assert meter.begin_seconds == meter.reading.begin_seconds <= meter.reading.end_seconds


def test_nothing_is_zero_everywhere():
    assert not any(NOTHING)
    assert {field.name for field in dataclasses.fields(PhaseMemory)} >= {"interpreter", "base", "end"}
