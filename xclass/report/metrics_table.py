"""The few metrics besides the accuracy that are read first, for a terminal of 80 columns and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from xclass.report.row_metrics import adds_nothing, by_class_key, metric_interval
from xclass.report.rows import Row
from xclass.report.terminal import Column, fit_columns
from xclass.report.text import clean

_MACRO = "macro"


def metrics_table(rows: Sequence[Row], *, width: int = 100) -> Table | None:
    """One line per method that has metrics, each share with its 95 % interval below; None where none has.

    Args:
        rows: of summary.json.
        width: columns of the terminal the table must fit: whole columns go, the least important first.
    """
    judged = [row for row in rows if row.get("recall_at_1") is not None]
    if not judged:
        return None
    first_width = max([9, *(min(cell_len(clean(row["method"])), 24) for row in judged)])
    told = [column for column in _COLUMNS if _says_something(column, judged)]
    kept, _ = fit_columns(told, judged, width - first_width)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), show_edge=False, caption_justify="left"
    )
    table.add_column("right in %", width=first_width, overflow="fold", style="bold")
    for column in kept:
        table.add_column(Text(column.header), justify="right", no_wrap=True)
    for row in judged:
        table.add_row(Text(clean(row["method"])), *(Text(column.cell(row)) for column in kept))
    shown = {column.header for column in kept}
    words = [text for header, text in _CAPTIONS.items() if header in shown]
    table.caption = Text("; ".join([*words, "report.md says more."]), style="not italic dim")
    return table


_CAPTIONS = {
    _MACRO: "macro: all classes count the same",
    "tail": "head, tail: frequent and rare classes",
    "sure": "sure: answered with at least the confidence of evaluate.confidence_threshold",
    "calibration\nerror": "calibration error: how far a confidence is from the share right, 0 is best",
}


def _says_something(column: Column, rows: Sequence[Row]) -> bool:
    """Whether a row has a value; of macro, one that is not the accuracy of the table above once more."""
    if column.header == _MACRO and all(_is_the_accuracy(row) for row in rows):
        return False
    return any(column.cell(row) != "-" for row in rows)


def _is_the_accuracy(row: Row) -> bool:
    key = by_class_key(row, "macro_recall")
    if key != "macro_recall_at_1":
        return key is None
    return adds_nothing(row[key] - row["recall_at_1"], row["recall_at_1_high"] - row["recall_at_1_low"])


def _share(*keys: str) -> Callable[[Row], str]:
    """The first of these metrics that the row has."""
    return lambda row: _cell(row, next((key for key in keys if row.get(key) is not None), None))


def _by_class(name: str) -> Callable[[Row], str]:
    return lambda row: _cell(row, by_class_key(row, name))


def _cell(row: Row, key: str | None) -> str:
    if key is None:
        return "-"
    share, low, high = metric_interval(row, key)
    return f"{share}\n{low}-{high}"


_COLUMNS = (
    Column("first\nfive", _share("recall_at_5", "recall_at_3", "recall_at_1"), 1),
    Column("nDCG\n@5", _share("ndcg_at_5", "ndcg_at_3", "ndcg_at_1"), 3),
    Column(_MACRO, _by_class("macro_recall"), 1),
    Column("head", _by_class("head_recall"), 2),
    Column("tail", _by_class("tail_recall"), 0),
    Column("sure", _share("coverage"), 0),
    Column("of these\nright", _share("covered_accuracy"), 0),
    Column("calibration\nerror", _share("calibration_error"), 4),
)
