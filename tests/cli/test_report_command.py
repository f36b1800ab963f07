"""The command ``python -m xclass.report`` as it is typed, over committed records."""

import csv
import json
import shutil
import signal
import subprocess
import sys

import pytest
from pyarrow import parquet
from real_runs import ROOT

from xclass.cli.hardware_words import load_hardware
from xclass.cli.report import main
from xclass.report.page.sources import read_runs
from xclass.sizing.choice import choose
from xclass.units import format_bytes

SIZES = ROOT / "benchmarks" / "records" / "sizes"


def report(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "xclass.report", *map(str, words)],
        cwd=cwd, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def rows_of(folder):
    with (folder / "numbers.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_gets_page_markdown_figures_and_numbers_in_its_own_folder(client_report):
    folder, done = client_report
    assert done.exit_code == 0, done.err
    for name in ("report.html", "report.md", "summary.json", "numbers.csv", "numbers.parquet"):
        assert (folder / name).stat().st_size > 0, name
    assert f"page: {folder / 'report.html'}" in done.out
    assert (folder / "figures" / "peaks.svg").read_text().count("<polyline") >= 6


def test_it_takes_under_ten_seconds_and_no_engine(client_report):
    _, done = client_report
    seen = json.loads(done.out.splitlines()[-1])
    assert seen["seconds"] < 10
    assert not {"torch", "faiss", "scipy"} & set(seen["loaded"])
    assert "xclass.report.write" in seen["loaded"]


def test_records_that_cannot_be_read_are_named_and_the_others_are_reported(client_report):
    folder, done = client_report
    page, text = ((folder / name).read_text() for name in ("report.html", "report.md"))
    for name, reason in (("damaged-train-rss.json", "not JSON"), ("old-train-rss.json", "schema_version=0")):
        for shown in (done.err, page, text.replace("\\", "")):
            assert any(name in line and reason in line for line in shown.splitlines()), name


def test_markdown_says_all_that_the_page_says(client_report):
    folder, _ = client_report
    text = (folder / "report.md").read_text()
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles[:4] == [
        "From where to where", "Methods and phases", "Servers and what a month costs",
        "What would fit a cheaper server",
    ]  # fmt: skip
    page = (folder / "report.html").read_text()
    for title in titles:
        assert title == "Calculator" or f"{title}</h2>" in page, title


def test_every_server_is_the_choice_for_the_upper_end(client_report):
    folder, _ = client_report
    section = (folder / "report.md").read_text().split("## Servers and what")[1].split("\n## ")[0]
    hardware = load_hardware("clouds")
    wanted = [row for row in rows_of(folder) if row["basis"] == "projected" and row["classes"] == "10000000"]
    assert len(wanted) >= 9
    for row in wanted:
        if row["phase"] == "load":
            continue
        high = int(row["peak_rss_high_bytes"])
        server = choose(hardware, high).server
        needs = f"{format_bytes(high)} (projected)"
        assert f"`{row['variant']}` | {row['phase']} | 10,000,000 | {needs}" in section
        assert f"`{server.instance}`" in section


def test_numbers_hold_every_measured_row_and_every_projected_point(client_report):
    folder, _ = client_report
    measured = [row for row in rows_of(folder) if row["basis"] == "measured"]
    summary = json.loads((folder / "summary.json").read_text())["rows"]
    peaks = [str(row["peak_rss_bytes"] or "") for row in summary]
    assert [row["peak_rss_bytes"] for row in measured] == peaks
    table = parquet.read_table(folder / "numbers.parquet").to_pylist()
    assert [row["basis"] for row in table] == [row["basis"] for row in rows_of(folder)]
    projected = [row for row in table if row["basis"] == "projected"]
    assert max(row["classes"] for row in projected) == 100_000_000
    assert all(
        row["peak_rss_low_bytes"] <= row["peak_rss_bytes"] <= row["peak_rss_high_bytes"] for row in projected
    )


def test_two_runs_a_size_and_a_catalogue_without_prices(tmp_path):
    for name in ("0", "2"):
        shutil.copytree(SIZES / name / "records", tmp_path / name / "records")
    done = report("runs=0,2", "+classes=2e6", "hardware=bare", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (tmp_path / "outputs" / "report").iterdir()
    text = (folder / "report.md").read_text()
    assert "**At 2,000,000 classes and 64 dimensions** (projected), 20 times the largest" in text
    assert "USD" not in text.split("## From where")[0]
    assert "no prices" in text
    assert "`2`" in text
    assert "](1/report.md)" not in text, "the runs lie elsewhere"
    assert not (tmp_path / "0" / "report.md").exists(), "nothing is written into the runs"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ((), 2, "runs=(nothing): allowed is folders of runs or sweeps"),
        (("runs=nowhere",), 2, "runs=nowhere: allowed is"),
        (("runs=empty",), 1, "empty: no run in it or below it"),
        (("runs=begun",), 1, "begun: no records/*.json in it yet"),
        (("runs=empty", "colour=red"), 2, "colour=red: allowed is runs="),
        (("runs={sizes}", "classes=5.5"), 2, "classes=5.5: allowed is a whole number"),
        (("runs={sizes}", "out=/proc/nothing"), 2, "out=/proc/nothing: allowed is a folder that can be"),
        (("runs={sizes}", "far=yes"), 2, "far=yes: allowed is true or false"),
        (("runs={sizes}", "features=0"), 2, "features=0: allowed is"),
        (("runs={sizes}", "hardware=none.yaml"), 2, "hardware=none.yaml: allowed is"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, words, exit_code, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "begun" / "records").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["xclass.report", *(word.format(sizes=SIZES) for word in words)])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (exit_code, "")
    assert said in err
    assert err.startswith("xclass: ")
    assert err.count("\n") == 1
    assert not list((tmp_path / "empty").iterdir())


def test_help_names_every_word(tmp_path):
    done = report("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("runs=", "out=", "hardware=", "classes=", "dim=", "features=", "far=true"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_a_run_that_is_named_twice_counts_once(tmp_path):
    (tmp_path / "link").symlink_to(SIZES / "0")
    runs = read_runs([SIZES / "0", tmp_path / "link", SIZES / ".." / "sizes" / "0"], [])
    assert [run.label for run in runs] == [str(SIZES / "0")]


def test_where_nothing_was_measured_no_table_is_promised_or_left_from_before(tmp_path, monkeypatch, capsys):
    for path in (SIZES / "0" / "records").glob("*-build-*.json"):
        record = json.loads(path.read_text()) | {"verdict": "does_not_fit", "cause": "too large"}
        (tmp_path / "records").mkdir(exist_ok=True)
        (tmp_path / "records" / path.name).write_text(json.dumps(record))
    (tmp_path / "numbers.csv").write_text("of another run")
    monkeypatch.setattr(sys, "argv", ["xclass.report", f"runs={tmp_path}"])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert (ended.value.code, "nothing is projected" in err) == (0, True)
    assert "numbers.csv" not in out
    assert "pyarrow" not in out
    assert not (tmp_path / "numbers.csv").exists()
