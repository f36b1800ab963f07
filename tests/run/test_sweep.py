"""A sweep is one run per size and one report over all."""

import json

import pytest
from real_runs import SMALL

pytestmark = pytest.mark.slow


def test_a_sweep_makes_one_combined_summary_and_report(run_xclass, tmp_path):
    sweep = tmp_path / "sweep"
    done = run_xclass(
        "-m", "+classes=500,1e3", *SMALL, "methods=[nearest_neighbour]", "measure.heap_pass=false",
        "keep_models=false", f"hydra.sweep.dir={sweep}",
    )  # fmt: skip
    assert (done.exit_code, done.err) == (0, "")
    summary = json.loads((sweep / "summary.json").read_text())
    assert summary["schema_version"] == 1
    assert [(row["run"], row["classes"]) for row in summary["rows"] if row["phase"] == "serve"] == [
        ("0", 500), ("1", 1000)
    ]  # fmt: skip
    assert {row["verdict"] for row in summary["rows"]} == {"measured"}
    report = (sweep / "report.md").read_text()
    assert "500" in report
    assert "1,000" in report
    for run, classes in (("0", 500), ("1", 1000)):
        rows = json.loads((sweep / run / "summary.json").read_text())["rows"]
        assert {row["classes"] for row in rows} == {classes}
        assert (sweep / run / "report.md").exists()
        assert (sweep / run / "answers" / "nearest_neighbour.npz").exists()
        assert not (sweep / run / "models").exists(), "keep_models=false"
    assert not (sweep / "2").exists()
