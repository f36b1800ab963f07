"""A comparison for a terminal, and as JSON for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xclass.report.compare import Change, Comparison, Difference, Limit, PhaseComparison
from xclass.report.noise import HEAP_KEY
from xclass.report.text import clean, points_text, rate_text, share_with_interval
from xclass.units import format_bytes, format_seconds

_SCHEMA_VERSION = 1
_NUM_NAMED = 3
_TIMES_NOTE = "times of different runs on a shared machine do not compare: repeat both on a quiet one"
_WIDTHS = (17, 10, 10, 13, 10)
"""Columns of name, A, B, difference and its share; what it is worth comes last."""
_NARROW_WIDTHS = (17, 0, 10, 13, 10)
_LAST_WIDTH = len("  within noise")
_STYLES = {Change.GREW: "red", Change.SHRANK: "green", Change.NOISE: "dim"}


def print_comparison(console: Console, comparison: Comparison, before: str, after: str) -> None:
    """What changed phase by phase, what only one side has, and what else differs."""
    _say(console, f"A: {clean(before)}\nB: {clean(after)}")
    for warning in comparison.warnings:
        console.print(Text(f"note: {warning}", style="bold"))
    widths = _WIDTHS if console.width >= sum(_WIDTHS) + _LAST_WIDTH else _NARROW_WIDTHS
    _say(console, _line(widths, "", "A", "B", "B - A"), "bold")
    for phase in comparison.phases:
        _print_phase(console, phase, widths)
    if any(_is_time(one) and _is_shown(one) for phase in comparison.phases for one in phase.differences):
        console.print(Text(_TIMES_NOTE, style="dim"))
    for title, labels in (("only in A", comparison.only_before), ("only in B", comparison.only_after)):
        if labels:
            console.print(Text(f"{title}: {', '.join(clean(label) for label in labels)}"))
    _print_circumstances(console, comparison)
    console.print(Text(comparison.verdict, style="bold"))


def _print_phase(console: Console, phase: PhaseComparison, widths: Sequence[int]) -> None:
    _say(console, clean(phase.label), "bold")
    for key, before, after in phase.sizes:
        _say(console, _line(widths, key, _size(before), _size(after)))
    if phase.verdicts is not None and phase.verdicts != ("measured", "measured"):
        _say(console, f"  verdict: {' -> '.join(phase.verdicts)}".replace("_", " "))
    shown = [one for one in phase.differences if _is_shown(one)]
    for one in shown:
        values = _value(one, one.before), _value(one, one.after), _signed(one), _share(one)
        worth = "" if one.delta is None else f"  {one.change}"
        if one.change is Change.GREW and one.metric.key == HEAP_KEY and phase.is_heap_growth_idle:
            worth += ", not resident"
        _say(console, _line(widths, one.metric.name, *values, worth), _STYLES[one.change])
    if any(one.metric.is_bytes and one.change is not Change.NOISE for one in shown):
        owners = [(_short_place(name), delta) for name, delta in phase.owners]
        for title, changes in (("closed form", phase.components), ("held", phase.held), ("heap", owners)):
            for name, delta in changes[:_NUM_NAMED]:
                _say(console, f"    {_signed_bytes(delta):>10} {title}: {clean(name)}")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def _line(widths: Sequence[int], name: str, *cells: str) -> str:
    """The name to the left, figures to the right; a width of 0 leaves its figure out."""
    aligned = [f"{cell:>{width}}" if width else "" for cell, width in zip(cells, widths[1:], strict=False)]
    return f"  {name:<{widths[0] - 2}}{''.join(aligned)}{''.join(cells[len(widths) - 1 :])}".rstrip()


def _short_place(owner: str) -> str:
    """Without folders, which would fill the line; as_json has the whole place."""
    function, _, place = owner.partition(" in ")
    return f"{function} in {place.rpartition('/')[2]}"


def _size(text: str) -> str:
    return f"{int(text):,}" if text.isdecimal() else clean(text)


def _is_time(one: Difference) -> bool:
    return not one.metric.is_bytes and one.metric.key != "accuracy_at_1"


def _is_shown(one: Difference) -> bool:
    """What changed, and always peak - base and heap peak, so that no phase is without a figure."""
    is_peak = one.metric.key in ("peak_over_base_bytes", HEAP_KEY)
    has_figure = one.before is not None or one.after is not None
    return has_figure and (is_peak or one.change is not Change.NOISE)


def _value(one: Difference, value: float | None) -> str:
    if one.metric.is_bytes:
        return format_bytes(value)
    if one.metric.key == "queries_per_second":
        return rate_text(value)
    if one.metric.key == "accuracy_at_1":
        return "-" if value is None else f"{_percent(one, value)} %"
    return format_seconds(value)


def _signed(one: Difference) -> str:
    if one.delta is None:
        return ""
    if one.metric.key == "accuracy_at_1":
        return f"{points_text(one.delta, one.noise)} points"
    return f"{'+' if one.delta >= 0 else '-'}{_value(one, abs(one.delta))}"


def _percent(one: Difference, share: float) -> str:
    # The noise is half of what both intervals span, so a quarter of that is half an interval.
    return share_with_interval(share, share - one.noise / 2, share + one.noise / 2)[0]


def _signed_bytes(delta: int) -> str:
    return f"{'+' if delta > 0 else '-'}{format_bytes(abs(delta))}"


def _share(one: Difference) -> str:
    # A share of a share would be read as points.
    if one.share is None or one.metric.key == "accuracy_at_1":
        return ""
    return f"{one.share * 100:+.{0 if abs(one.share) >= 10 else 1}f} %"


def _print_circumstances(console: Console, comparison: Comparison) -> None:
    if not comparison.circumstances:
        if comparison.warnings:
            return
        console.print("settings, environment, versions and machine are the same")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in ("what else differs", "A", "B"):
        table.add_column(name, overflow="fold")
    for what, before, after in comparison.circumstances:
        table.add_row(*(Text(clean(cell)) for cell in (what, before, after)))
    console.print(table)


def as_json(comparison: Comparison, *, limit: Limit | None, failures: list[str]) -> dict[str, Any]:
    """Everything that was compared; bytes, seconds and shares as numbers."""
    return {
        "schema_version": _SCHEMA_VERSION,
        "phases": [
            {
                "label": phase.label,
                "verdict_before": phase.verdicts[0] if phase.verdicts else None,
                "verdict_after": phase.verdicts[1] if phase.verdicts else None,
                "sizes": [list(size) for size in phase.sizes],
                "components": dict(phase.components),
                "held": dict(phase.held),
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
        "verdict": comparison.verdict,
        "warnings": comparison.warnings,
        "limit_share": limit.share if limit else None,
        "limit_bytes": limit.num_bytes if limit else None,
        "failures": failures,
    }
