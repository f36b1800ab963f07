"""A projection on a terminal: what to rent, the bytes behind it, how it is known, times, accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xclass.projection.accuracy import AccuracyTrend, MeasuredAccuracy
from xclass.projection.result import MARKED_BEYOND, Basis, HeldOut, ProjectedPhase, TimeRange
from xclass.records.record import Phase
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.plan_ranks import rank_words
from xclass.report.projected import Projected
from xclass.report.text import clean, points_text, share_with_interval
from xclass.sizing.alternatives import Alternative
from xclass.sizing.choice import Choice, describe
from xclass.sizing.hardware import HOURS_PER_MONTH, Hardware
from xclass.units import format_bytes, format_count, format_seconds

_MARK = " !"
_SHOWN_SHARE = 0.01
"""Of the peak, from which a component counts: the factor of pages of code says nothing about a law."""
_WIDTHS = (("", 8), ("peak", 8), ("interval", 20), ("base", 8), ("mapped", 8), ("factors", 9), ("", 12))
"""Columns of the bytes: fixed, so that the tables of all variants align."""
_PURPOSES = {"serve": (Phase.SERVE,), "train or build": (Phase.TRAIN, Phase.BUILD)}


def print_projection(console: Console, found: Sequence[Projected], hardware: Hardware) -> None:
    """The leanest variant, all of them one after the other, and what holds for all of them once.

    Args:
        console: where to.
        found: at least one.
        hardware: the catalogue that the servers are from.
    """
    for line in verdict(found):
        console.print(Text(line, style="bold"))
    for one in found:
        size = _size(one)
        console.print(Text(f"\n{clean(one.variant)}: {size}", style="bold"))
        console.print(_bytes_table(one.phases))
        console.print(_lines(_evidence(one)))
        if any(phase.times for phase in one.phases):
            console.print(_times_table(one.phases))
        console.print(_lines(_untimed(one)))
        console.print(_lines(("accuracy", line) for line in _accuracy_lines(one)))
    console.print()
    for line in _notes(found, hardware):
        console.print(Text(line, style="dim"))


def verdict(found: Sequence[Projected]) -> Iterator[str]:
    """The variant that needs least to be made, and to be served, with its server: no other's is cheaper.

    Nothing where the variants stand at different sizes, as they were measured.
    """
    if len({(one.classes, one.dim) for one in found}) > 1:
        return
    for purpose, phases in _PURPOSES.items():
        needs = [
            (p, one.servers[p.phase])
            for one in found
            for p in one.phases
            if p.phase in phases and p.refusal is None
        ]
        if needs:
            phase, choice = min(needs, key=lambda need: need[1].needed_bytes)
            mark = _MARK if phase.is_marked else ""
            yield f"{_size(found[0])}, leanest to {purpose}: {clean(phase.variant)}{mark}: {_server(choice)}"


def _size(one: Projected) -> str:
    return f"{format_count(one.classes)} classes x {one.dim}"


def _lines(labelled: Iterable[tuple[str, str]]) -> Table:
    """What each line is about, and the line, which wraps beside it."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", min_width=_WIDTHS[0][1])
    table.add_column(overflow="fold")
    for label, line in labelled:
        table.add_row(label, Text(line))
    return table


def _bytes_table(phases: Sequence[ProjectedPhase]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    for name, width in _WIDTHS:
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for phase in phases:
        table.add_row(
            str(phase.phase),
            Text(format_bytes(phase.peak.value), style="bold"),
            f"{format_bytes(phase.peak.low)} to {format_bytes(phase.peak.high)}",
            format_bytes(phase.base_bytes),
            format_bytes(phase.mapped_bytes),
            _factors(phase),
            _basis(phase),
        )
    return table


def _factors(phase: ProjectedPhase) -> str:
    """Least and most, of components that matter."""
    least = _SHOWN_SHARE * phase.peak.value
    factors = [factor for name, factor in phase.factors.items() if phase.components[name] >= least]
    if not factors:
        return "-"
    low, high = f"{min(factors):.2f}", f"{max(factors):.2f}"
    return low if low == high else f"{low}-{high}"


def _basis(phase: ProjectedPhase) -> str:
    if phase.basis is Basis.MEASURED:
        return "measured"
    if phase.basis is Basis.PREDICTED:
        return f"closed form{_MARK}"
    if phase.extrapolation <= 1.0:
        return "projected"
    return f"{phase.extrapolation:.3g}x beyond{_MARK if phase.is_marked else ''}"


def _evidence(one: Projected) -> Iterator[tuple[str, str]]:
    """The server of each phase, where its interval comes from, the largest hold-out, and what is odd."""
    for phase in one.phases:
        label = str(phase.phase)
        if phase.phase in one.servers:
            yield label, f"needs {_server(one.servers[phase.phase])}"
            label = ""
        if phase is one.phases[0] and one.spread is not None:
            yield from (("", line) for line in rank_words(one.spread, batch_size=one.batch_size))
        if phase.phase in one.leaner:
            yield "", f"leaner: {_leaner(one.leaner[phase.phase])}"
        yield label, f"interval: {clean(phase.error_words)}"
        if phase.held_out is not None:
            yield "", _held_out(phase.held_out)
        yield from (("", clean(caveat)) for caveat in phase.caveats)


def _untimed(one: Projected) -> Iterator[tuple[str, str]]:
    """Phases of which no time is known: neither measured here nor in the benchmark that comes with xclass."""
    for phase in one.phases:
        if not phase.times:
            yield str(phase.phase), "time not known: measured neither in these runs nor in the benchmark"


def _leaner(way: Alternative) -> str:
    """With the first of its measured costs; projection.json has them all."""
    how = f" ({' '.join(way.settings)})" if way.settings else ""
    cost = clean(way.costs[0].words) if way.costs else "its cost was not measured"
    return f"{way.meaning}{how}: {format_bytes(way.needed_bytes)}, {clean(way.choice.words)}; {cost}"


def _server(choice: Choice) -> str:
    words = f"{format_bytes(choice.needed_bytes)} at most: {clean(choice.words)}"
    if choice.server is None or choice.smaller is None:
        return words
    return f"{words}; {format_bytes(choice.missing_bytes)} less would fit {clean(describe(choice.smaller))}"


def _held_out(held: HeldOut) -> str:
    seen = "one smaller size" if held.num_points == 1 else f"{held.num_points} smaller points"
    place = "inside" if held.is_inside else "OUTSIDE"
    return (
        f"held out: {format_count(held.classes)} classes x {held.dim}, from {seen}: "
        f"{format_bytes(held.predicted)} predicted, {format_bytes(held.measured)} measured, "
        f"{held.error_share * 100:+.2f} %, {place} its interval"
    )


def _times_table(phases: Sequence[ProjectedPhase]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    table.add_column("", justify="right", min_width=_WIDTHS[0][1])
    table.add_column("time of", overflow="fold")
    for name in ("", "interval", "in all", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for phase in phases:
        for time in phase.times:
            value = Text(format_seconds(time.seconds.value), style="bold")
            interval = _interval(time.seconds)
            whole = format_seconds(time.whole_seconds.value) if time.count > 1 else ""
            table.add_row(str(phase.phase), clean(time.meaning), value, interval, whole, str(time.basis))
    return table


def _interval(seconds: TimeRange) -> str:
    if seconds.low <= 0.0:
        return f"up to {format_seconds(seconds.high)}"
    return f"{format_seconds(seconds.low)} to {format_seconds(seconds.high)}"


def _accuracy_lines(one: Projected) -> Iterator[str]:
    if not one.accuracies:
        yield "not measured in these runs"
        return
    largest = max(one.accuracies, key=lambda accuracy: (accuracy.classes, accuracy.dim))
    yield _measured(largest)
    if one.trend is not None:
        yield _trend(one.trend, one.classes)


def _measured(accuracy: MeasuredAccuracy) -> str:
    share, low, high = share_with_interval(accuracy.at_1, accuracy.low, accuracy.high)
    return (
        f"{share} % ({low} to {high}) of {format_count(accuracy.num_queries)} queries right, measured at "
        f"{format_count(accuracy.classes)} classes x {accuracy.dim}"
    )


def _trend(trend: AccuracyTrend, classes: int) -> str:
    between = f"{format_count(trend.fewest_classes)} and {format_count(trend.most_classes)} classes"
    change = points_text(trend.per_decade, trend.per_decade_error)
    line = f"{change} points for ten times the classes between {between}"
    if classes <= trend.most_classes:
        return line
    return f"{line}; on that line {trend.at(classes) * 100:.0f} % at {format_count(classes)}, a GUESS"


def _notes(found: Sequence[Projected], hardware: Hardware) -> Iterator[str]:
    phases = [phase for one in found for phase in one.phases]
    yield (
        "peak: resident memory of the process, base (interpreter and libraries) included; mapped: the part "
        "of it that is pages of files, which the kernel may drop; factors: fitted over closed form, expected "
        f"1.00, of components of {_SHOWN_SHARE * 100:.0f} % of the peak or more."
    )
    if any(phase.is_marked for phase in phases):
        yield (
            f"!: more than {MARKED_BEYOND:g} times beyond what was measured, or from the closed form alone: "
            "measure a larger size before you sign."
        )
    if any(phase.times for phase in phases):
        yield (
            "times: on the machine that was measured; in all: of one epoch of steps, or all queries of the "
            "evaluation; where their intervals come from: add out=FOLDER."
        )
    dated = f"prices of {hardware.price_dates}" if hardware.price_dates else "without prices"
    yield (
        f"servers: catalogue {clean(hardware.name)}, {dated}, {HOURS_PER_MONTH} hours a month, chosen for "
        f"the upper end of the interval with {hardware.headroom_share * 100:.0f} % of usable RAM left free."
    )
    if any(one.accuracies for one in found):
        yield ACCURACY_CAVEAT
