"""The launcher's side of the pipe: what a child may do to it. Shell scripts stand in the worker's place."""

import os
import signal
import sys
import time

import pytest

from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.run.events import parse_event
from xclass.run.launcher import run_child
from xclass.run.outcome import fill_record
from xclass.run.spec import ChildSpec

PHASE_BEGIN = """echo '{"event": "phase_begin", "phase": "train", "seconds": 1.0}'"""


@pytest.fixture
def run_script(tmp_path, monkeypatch):
    """Callable: (script, timeout_seconds=...) -> (ChildResult, events, record of the train phase)."""

    def run(script, timeout_seconds=20.0):
        worker = tmp_path / "worker"
        worker.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        worker.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(worker))
        events = []
        spec = ChildSpec(
            method="dense_softmax", phases=[Phase.TRAIN], pass_=Pass.RSS, data_name="synthetic", config={},
            run_dir=str(tmp_path), model_dir=str(tmp_path / "model"),
        )  # fmt: skip
        result = run_child(
            spec, environment={"XCLASS_TEST": "pinned"}, sample_seconds=0.05, timeout_seconds=timeout_seconds,
            on_event=events.append,
        )  # fmt: skip
        record = Record(
            method="dense_softmax", phase=Phase.TRAIN, pass_=Pass.RSS, verdict=Verdict.FAILED, classes=2,
            dim=4, data="synthetic", seed=0,
        )  # fmt: skip
        fill_record(record, result)
        return result, events, record

    return run


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGBUS"])
def test_a_signal_is_named(run_script, name):
    result, _, record = run_script(f"{PHASE_BEGIN}; kill -{name[3:]} $$")
    assert result.exit_code == -signal.Signals[name]
    assert record.verdict is Verdict.FAILED
    assert record.cause.startswith(f"killed by {name}")


def test_sigkill_without_a_kernel_kill_is_not_called_out_of_memory(run_script):
    result, _, record = run_script(f"{PHASE_BEGIN}; kill -KILL $$")
    assert not result.was_oom_killed
    assert "did not rise" in record.cause


def test_the_last_words_of_a_child_without_result_are_its_cause(run_script):
    _, _, record = run_script("echo first >&2; echo 'ImportError: no torch' >&2; exit 3")
    assert record.verdict is Verdict.FAILED
    assert record.cause == (
        "ended with exit code 3 without a result: ImportError: no torch before the phase began"
    )


def test_a_silent_end_is_said_to_be_one(run_script):
    _, _, record = run_script("exit 0")
    assert "exit code 0 without a result: nothing on standard error" in record.cause


def test_the_childs_own_error_is_the_cause(run_script):
    error = '{"event": "error", "kind": "out_of_memory", "message": "no room"}'
    _, _, record = run_script(f"{PHASE_BEGIN}; echo '{error}'; exit 1")
    assert record.verdict is Verdict.OUT_OF_MEMORY
    assert record.cause.startswith("no room")


def test_lines_that_are_no_events_are_passed_over(run_script):
    result, events, _ = run_script(
        f"echo 'WARNING clustering'; printf '\\377\\n'; echo '[1]'; {PHASE_BEGIN}; printf half"
    )
    assert [event["event"] for event in events] == ["garbled", "garbled", "garbled", "phase_begin"]
    assert list(result.phase_begins) == ["train"]


def test_the_environment_is_laid_over_the_own(run_script):
    result, _, _ = run_script('echo "$XCLASS_TEST $PATH" >&2')
    assert result.stderr_tail == f"pinned {os.environ['PATH']}"


def test_a_child_that_ignores_sigterm_is_killed(run_script):
    """The launcher asks first, and does not wait for ever."""
    begun = time.monotonic()
    result, _, record = run_script("trap '' TERM; while :; do sleep 0.1; done", timeout_seconds=0.3)
    assert (result.ended_by, result.exit_code) == ("timeout", -signal.SIGKILL)
    assert time.monotonic() - begun < 10
    assert "measure.timeout_minutes" in record.cause


def test_a_child_that_chatters_for_ever_is_ended_in_time(run_script):
    begun = time.monotonic()
    result, _, _ = run_script("while :; do echo '{}'; done", timeout_seconds=1.0)
    assert result.ended_by == "timeout"
    assert time.monotonic() - begun < 5


def test_a_child_that_closes_its_end_and_stays_is_ended_in_time(run_script):
    begun = time.monotonic()
    result, _, _ = run_script("exec 1>&-; sleep 30", timeout_seconds=1.0)
    assert result.ended_by == "timeout"
    assert time.monotonic() - begun < 8


def test_an_event_longer_than_a_pipe_arrives_whole(run_script):
    text = "x" * 300_000
    code = f"import json; print(json.dumps(dict(event='error', kind='failed', message='x' * {len(text)})))"
    _, events, _ = run_script(f'"{sys.executable}" -c "{code}"')
    assert [event["event"] for event in events] == ["error"]
    assert events[0]["message"] == text


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '"x"', '{"no": "event"}'])
def test_half_a_line_is_garbled_not_an_error(line):
    assert parse_event(line)["event"] == "garbled"
