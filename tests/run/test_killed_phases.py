"""SIGKILL in every phase of every pass: a record that says so, and all else is measured."""

import json

import pytest
from real_runs import SMALL, workers_of

pytestmark = pytest.mark.slow

QUICK = (*SMALL, "+classes=2e3", "budget.minutes=0.003")
NEAREST, DENSE = "nearest_neighbour", "dense_softmax"


def verdicts(folder):
    """Name of the record -> verdict."""
    records = (folder.path / "records").glob("*.json")
    return {path.stem: json.loads(path.read_text())["verdict"] for path in records}


def check(folder, done, *, killed, not_run, num_measured):
    assert (done.exit_code, done.err) == (1, "")
    assert workers_of(folder.path) == []
    found = verdicts(folder)
    assert {name for name, verdict in found.items() if verdict == "failed"} == {*killed, *not_run}
    assert list(found.values()).count("measured") == num_measured
    assert len(found) == len(killed) + len(not_run) + num_measured
    for name in killed:
        cause = folder.record(name)["cause"]
        assert cause.startswith("killed by SIGKILL; the kernel's count of out-of-memory kills did not rise")
    for name in not_run:
        assert folder.record(name)["cause"].startswith("not run: "), folder.record(name)["cause"]
    assert "SIGKILL" in folder.report()
    assert not list(folder.path.glob("models/.*")), "a model that was only half saved"


def test_in_prepare_nothing_else_can_run(run_doomed):
    folder, done = run_doomed({"synthetic-prepare-rss phase_begin prepare": "kill"}, *QUICK)
    check(folder, done, killed=["synthetic-prepare-rss"], not_run=[], num_measured=0)


def test_in_the_fit_of_the_measured_pass_the_other_methods_still_run(run_doomed):
    doom = {
        f"{DENSE}-train-rss phase_begin train": "kill",
        # Before the saved folder got its name: what nobody can open must not be left.
        f"{NEAREST}-build-rss saved": "kill",
    }
    folder, done = run_doomed(
        doom, *QUICK, f"methods=[{DENSE},{NEAREST},sampled_softmax]", "measure.heap_pass=false"
    )
    check(
        folder,
        done,
        killed=[f"{DENSE}-train-rss", f"{NEAREST}-build-rss"],
        not_run=[f"{method}-{phase}-rss" for method in (DENSE, NEAREST) for phase in ("load", "serve")],
        num_measured=1 + 3,
    )


def test_in_load_and_serve_of_the_measured_pass(run_doomed):
    doom = {
        f"{NEAREST}-load-serve-rss phase_begin load": "kill",
        f"{DENSE}-load-serve-rss phase_begin serve": "kill",
    }
    folder, done = run_doomed(doom, *QUICK, f"methods=[{NEAREST},{DENSE}]", "measure.heap_pass=false")
    check(
        folder,
        done,
        killed=[f"{NEAREST}-load-rss", f"{DENSE}-serve-rss"],
        not_run=[f"{NEAREST}-serve-rss"],
        num_measured=1 + 2 + 1,
    )
    assert not (folder.path / "answers").exists()


def test_in_the_traced_and_the_shortened_pass_the_measured_one_stands(run_doomed):
    doom = {
        f"{NEAREST}-build-heap phase_begin build": "kill",
        f"{NEAREST}-load-serve-heap phase_begin serve": "kill",
        f"{NEAREST}-build-twin saved": "kill",
        f"{NEAREST}-load-serve-twin phase_begin load": "kill",
        f"{DENSE}-train-heap mark saving": "kill",
        f"{DENSE}-load-serve-heap phase_begin load": "kill",
        f"{DENSE}-train-twin phase_begin train": "kill",
        f"{DENSE}-load-serve-twin phase_begin serve": "kill",
    }
    folder, done = run_doomed(doom, *QUICK, f"methods=[{NEAREST},{DENSE}]")
    killed = ["build-heap", "serve-heap", "build-twin", "load-twin"]
    check(
        folder,
        done,
        killed=[f"{NEAREST}-{name}" for name in killed]
        + [f"{DENSE}-{name}" for name in ("train-heap", "load-heap", "train-twin", "serve-twin")],
        not_run=[f"{NEAREST}-serve-twin", f"{DENSE}-serve-heap"],
        num_measured=1 + 6 + 2,
    )
    for row in folder.rows().values():
        assert row["verdict"] == "measured", row
