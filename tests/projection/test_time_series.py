"""Times through the same hold-outs as bytes."""

from dataclasses import replace

import pytest
from made_points import make_config, measured, phase_of

from xclass.projection.projector import Projector
from xclass.projection.result import Basis
from xclass.records.record import Latency


def asked(size, seconds_of):
    """A serve record whose single queries took ``seconds_of(classes * dim)``."""
    record = phase_of(measured(make_config(size), "dense_softmax"), "serve")[0]
    seconds = seconds_of(size * 64)
    latency = Latency(
        batch_size=1, num_batches=9, p50_seconds=seconds, p95_seconds=seconds, p99_seconds=seconds,
        queries_per_second=1 / seconds,
    )  # fmt: skip
    return replace(record, latencies=[latency])


def query_at(size, projector):
    serve = next(one for one in projector.project(make_config(size), "dense_softmax") if one.phase == "serve")
    return next(time for time in serve.times if time.quantity == "query")


def test_an_exact_law_of_time_is_projected_with_the_spread_of_equal_runs():
    runs = [asked(size, lambda work: 1e-3 + 2e-10 * work) for size in (500_000, 1_000_000, 2_000_000)]
    found = query_at(16_000_000, Projector.of_records(runs))
    assert found.seconds.value == pytest.approx(1e-3 + 2e-10 * 16e6 * 64, rel=1e-3)
    assert (found.basis, found.form) == (Basis.PROJECTED, "linear in classes x dim")
    assert found.seconds.high == pytest.approx(1.30 * found.seconds.value)
    assert found.error_words.endswith("equal runs differ by 30 %")


def test_a_measured_time_is_returned_as_measured():
    runs = [asked(size, lambda work: 1e-3 + 2e-10 * work) for size in (500_000, 1_000_000)]
    found = query_at(1_000_000, Projector.of_records(runs))
    assert (found.basis, found.seconds.value) == (Basis.MEASURED, 1e-3 + 2e-10 * 64e6)


def test_out_of_the_cache_the_interval_allows_a_factor_of_three():
    runs = [asked(size, lambda work: 1e-4 + 1e-10 * work) for size in (20_000, 50_000, 100_000)]
    inside, outside = (query_at(size, Projector.of_records(runs)) for size in (200_000, 1_000_000))
    assert inside.seconds.high < 1.35 * inside.seconds.value
    assert outside.seconds.high == pytest.approx(3.0 * outside.seconds.value)
    assert outside.error_words.startswith("no measured size is beyond caches")


def test_small_sizes_that_follow_another_law_are_a_kink_and_named():
    def cached(work):
        return work * (1e-10 if work < 8e6 else 4e-10)

    runs = [asked(size, cached) for size in (100_000, 500_000, 1_000_000, 2_000_000)]
    projector = Projector.of_records(runs)
    (serve,) = [
        one for one in projector.project(make_config(4_000_000), "dense_softmax") if one.phase == "serve"
    ]
    (kink,) = [line for line in serve.caveats if "query" in line]
    assert "the smallest size, 100,000 classes x 64, follows another law than the others" in kink
    assert kink.endswith("class vectors of 24.4 MiB may still lie in the processor's cache")
