import json

import pytest

from xclass.errors import RecordError
from xclass.records.proof import Proof, ProofVerdict, Recorded, proof_path, read_proofs, write_proof
from xclass.records.record import Latency, Phase


def latency(batch_size, p50_seconds):
    return Latency(
        batch_size=batch_size, num_batches=3, p50_seconds=p50_seconds, p95_seconds=p50_seconds,
        p99_seconds=p50_seconds, queries_per_second=batch_size / p50_seconds,
    )  # fmt: skip


def make_proof(**changes):
    recorded = Recorded(
        record="dense_softmax-serve-rss.json", started_at="2026-11-24T12:00:00+00:00", seconds=2.0,
        peak_rss_bytes=9 * 10**7, peak_anon_bytes=4 * 10**7, examples_seen=None,
        latencies=[latency(1, 0.001), latency(256, 0.1)],
    )  # fmt: skip
    values = {
        "verdict": ProofVerdict.PROVEN, "method": "dense_softmax", "phase": Phase.SERVE, "classes": 5000,
        "dim": 64, "data": "synthetic", "size_bytes": 10**8, "size_text": "100MB", "cap_kind": "cgroup v2",
        "cap_bytes": 7 * 10**7, "seconds": 3.0, "latencies": [latency(1, 0.004), latency(256, 0.2)],
        "recorded": recorded,
    }  # fmt: skip
    return Proof(**{**values, **changes})


def test_what_is_written_is_read_back_by_size(tmp_path):
    large, small = make_proof(size_bytes=2 * 10**8), make_proof(verdict=ProofVerdict.REFUTED, cause="killed")
    for proof in (large, small):
        write_proof(tmp_path, proof)
    assert read_proofs(tmp_path) == [small, large]


def test_a_shortened_proof_lies_beside_a_whole_one(tmp_path):
    whole, short = make_proof(), make_proof(settings={"num_queries": 10})
    assert proof_path(tmp_path, whole).name == "dense_softmax-serve-100000000.json"
    assert proof_path(tmp_path, short).name == "dense_softmax-serve-100000000-short.json"


def test_slowdown_is_against_the_recorded_times():
    assert make_proof().slowdown == pytest.approx(4.0)
    assert make_proof().batch_slowdown == pytest.approx(2.0)
    assert make_proof(latencies=[]).slowdown is None


def test_slowdown_of_training_is_per_example():
    recorded = Recorded(
        record="x", started_at="", seconds=10.0, peak_rss_bytes=1, peak_anon_bytes=1, examples_seen=1000
    )
    proof = make_proof(latencies=[], recorded=recorded, seconds=10.0, examples_seen=250)
    assert proof.slowdown == pytest.approx(4.0)


def test_unknown_keys_are_passed_over(tmp_path):
    path = write_proof(tmp_path, make_proof())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert read_proofs(tmp_path) == [make_proof()]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_a_damaged_proof_is_named_in_one_line(tmp_path, text):
    path = write_proof(tmp_path, make_proof())
    path.write_text(text)
    with pytest.raises(RecordError, match=path.name) as caught:
        read_proofs(tmp_path)
    assert "\n" not in str(caught.value)
