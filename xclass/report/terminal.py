"""The table at the end of a run, for a terminal of 80 columns and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from xclass.records.record import Verdict
from xclass.report.rows import Row
from xclass.report.text import clean, rate_text, share_with_interval
from xclass.units import MIB, format_bytes, format_seconds

_INDENT = "  "
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table on the terminal."""

    header: str
    cell: Callable[[Row], str]
    rank: int
    """Columns of the highest rank go first where the terminal is too narrow; rank 0 stays."""


def results_table(rows: Sequence[Row], *, width: int = 100) -> Table:
    """One line per phase under the name of its method.

    All bytes are MiB, so that a column can be compared by eye. A terminal that is too narrow loses
    whole columns, least important first, and the caption names them; rows are never lost.

    Args:
        rows: of summary.json.
        width: columns of the terminal the table must fit.
    """
    lines = [(method, list(group)) for method, group in groupby(rows, key=lambda row: row["method"])]
    first_width = max([13, *(cell_len(_phase(row).split("\n")[-1]) for row in rows)])
    first_width = max([first_width, *(min(cell_len(clean(method)), 24) for method, _ in lines)])
    kept, dropped = _fit(rows, width - first_width)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), show_edge=False, caption_justify="left"
    )
    table.add_column("memory in MiB", width=first_width, overflow="fold", style="bold")
    for column in kept:
        table.add_column(Text(column.header), justify="right", no_wrap=True)
    for method, group in lines:
        table.add_row(Text(clean(method)))
        for row in group:
            cells = [Text(column.cell(row)) for column in kept]
            table.add_row(Text(_phase(row), style=_style(row)), *cells)
    table.caption = _caption(rows, dropped)
    return table


def _fit(rows: Sequence[Row], width: int) -> tuple[list[Column], list[Column]]:
    """The columns that fit, and those that had to go."""
    if _needed(_WIDE_COLUMNS, rows) <= width:
        return list(_WIDE_COLUMNS), []
    return fit_columns(_COLUMNS, rows, width)


def fit_columns(
    columns: Sequence[Column], rows: Sequence[Row], width: int
) -> tuple[list[Column], list[Column]]:
    """Of these columns those that fit, and those that had to go."""
    kept = list(columns)
    dropped: list[Column] = []
    while _needed(kept, rows) > width:
        least = max(kept, key=lambda column: column.rank)
        if least.rank == 0:
            break
        kept.remove(least)
        dropped.append(least)
    return kept, dropped


def _needed(columns: Sequence[Column], rows: Sequence[Row]) -> int:
    return sum(_column_width(column, rows) for column in columns)


def _column_width(column: Column, rows: Sequence[Row]) -> int:
    texts = [*column.header.split("\n"), *(line for row in rows for line in column.cell(row).split("\n"))]
    # One more for the space between columns.
    return max(cell_len(text) for text in texts) + 1


def _phase(row: Row) -> str:
    label = f"{_INDENT}{row['phase']}"
    if row.get("num_ranks"):
        label += f"\n{_INDENT * 2}1 of {row['num_ranks']} ranks"
    if row["verdict"] == Verdict.MEASURED:
        return label
    return f"{label}\n{_INDENT * 2}{row['verdict'].replace('_', ' ')}"


def _style(row: Row) -> str:
    return "not bold" if row["verdict"] == Verdict.MEASURED else "not bold red"


def _caption(rows: Sequence[Row], dropped: Sequence[Column]) -> Text:
    lines = ["closed form: predicted peak - base, and measured / predicted; all else is measured."]
    if dropped:
        names = ", ".join(column.header.replace("\n", " ") for column in dropped)
        lines.append(f"Too narrow for: {names} (see summary.json).")
    lines += [
        f"{clean(row['method'])} {row['phase']}: {row['verdict'].replace('_', ' ')}: {clean(cause)}"
        for row in rows
        if row["verdict"] != Verdict.MEASURED and (cause := row["cause"] or "no cause recorded")
    ]
    lines += [
        f"{clean(row['method'])} {row['phase']}: of {row['num_ranks']} ranks the one with the most; "
        f"their peaks add up to {format_bytes(row['ranks_peak_bytes'])}."
        for row in rows
        if row.get("ranks_peak_bytes")
    ]
    lines += [
        f"{clean(row['method'])} {row['phase']}: no heap peak: {clean(row['cause_heap'])}"
        for row in rows
        if row["cause_heap"]
    ]
    if disturbed := [row for row in rows if row.get("disturbed_by")]:
        places = [f"{clean(row['method'])} {row['phase']}" for row in disturbed[:_MOST_NAMED]]
        places += [f"{len(disturbed) - len(places)} more"] if len(disturbed) > len(places) else []
        lines.append(
            f"Times disturbed by other measured children (report.md names them): {', '.join(places)}"
        )
    return Text("\n".join(lines), style="not italic dim")


def _mib(key: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        num_bytes = row[key]
        if num_bytes is None:
            return ""
        mib = num_bytes / MIB
        return f"{mib:,.0f}" if abs(mib) >= 10 or mib == 0 else f"{mib:.1f}"

    return cell


def _closed_form(row: Row) -> str:
    predicted = _mib("predicted_over_base_bytes")(row)
    return f"{predicted} x{row['ratio']:.2f}" if row["ratio"] is not None else predicted


def _time(row: Row) -> str:
    seconds = row["seconds"]
    if seconds is None:
        return ""
    return format_seconds(seconds) if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def _accuracy(row: Row) -> str:
    if row["accuracy_at_1"] is None:
        return ""
    share, low, high = share_with_interval(row["accuracy_at_1"], row["accuracy_low"], row["accuracy_high"])
    return f"{share} %\n{low}-{high}"


def _accuracy_on_one_line(row: Row) -> str:
    return " ".join(_accuracy(row).split("\n"))


def _p50(row: Row) -> str:
    seconds = row["latency_p50_seconds"]
    return "" if seconds is None else format_seconds(seconds)


def _rate(row: Row) -> str:
    return "" if row["queries_per_second"] is None else rate_text(row["queries_per_second"])


_COLUMNS = (
    Column("peak\nRSS", _mib("peak_rss_bytes"), 0),
    Column("peak\n-base", _mib("peak_over_base_bytes"), 1),
    Column("closed form\nx ratio", _closed_form, 2),
    Column("anon\npeak", _mib("peak_anon_bytes"), 5),
    Column("heap\npeak", _mib("peak_heap_bytes"), 6),
    Column("time", _time, 3),
    Column("accuracy\n95 %", _accuracy, 1),
    Column("p50\none", _p50, 4),
    Column("queries\n/s", _rate, 4),
)
_WIDE_COLUMNS = (
    _COLUMNS[0],
    Column("base\nRSS", _mib("base_rss_bytes"), 0),
    *_COLUMNS[1:6],
    Column("accuracy\n95 % interval", _accuracy_on_one_line, 0),
    *_COLUMNS[7:],
)
