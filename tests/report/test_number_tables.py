from __future__ import annotations

import csv

import pytest
from pyarrow import parquet

from xclass.report import number_tables
from xclass.report.number_tables import write_csv, write_parquet

ROWS = [
    {"method": "dense_softmax", "classes": 100_000, "ratio": 1.25, "cause": None},
    {"method": "=HYPERLINK(1)", "classes": 5_000_000_000_000, "ratio": None, "extrapolation": 10},
]


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_holds_every_key_of_every_row_exactly(tmp_path):
    write_csv(tmp_path / "n.csv", ROWS)
    first, second = read(tmp_path / "n.csv")
    assert list(first) == ["method", "classes", "ratio", "cause", "extrapolation"]
    assert (first["classes"], first["ratio"], first["cause"]) == ("100000", "1.25", "")
    assert (second["classes"], second["extrapolation"]) == ("5000000000000", "10")


def test_a_name_that_a_spreadsheet_would_run_stays_text(tmp_path):
    write_csv(tmp_path / "n.csv", ROWS)
    assert read(tmp_path / "n.csv")[1]["method"] == "'=HYPERLINK(1)"


def test_parquet_gives_the_rows_back(tmp_path):
    assert write_parquet(tmp_path / "sub" / "n.parquet", ROWS)
    rows = parquet.read_table(tmp_path / "sub" / "n.parquet").to_pylist()
    assert [{key: row[key] for key in wanted} for row, wanted in zip(rows, ROWS, strict=True)] == ROWS
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["n.parquet"]


def test_without_pyarrow_nothing_is_written_and_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(number_tables, "find_spec", lambda name: None)
    assert not write_parquet(tmp_path / "n.parquet", ROWS)
    assert not list(tmp_path.iterdir())
    assert "xclass[parquet]" in number_tables.NO_PARQUET


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(number_tables.RecordError, match="cannot be written"):
        write_parquet(tmp_path / "file" / "n.parquet", ROWS)
