"""The process that is sampled turns into another: no number of the other may be taken for the method's."""

import pytest
from real_runs import SMALL

pytestmark = pytest.mark.slow

QUICK = (
    *SMALL,
    "+classes=2e3",
    "budget.minutes=0.003",
    "methods=[nearest_neighbour]",
    "measure.heap_pass=false",
)


def test_a_child_that_becomes_another_program_is_a_failed_record(run_doomed):
    folder, done = run_doomed({"nearest_neighbour-build-rss phase_begin build": "exec"}, *QUICK)
    assert (done.exit_code, done.err) == (1, "")
    record = folder.record("nearest_neighbour-build-rss")
    assert record["verdict"] == "failed"
    assert "without a result" in record["cause"]
    assert record["memory"] is None
