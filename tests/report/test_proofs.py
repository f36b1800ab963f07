"""The sentences on proofs, from made-up records."""

import pytest

from xclass.records.proof import Proof, ProofVerdict, Recorded
from xclass.records.record import Latency, Phase
from xclass.report.proof_curve import draw_curves
from xclass.report.proofs import least_sentence, proof_sentence, proofs_markdown


def latencies(p50_seconds, rate):
    one = Latency(
        batch_size=1, num_batches=9, p50_seconds=p50_seconds, p95_seconds=p50_seconds,
        p99_seconds=p50_seconds, queries_per_second=1 / p50_seconds,
    )  # fmt: skip
    many = Latency(
        batch_size=256, num_batches=9, p50_seconds=256 / rate, p95_seconds=1, p99_seconds=1,
        queries_per_second=rate,
    )  # fmt: skip
    return [one, many]


def make_proof(**changes):
    recorded = Recorded(
        record="r.json", started_at="", seconds=60.0, peak_rss_bytes=1_310_000_000,
        peak_anon_bytes=35_000_000, examples_seen=None, latencies=latencies(0.137, 100.0),
    )  # fmt: skip
    values = {
        "verdict": ProofVerdict.PROVEN, "method": "dense_softmax", "phase": Phase.SERVE,
        "classes": 5_000_000, "dim": 64, "data": "synthetic", "size_bytes": 2 * 10**9, "size_text": "2GB",
        "cap_kind": "cgroup v1", "cap_bytes": 1_969_000_000, "taken_off_bytes": 31_000_000,
        "peak_bytes": 1_310_000_000, "peak_anon_bytes": 35_000_000, "seconds": 61.0,
        "latencies": latencies(0.140, 98.0), "num_answers": 2000, "equal_share": 1.0,
        "read_bytes": 1_280_000_000, "num_major_faults": 1234, "recorded": recorded,
    }  # fmt: skip
    return Proof(**{**values, **changes})


def test_a_proven_promise_says_how_much_and_how_fast():
    assert proof_sentence(make_proof()) == (
        "proven: serve of dense_softmax at 5,000,000 classes ran to its end under a cap of 2.00 GB "
        "(cgroup v1): peak 1.31 GB charged, of it 35.0 MB anonymous, and 31.0 MB of libraries charged to "
        "others taken off the cap; answers to 2,000 queries equal those recorded; p50 of one query 140 ms "
        "(recorded 137 ms, 1.02x); 98.0 queries/s (recorded 100, 0.98x)"
    )


def test_a_slow_proof_says_so_in_the_same_sentence():
    slow = make_proof(latencies=latencies(6.85, 2.0), read_bytes=83_000_000_000)
    assert proof_sentence(slow).endswith(
        "50x slower than recorded while it read 83.0 GB from the disk in 1,234 page faults that waited"
    )


def test_a_busy_machine_is_named_beside_the_slowness():
    slow = make_proof(
        latencies=latencies(6.85, 2.0), machine={"load_average": [3.5, 1, 1], "num_cpus_allowed": 2}
    )
    assert "busy with others too: load average 3.5 on 2 CPUs" in proof_sentence(slow)


def test_a_refuted_promise_says_how_it_ended():
    refuted = make_proof(verdict=ProofVerdict.REFUTED, cause="killed by the kernel in serve", latencies=[])
    assert proof_sentence(refuted).startswith(
        "refuted: serve of dense_softmax at 5,000,000 classes under a cap of 2.00 GB (cgroup v1): killed by "
        "the kernel in serve; peak 1.31 GB charged"
    )


def test_the_weaker_cap_is_called_weaker_with_the_reason():
    weak = make_proof(cap_kind="RLIMIT_DATA", cap_reason="/sys/fs/cgroup/x: Read-only file system")
    sentence = proof_sentence(weak)
    assert "RLIMIT_DATA, the weaker proof: pages of files are not counted" in sentence
    assert "no control group: /sys/fs/cgroup/x: Read-only file system" in sentence


def test_a_size_in_gib_is_answered_in_gib():
    assert "under a cap of 1.86 GiB" in proof_sentence(make_proof(size_text="1.86 GiB"))


def test_the_least_size_stands_between_proven_and_refuted():
    proofs = [
        make_proof(size_bytes=size, verdict=verdict)
        for size, verdict in (
            (10**8, ProofVerdict.REFUTED),
            (2 * 10**8, ProofVerdict.REFUTED),
            (3 * 10**8, ProofVerdict.PROVEN),
            (4 * 10**8, ProofVerdict.PROVEN),
        )
    ]
    assert "in 300 MB (cgroup v1), refuted in 200 MB;" in least_sentence(proofs)
    assert least_sentence(proofs[:2]) == ""


@pytest.mark.parametrize("hostile", ["<script>", "a | b", "`x`"])
def test_a_cause_can_neither_break_the_page_nor_smuggle_html(hostile):
    page = proofs_markdown([make_proof(verdict=ProofVerdict.REFUTED, cause=hostile)])
    assert "<script>" not in page
    assert "a | b" not in page


def test_a_curve_draws_every_point_and_marks_what_did_not_end():
    proofs = [
        make_proof(size_bytes=int(share * 10**9), file_share=share, settings={"num_queries": 9})
        for share in (1.0, 0.5)
    ]
    proofs.append(make_proof(size_bytes=10**8, file_share=0.1, latencies=[], verdict=ProofVerdict.REFUTED))
    figure = draw_curves("t", "s", {"<dense>": proofs})
    assert figure.count("<circle") == 2 * 2 + 1
    assert figure.count("10% (no end)") == 2
    assert "&lt;dense&gt;" in figure
    page = proofs_markdown(proofs)
    assert "| 50% | 500 MB | proven |" in page
    assert "num_queries=9" in page
