"""A comparison for a terminal, and as JSON for other programs."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xclass.report.compare import Change, Comparison, Difference, PhaseComparison
from xclass.report.text import clean, rate_text
from xclass.units import format_bytes, format_seconds

_SCHEMA_VERSION = 1
_NUM_NAMED = 3
_STYLES = {Change.GREW: "red", Change.SHRANK: "green", Change.NOISE: "dim"}


def print_comparison(console: Console, comparison: Comparison, before: str, after: str) -> None:
    """The table of phases, what grew in them, what only one side has, and what else differs."""
    console.print(Text(f"A: {clean(before)}\nB: {clean(after)}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold")
    for name in ("A", "B", "B - A", "", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for phase in comparison.phases:
        _add_phase(table, phase)
    console.print(table)
    for title, labels in (("only in A", comparison.only_before), ("only in B", comparison.only_after)):
        if labels:
            console.print(Text(f"{title}: {', '.join(clean(label) for label in labels)}"), soft_wrap=True)
    _print_circumstances(console, comparison)


def _add_phase(table: Table, phase: PhaseComparison) -> None:
    table.add_row(Text(clean(phase.label), style="bold"))
    if phase.verdicts != ("measured", "measured"):
        words = [verdict.replace("_", " ") for verdict in phase.verdicts]
        table.add_row("  verdict", *words)
    shown = [one for one in phase.differences if _is_shown(one)]
    for one in shown:
        style = _STYLES[one.change]
        share = "" if one.share is None else f"{one.share * 100:+.1f} %"
        cells = [_value(one, one.before), _value(one, one.after), _signed(one), share, str(one.change)]
        table.add_row(f"  {one.metric.name}", *(Text(cell, style=style) for cell in cells))
    if any(one.metric.is_bytes and one.change is not Change.NOISE for one in shown):
        named = [(f"closed form of {name}", delta) for name, delta in phase.components[:_NUM_NAMED]]
        named += [(f"heap of {name}", delta) for name, delta in phase.owners[:_NUM_NAMED]]
        for name, delta in named:
            sign = "+" if delta > 0 else "-"
            table.add_row(Text(f"    {clean(name)}"), "", "", f"{sign}{format_bytes(abs(delta))}")


def _is_shown(one: Difference) -> bool:
    """What changed, and always the peak over the base, so that no phase is without a figure."""
    is_peak = one.metric.key == "peak_over_base_bytes"
    return one.delta is not None and (is_peak or one.change is not Change.NOISE)


def _value(one: Difference, value: float | None) -> str:
    if one.metric.is_bytes:
        return format_bytes(value)
    if one.metric.key == "queries_per_second":
        return rate_text(value)
    if one.metric.key == "accuracy_at_1":
        return "-" if value is None else f"{value * 100:.1f} %"
    return format_seconds(value)


def _signed(one: Difference) -> str:
    if one.delta is None or one.metric.key == "accuracy_at_1":
        return ""
    return f"{'+' if one.delta >= 0 else '-'}{_value(one, abs(one.delta))}"


def _print_circumstances(console: Console, comparison: Comparison) -> None:
    if not comparison.circumstances:
        console.print("settings, environment, versions and machine are the same")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in ("what else differs", "A", "B"):
        table.add_column(name, overflow="fold")
    for what, before, after in comparison.circumstances:
        table.add_row(*(Text(clean(cell)) for cell in (what, before, after)))
    console.print(table)


def as_json(comparison: Comparison, *, limit_share: float | None, failures: list[str]) -> dict[str, Any]:
    """Everything that was compared; bytes, seconds and shares as numbers."""
    return {
        "schema_version": _SCHEMA_VERSION,
        "phases": [
            {
                "label": phase.label,
                "verdict_before": phase.verdicts[0],
                "verdict_after": phase.verdicts[1],
                "components": dict(phase.components),
                "owners": dict(phase.owners),
                "differences": {
                    one.metric.key: {
                        "before": one.before,
                        "after": one.after,
                        "delta": one.delta,
                        "share": one.share,
                        "noise": one.noise,
                        "change": str(one.change),
                    }
                    for one in phase.differences
                },
            }
            for phase in comparison.phases
        ],
        "only_before": comparison.only_before,
        "only_after": comparison.only_after,
        "circumstances": [list(line) for line in comparison.circumstances],
        "limit_share": limit_share,
        "failures": failures,
    }
