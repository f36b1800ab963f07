"""What a trial may be called that did not come to its end."""

import dataclasses
import sys

import pytest
from real_runs import SMALL

from xclass.measure.caps import CapChoice
from xclass.records.proof import ProofVerdict
from xclass.records.record import Phase
from xclass.run.proof_search import find_least, is_working
from xclass.run.proof_source import find_source
from xclass.run.proving import Trial, prove


@pytest.fixture(scope="module")
def source(tmp_path_factory, run_xclass):
    folder = tmp_path_factory.mktemp("proving") / "run"
    words = ("+classes=2000", *SMALL, "methods=[nearest_neighbour]", "measure.heap_pass=false")
    assert run_xclass(*words, f"hydra.run.dir={folder}").exit_code == 0
    return find_source(folder, None, Phase.SERVE)


def trial(**changes):
    values = {"size_bytes": 10**9, "size_text": "1GB", "timeout_seconds": 60.0, "choice": CapChoice.rlimit}
    return Trial(**{**values, **changes})


def test_a_trial_out_of_time_is_refuted_with_the_time(source):
    proof = prove(source, trial(timeout_seconds=0.2))
    assert proof.verdict is ProofVerdict.REFUTED
    assert "did not come to an end within 200 ms" in proof.cause
    assert (proof.read_bytes, proof.num_major_faults) == (None, None), "not known is not none"


def test_a_command_that_cannot_be_started_shows_nothing_about_memory(source, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    proof = prove(source, trial())
    assert proof.verdict is ProofVerdict.NOT_PROVEN
    assert "exit code 127" in proof.cause


def test_damage_to_the_model_shows_nothing_about_memory(source):
    broken = dataclasses.replace(source, spec=dataclasses.replace(source.spec, model_dir="/nowhere"))
    proof = prove(broken, trial(size_bytes=8 * 10**9, choice=CapChoice.auto))
    if proof.cap_kind == "RLIMIT_DATA":
        pytest.skip(proof.cap_reason)
    assert proof.verdict is ProofVerdict.NOT_PROVEN
    assert "/nowhere" in proof.cause


def test_the_least_size_is_searched_above_the_recorded_peak_too(source):
    """Where importing needs more than the phase did, the recorded peak does not work."""
    proven = prove(source, trial(size_bytes=2 * 10**9))
    assert proven.verdict is ProofVerdict.PROVEN, proven.cause
    need_bytes = int(source.record.memory.peak_rss_bytes * 1.5)
    sizes = []

    def attempt(size_bytes):
        sizes.append(size_bytes)
        verdict = ProofVerdict.PROVEN if size_bytes >= need_bytes else ProofVerdict.REFUTED
        return dataclasses.replace(proven, size_bytes=size_bytes, verdict=verdict, seconds=0.0)

    least = find_least(source, attempt, max_slowdown=20.0)
    assert least.fails.size_bytes < need_bytes <= least.works.size_bytes <= 1.02 * least.fails.size_bytes + 1
    assert len(sizes) < 12

    def never(size_bytes):
        return dataclasses.replace(proven, size_bytes=size_bytes, verdict=ProofVerdict.REFUTED)

    assert find_least(source, never, max_slowdown=20.0) is None


def test_what_is_proven_but_far_too_slow_does_not_work(source):
    proven = prove(source, trial(size_bytes=2 * 10**9))
    recorded = proven.recorded.seconds
    assert is_working(dataclasses.replace(proven, seconds=19 * recorded), 20.0)
    assert not is_working(dataclasses.replace(proven, seconds=21 * recorded), 20.0)
