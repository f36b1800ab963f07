from __future__ import annotations

import json
import random

import pytest

from xclass.records.record import Pass, Phase, Verdict
from xclass.report.rows import rows, summary

MIB = 1 << 20

# The stable interface. Adding a key is fine; to rename or drop one, raise SUMMARY_SCHEMA_VERSION.
FROZEN_KEYS = [
    "method",
    "phase",
    "classes",
    "dim",
    "data",
    "verdict",
    "cause",
    "cause_heap",
    "predicted_peak_bytes",
    "available_bytes",
    "held_bytes",
    "import_bytes",
    "base_rss_bytes",
    "peak_rss_bytes",
    "peak_anon_bytes",
    "peak_file_bytes",
    "peak_shmem_bytes",
    "peak_over_base_bytes",
    "predicted_over_base_bytes",
    "ratio",
    "explained_share",
    "peak_heap_bytes",
    "traced_seconds",
    "untraced_twin_seconds",
    "tracer_added_bytes",
    "seconds",
    "examples_seen",
    "num_examples",
    "accuracy_at_1",
    "accuracy_at_5",
    "accuracy_low",
    "accuracy_high",
    "num_queries",
    "queries_per_second",
    "throughput_batch_size",
    "latency_p50_seconds",
    "latency_p95_seconds",
    "latency_p99_seconds",
    "latency_batch_size",
    "num_repeats",
    "peak_over_base_least_bytes",
    "peak_over_base_most_bytes",
    "seconds_least",
    "seconds_most",
    "latency_p50_least_seconds",
    "latency_p50_most_seconds",
    "queries_per_second_least",
    "queries_per_second_most",
    "disagreement",
    "flamegraph",
    "seed",
    "index",
    "gpu_peak_bytes",
    "lender",
    "disturbed_by",
    "num_ranks",
    "ranks_peak_bytes",
]


def pick(found, method, phase):
    return next(row for row in found if (row["method"], row["phase"]) == (method, phase))


def test_the_keys_are_frozen(run_records):
    document = summary(run_records)
    assert list(document) == ["schema_version", "rows", "notes"]
    assert document["schema_version"] == 1
    for row in document["rows"]:
        assert list(row) == FROZEN_KEYS
    assert set(document["notes"]) - {"bytes", "metrics", "over_seeds"} <= set(FROZEN_KEYS)
    json.dumps(document, allow_nan=False)


def test_both_passes_merge_into_one_row_per_phase(run_records):
    found = rows(run_records)
    assert [(row["method"], row["phase"]) for row in found] == [
        ("synthetic", "prepare"),
        ("dense_softmax", "train"),
        ("dense_softmax", "serve"),
        ("dense_softmax_autograd", "train"),
        ("dense_softmax_autograd", "serve"),
        ("nearest_neighbour", "train"),
        ("nearest_neighbour", "build"),
        ("nearest_neighbour", "serve"),
        ("sampled_softmax", "train"),
        ("sampled_softmax", "serve"),
    ]
    shuffled = run_records[:]
    random.Random(0).shuffle(shuffled)
    assert rows(shuffled) == found


def test_memory_of_a_measured_row(run_records):
    row = pick(rows(run_records), "dense_softmax", "train")
    in_mib = {key: row[key] // MIB for key in row if key.endswith("_bytes") and row[key] is not None}
    assert in_mib == {
        "predicted_peak_bytes": 330,
        "held_bytes": 26,
        "import_bytes": 280,
        "base_rss_bytes": 300,
        "peak_rss_bytes": 331,
        "peak_anon_bytes": 291,
        "peak_file_bytes": 40,
        "peak_shmem_bytes": 0,
        "peak_over_base_bytes": 31,
        "predicted_over_base_bytes": 30,
        "peak_heap_bytes": 34,
    }
    assert row["ratio"] == pytest.approx(31 / 30)
    assert row["flamegraph"] == "heap/dense_softmax-train.html"
    assert row["seconds"] == 125.0


def test_latency_is_of_the_smallest_and_rate_of_the_largest_batch(run_records):
    row = pick(rows(run_records), "nearest_neighbour", "serve")
    assert (row["latency_batch_size"], row["throughput_batch_size"]) == (1, 256)
    assert row["latency_p50_seconds"] == 0.00031
    assert row["queries_per_second"] == pytest.approx(256 / 0.0062)
    assert (row["accuracy_at_1"], row["accuracy_low"], row["accuracy_high"]) == (0.6101, 0.6005, 0.6196)
    assert row["index"] == "IVF256,Flat"


def test_a_failed_traced_pass_leaves_the_verdict_of_the_untraced_one(run_records):
    row = pick(rows(run_records), "nearest_neighbour", "build")
    assert (row["verdict"], row["cause"]) == ("measured", None)
    assert row["peak_heap_bytes"] is None
    assert row["cause_heap"] == "memray could not write its capture"


def test_a_refused_phase_keeps_its_prediction(run_records):
    row = pick(rows(run_records), "dense_softmax_autograd", "train")
    assert row["verdict"] == "does_not_fit"
    assert row["predicted_peak_bytes"] == (42_188 + 300) * MIB
    assert row["peak_rss_bytes"] is row["ratio"] is row["seconds"] is None


def test_a_killed_child_has_no_ratio(run_records):
    killed = next(r for r in run_records if r.method == "dense_softmax" and r.memory)
    killed.verdict = Verdict.OUT_OF_MEMORY
    row = pick(rows([killed]), "dense_softmax", "train")
    assert row["peak_rss_bytes"] is not None
    assert row["ratio"] is None


def test_a_traced_pass_alone_is_no_measurement(record):
    (row,) = rows([record("dense_softmax", Phase.TRAIN, Pass.HEAP)])
    assert row["verdict"] == "failed"
    assert "untraced" in row["cause"]
