"""Several measurements of one phase: what is printed of them, and when they are said to disagree."""

from dataclasses import replace

import pytest
from made_records import make_record, reading

from xclass.records.record import Latency, Pass, Phase, Verdict
from xclass.report.causes import NO_CAUSE
from xclass.report.repeats import disagreement, merge
from xclass.report.rows import rows

MIB = 1 << 20


def repeats(*peaks, seconds=(1.0, 2.0, 6.0), **changes):
    made = []
    for number, peak in enumerate(peaks):
        latency = Latency(
            batch_size=1, num_batches=5, p50_seconds=0.1 * (number + 1), p95_seconds=1.0, p99_seconds=1.0,
            queries_per_second=10.0 / (number + 1),
        )  # fmt: skip
        made.append(
            make_record(
                "dense_softmax",
                Phase.TRAIN,
                repeat=number,
                memory=reading(100, peak),
                seconds=seconds[number],
                latencies=[latency],
                **changes,
            )
        )
    return made


def test_bytes_and_times_are_medians_with_their_ends():
    (row,) = rows(repeats(300, 304, 302))
    assert row["num_repeats"] == 3
    assert row["peak_over_base_bytes"] == 202 * MIB
    assert (row["peak_over_base_least_bytes"], row["peak_over_base_most_bytes"]) == (200 * MIB, 204 * MIB)
    assert (row["seconds_least"], row["seconds"], row["seconds_most"]) == (1.0, 2.0, 6.0)
    assert row["latency_p50_seconds"] == pytest.approx(0.2)
    assert row["disagreement"] is None


def test_one_measurement_has_no_spread():
    (row,) = rows(repeats(300))
    assert row["num_repeats"] == 1
    assert row["peak_over_base_least_bytes"] is None
    assert row["disagreement"] is None


def test_a_repeat_that_failed_fails_the_row_and_names_itself():
    made = repeats(300, 302, 301)
    made[1] = replace(made[1], verdict=Verdict.FAILED, cause="killed by SIGKILL", memory=None)
    (row,) = rows(made)
    assert (row["verdict"], row["cause"]) == ("failed", "repeat 2 of 3: killed by SIGKILL")
    assert row["num_repeats"] == 2


def test_a_spread_above_three_percent_is_flagged_and_one_below_is_not():
    assert disagreement(repeats(300, 305, 302)) is None
    said = disagreement(repeats(300, 307, 302))
    assert said.startswith("peak - base from 200 MiB to 207 MiB in 3 repeats, 3 % apart: ")
    assert said.endswith(NO_CAUSE)


def test_what_the_kernel_cannot_count_exactly_is_no_disagreement():
    few = repeats(101, 102)
    assert disagreement(few) is not None
    exact = {"rss_counter_error_bytes": MIB}
    assert disagreement([replace(record, machine=exact) for record in few]) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"conditions": {"allocator": "jemalloc"}}, "allocator: None and jemalloc"),
        ({"conditions": {"num_threads": 9}}, "threads: 0 and 9 at the end"),
        ({"conditions": {"load_average": 7.5}}, "load: 0.0 and 7.5 when they began"),
        ({"conditions": {"huge_page_bytes": 60 * MIB}}, "huge pages: 60 MiB more anonymous memory"),
        ({"conditions": {"num_involuntary_switches": 5000}}, "load: 0 and 5,000 times another program"),
        ({"environment": {"MALLOC_ARENA_MAX": "8"}}, "environment MALLOC_ARENA_MAX: 1 and 8"),
        ({"examples_seen": 7}, "work: - and 7 examples"),
        ({"memory": reading(100, 360, file=90)}, "file pages: 50 MiB of it"),
    ],
)
def test_the_cause_is_looked_up(changes, said):
    low, high = repeats(300, 360)
    assert said in disagreement([low, replace(high, **changes)])


def test_a_merged_record_keeps_what_the_passes_do_not_share():
    made = repeats(300, 304, 302)
    merged = merge(made)
    assert merged.memory.peak_rss_bytes == 302 * MIB
    assert merged.pass_ is Pass.RSS
    assert merged.config == made[0].config
