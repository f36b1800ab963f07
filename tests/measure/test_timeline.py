import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.errors import MeasurementError
from xclass.measure.rows import (
    CAPACITY,
    FRESH,
    MAX_ROWS,
    NOTHING,
    Bucket,
    BucketStore,
    Maxima,
    Row,
    largest,
    merge_neighbours,
    thin_rows,
)
from xclass.measure.timeline import Samples, TimelineSampler


def bucket(index, rss_bytes, interval=0.02):
    seconds = index * interval
    row = Row(seconds, rss_bytes, rss_bytes - 1, 1, 0)
    return Bucket(seconds, seconds + interval / 100, 1, row, Maxima(*row[1:], 1, 0))


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_long_run_stays_bounded_and_keeps_every_peak():
    store, num_samples, cuts = BucketStore(), 100_000, [500.0, 1200.0]
    for index in range(num_samples):
        # One sample in each third towers over the others.
        store.append(bucket(index, 10**9 + index if index in (7, 40_000, 99_000) else 1000 + index), cuts)
    assert len(store) <= CAPACITY + len(cuts)
    edges = [0.0, *cuts, num_samples * 0.02]
    for (begin, end), peak in zip(pairwise(edges), (7, 40_000, 99_000), strict=True):
        buckets = store.between(begin, end)
        assert largest(buckets).rss_bytes == 10**9 + peak
        assert max(b.row.rss_bytes for b in buckets) == 10**9 + peak
        # Uniform resolution: the oldest phase is drawn with as much detail as the others.
        assert max(b.num_samples for b in buckets) <= 64
    assert sum(b.num_samples for b in store.between(0, num_samples)) == num_samples


def test_a_mark_that_comes_late_by_less_than_the_fresh_samples_is_exact():
    store = BucketStore()
    for index in range(30_000):
        store.append(bucket(index, 1000 + index))
    cut = (30_000 - FRESH) * 0.02
    assert largest(store.between(cut, 1e9)).rss_bytes == 1000 + 29_999
    assert min(b.row.rss_bytes for b in store.between(cut, 1e9)) == 1000 + 30_000 - FRESH


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=60),
    st.integers(1, 16),
    st.lists(st.integers(0, 60), max_size=3),
)
def test_merging_keeps_order_counts_and_maxima_on_each_side_of_a_cut(sizes, width, cut_indices):
    cuts = sorted({index * 0.02 for index in cut_indices})
    merged = merge_neighbours([bucket(i, size) for i, size in enumerate(sizes)], width, cuts)
    assert all(b.num_samples <= width for b in merged)
    assert sum(b.num_samples for b in merged) == len(sizes)
    assert [b.begin for b in merged] == sorted(b.begin for b in merged)
    for cut in cuts:
        before = [size for i, size in enumerate(sizes) if i * 0.02 < cut]
        inside = [b for b in merged if b.end <= cut]
        assert largest(inside).rss_bytes == max(before, default=0)


def test_thinned_rows_are_few_ordered_and_hold_the_peak():
    rows = [Row(i * 0.02, 5000 if i == 1234 else i % 100, 0, 0, 0) for i in range(9000)]
    thin = thin_rows(rows)
    assert 300 <= len(thin) <= MAX_ROWS
    assert thin == sorted(thin)
    assert max(row.rss_bytes for row in thin) == 5000
    assert thin_rows([Row(1.0, i, 0, 0, 0) for i in range(900)]) == [Row(1.0, 899, 0, 0, 0)]
    assert thin_rows([]) == []


def test_sampler_reads_a_child_and_cuts_phases_by_late_marks(sleeper):
    with TimelineSampler(sleeper.pid, 0.005) as sampler:
        time.sleep(0.15)
        begin = time.monotonic()
        time.sleep(0.15)
        sampler.mark("second", begin)
        sampler.mark("first", begin - 0.1)
    phases = sampler.phases()
    assert list(phases) == ["first", "second"]
    assert phases["first"].end_seconds == phases["second"].begin_seconds == begin
    assert phases["first"].num_samples >= 5
    assert phases["second"].num_samples >= 5
    assert all(begin - 0.1 <= row.seconds < begin for row in phases["first"].rows)
    assert phases["second"].maxima.rss_bytes == max(row.rss_bytes for row in phases["second"].rows)
    assert phases["first"].timeline()[0][0] >= 0
    assert sampler.rows_between(begin) == phases["second"].rows
    assert sampler.failure is None


def test_sampler_ends_quietly_with_the_child(sleeper):
    sampler = TimelineSampler(sleeper.pid, 0.005)
    sampler.start()
    time.sleep(0.1)
    sleeper.kill()
    sleeper.wait()
    sampler._thread.join(timeout=2)
    assert not sampler._thread.is_alive()
    assert sampler.failure is None
    assert sampler.between(0).num_samples > 1
    sampler.stop()


def test_sampler_tells_why_it_failed_and_does_not_raise(sleeper, monkeypatch):
    def broken(self):
        raise OSError(5, "made up")

    monkeypatch.setattr("xclass.measure.status.StatusReader.read", broken)
    with TimelineSampler(sleeper.pid) as sampler:
        time.sleep(0.05)
    assert sampler.failure == "OSError: [Errno 5] made up"
    assert sampler.between(0) == Samples(begin_seconds=0, end_seconds=float("inf"), maxima=NOTHING)


def test_sampler_stopped_before_it_started_is_no_error():
    TimelineSampler(1).stop()


@pytest.mark.parametrize("interval_seconds", [0, -1, 1e-4, float("nan")])
def test_a_useless_interval_is_refused(interval_seconds):
    with pytest.raises(MeasurementError, match="interval_seconds"):
        TimelineSampler(1, interval_seconds)
