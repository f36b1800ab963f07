"""One real run on data, class names, texts and a folder that attack whatever shows them."""

import csv
import json
import subprocess
import sys

import pytest
from real_runs import command

NAMES = [
    "<img src=x onerror=console.log('owned')>", "<script>console.log('owned')</script>", "=cmd|'/C calc'!A1",
    "@SUM(1)", "+1-1", "a|b`c`", "\x1b[31mred", "\u202eltr", "</script></td>", "[x](javascript:alert(1))",
]  # fmt: skip
FOLDER = "a <img src=x onerror=console.log('owned')> [bold red]|`\x1b[31m\u202e=cmd"


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """(run folder, all that its commands said)."""
    place = tmp_path_factory.mktemp("hostile names") / FOLDER
    place.mkdir()
    rows = [f"{name} {i}\t{name}" for name in NAMES for i in range(8)]
    (place / "evil.tsv").write_text("\n".join(["text\tclass", *rows]) + "\n", encoding="utf-8")
    words = (
        "data=text", "path=evil.tsv", "data.test_share=0.3", f"data.cache={place.parent}/cache", "threads=1",
        "methods=[sparse_means]", "measure.heap_pass=false", "evaluate.num_queries=40",
        "evaluate.single_queries=2", "hydra.run.dir=out",
    )  # fmt: skip
    run = subprocess.run(command(*words), cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    report = [sys.executable, "-m", "xclass.report", "runs=out"]
    told = subprocess.run(report, cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    return place / "out", run.stdout + run.stderr + told.stdout + told.stderr


def test_the_terminal_gets_no_control_codes_and_shows_brackets_as_they_are(hostile_run):
    _, said = hostile_run
    assert [c for c in said if not c.isprintable() and c != "\n"] == []
    assert "[bold red]|`" in said


def test_the_page_shows_them_and_runs_none(hostile_run, open_page):
    opened = open_page(hostile_run[0] / "report.html")
    text = opened.page.text_content("body")
    assert "[bold red]|`" in text
    assert opened.said == []
    assert opened.page.locator("img, script[src], [onerror]").count() == 0
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_markdown_and_log_hold_no_markup_or_control_codes_of_theirs(hostile_run):
    folder, _ = hostile_run
    for name in ("report.md", "xclass.log"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "\x1b" not in text, name
        assert "\u202e" not in text, name
    outside_of_code = (folder / "report.md").read_text().split("```")[::2]
    assert not any("<img" in part or "<script" in part for part in outside_of_code)


def test_tables_hold_no_formula(hostile_run):
    folder, _ = hostile_run
    tables = list(folder.rglob("numbers.csv"))
    assert tables
    for path in tables:
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell[:1] in "=@\t\r" and cell]
    json.loads((folder / "summary.json").read_text())
