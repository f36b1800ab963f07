"""The few metrics besides the accuracy that are read first, for a terminal of 80 columns and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from xclass.report.rows import Row
from xclass.report.terminal import Column, fit_columns
from xclass.report.text import clean, share_with_interval


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
    kept, _ = fit_columns(_COLUMNS, judged, width - first_width)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), show_edge=False, caption_justify="left"
    )
    table.add_column("right in %", width=first_width, overflow="fold", style="bold")
    for column in kept:
        table.add_column(Text(column.header), justify="right", no_wrap=True)
    for row in judged:
        table.add_row(Text(clean(row["method"])), *(Text(column.cell(row)) for column in kept))
    table.caption = Text(_CAPTION, style="not italic dim")
    return table


_CAPTION = (
    "macro: every class counts the same; tail: queries of the rarest classes; sure: answered with the "
    "confidence of evaluate.confidence_threshold, and how many of those are right. More in summary.json."
)


def _share(*keys: str) -> Callable[[Row], str]:
    """The first of these metrics that the row has."""

    def cell(row: Row) -> str:
        key = next((key for key in keys if row.get(key) is not None), None)
        if key is None:
            return "-"
        share, low, high = share_with_interval(row[key], row[f"{key}_low"], row[f"{key}_high"])
        return f"{share}\n{low}-{high}"

    return cell


_COLUMNS = (
    Column("first\nfive", _share("recall_at_5", "recall_at_3", "recall_at_1"), 1),
    Column("nDCG\n@5", _share("ndcg_at_5", "ndcg_at_3", "ndcg_at_1"), 3),
    Column("macro", _share("macro_recall_at_1"), 1),
    Column("head", _share("head_recall_at_1"), 2),
    Column("tail", _share("tail_recall_at_1"), 0),
    Column("sure", _share("coverage"), 0),
    Column("of these\nright", _share("covered_accuracy"), 0),
    Column("calibration\nerror", _share("calibration_error"), 4),
)
