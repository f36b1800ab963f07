from __future__ import annotations

import io

import pytest
from rich.console import Console

from xclass.report.rows import rows
from xclass.report.terminal import results_table


def drawn(found, width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(results_table(found, width=width))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_every_row_and_cause_is_shown_whole(run_records, width):
    text = drawn(rows(run_records), width)
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(len(line) for line in lines) <= width
    names = [line.split()[0] for line in lines if line and not line.startswith(("─", " "))]
    for method in (
        "synthetic",
        "dense_softmax",
        "dense_softmax_autograd",
        "nearest_neighbour",
        "sampled_softmax",
    ):
        assert method in names
    assert sum(line.startswith(("  train", "  serve", "  build", "  prepare")) for line in lines) == 10
    assert "    does not fit" in lines
    assert "    out of memory" in lines
    joined = " ".join(text.split())
    assert "needs 41.2 GiB, 22.1 GiB available" in joined
    assert "no heap peak: memray could not write its capture" in joined
    # Values are never cut.
    assert "…" not in text


def test_at_100_columns_nothing_is_left_out(run_records):
    text = drawn(rows(run_records), 100)
    assert "Too narrow" not in text
    (line,) = [line for line in text.splitlines() if "41,300" in line]
    assert " ".join(line.split()) == "serve 100 30 29 x1.03 40 6.0 12.5 s 61.0 % 310 us 41,300"


def test_at_80_columns_what_is_left_out_is_named(run_records):
    text = drawn(rows(run_records), 80)
    assert "Too narrow for: heap peak, anon peak (see summary.json)." in text


def test_large_runs_fit_100_columns(run_records):
    found = rows(run_records)
    for row in found:
        for key in row:
            if key.endswith("_bytes") and row[key] is not None:
                row[key] *= 40
    lines = drawn(found, 100).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 100
    assert any("13,240" in line for line in lines)


def test_hostile_names_neither_style_nor_break_the_terminal(run_records):
    found = rows(run_records)
    for row in found:
        row["method"] = "[red]x[/red]\x1b[2J" + "y" * 60
        row["cause"] = row["cause"] and "[bold]\x1b[2J\nz"
    text = drawn(found, 100)
    assert "\x1b" not in text
    assert "[red]x[/red]" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100


def test_no_rows_draw_an_empty_table():
    assert "memory in MiB" in drawn([], 100)
