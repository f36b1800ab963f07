from __future__ import annotations

import json
import subprocess
import sys

import pytest

from xclass.errors import RecordError
from xclass.records.store import write_record
from xclass.report.rows import summary
from xclass.report.write import write_reports, write_sweep_reports


def fill(folder, records):
    for record in records:
        write_record(folder, record)


def test_reports_are_made_from_records_alone_and_again(tmp_path, run_records):
    fill(tmp_path, run_records)
    reports = write_reports(tmp_path)
    assert reports.rows == summary(run_records)["rows"]
    assert json.loads(reports.summary_json.read_text()) == summary(run_records)
    text = reports.report_md.read_text()
    assert text.startswith("# xclass report\n")
    assert write_reports(tmp_path).report_md.read_text() == text
    found = sorted(p.name for p in tmp_path.iterdir())
    assert found == ["figures", "records", "report.html", "report.md", "summary.json"]


def test_a_damaged_record_is_reported_beside_the_others(tmp_path, run_records):
    fill(tmp_path, run_records)
    (tmp_path / "records" / "dense_softmax-train-rss.json").write_text("{")
    reports = write_reports(tmp_path)
    assert len(reports.damaged) == 1
    assert "Not readable:" in reports.report_md.read_text()
    row = next(r for r in reports.rows if (r["method"], r["phase"]) == ("dense_softmax", "train"))
    assert row["verdict"] == "failed"


def test_a_page_that_cannot_be_written_costs_nothing_else(tmp_path, run_records):
    fill(tmp_path, run_records)
    (tmp_path / "report.html").mkdir()
    reports = write_reports(tmp_path)
    assert reports.report_md.exists()
    assert [reason for reason in reports.damaged if "report.html: cannot be written" in reason]


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(RecordError, match="give the folder of one run"):
        write_reports(tmp_path)
    with pytest.raises(RecordError, match="give the folder of a sweep"):
        write_sweep_reports(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sweep_gathers_the_rows_of_its_runs(tmp_path, record, run_records):
    fill(tmp_path / "0", run_records)
    fill(tmp_path / "1", run_records[:1])
    (tmp_path / "1" / "records" / "x-train-rss.json").write_text("")
    reports = write_sweep_reports(tmp_path)
    document = json.loads(reports.summary_json.read_text())
    assert [row["run"] for row in document["rows"]] == ["0"] * 10 + ["1"]
    assert list(document["rows"][0])[:3] == ["run", "method", "phase"]
    assert document["schema_version"] == 1
    assert "x-train-rss.json" in reports.report_md.read_text()
    assert len(reports.damaged) == 1


def test_reporting_loads_no_engine():
    program = (
        "import sys, xclass.report.write, xclass.report.terminal, xclass.report.progress\n"
        "bad = {'numpy', 'torch', 'faiss', 'hydra', 'omegaconf', 'psutil', 'memray'} & set(sys.modules)\n"
        "sys.exit(f'loaded {bad}' if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
