"""The plan below its table: servers, the experiment's own time, what takes how long, and how all is known."""

from __future__ import annotations

from xclass.projection.estimate import Estimate, MethodEstimate
from xclass.projection.result import ProjectedTime, TimeRange
from xclass.report.plan_table import (
    capacity_table,
    line,
    paragraph,
    phase_table,
    place_words,
    verdict,
)
from xclass.report.text import rate_text
from xclass.sizing.alternatives import Alternative
from xclass.units import format_bytes, format_count, format_seconds

_WIDTHS = (18, 36)
_CHECKED_WORDS = (
    "That is on a quiet machine: runs on one that others used too took up to twice as long (main_1e5, "
    "synthetic_5e6 and measure/repeats of benchmarks/records), and more where they keep every core busy."
)
"""Held by tests/projection/test_duration.py."""


def plan_text(estimate: Estimate) -> str:
    """All of it, for a terminal, a pipe or a mail."""
    parts = [
        [paragraph(verdict(estimate))],
        [paragraph(place_words(estimate.place))],
        phase_table(estimate),
        capacity_table(estimate),
        duration_lines(estimate),
        time_lines(estimate),
        naive_lines(estimate),
        server_lines(estimate),
        leaner_lines(estimate),
        basis_lines(estimate),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def duration_lines(estimate: Estimate) -> list[str]:
    """How long the experiment itself will take, and how well that is known."""
    seconds = estimate.seconds
    if not any(method.fits for method in estimate.methods):
        return ["the experiment itself would end at once: nothing of it fits"]
    if seconds is None:
        return [
            paragraph("how long the experiment itself takes is not known: steps on a GPU were never measured")
        ]
    low, value, high = seconds
    measure = estimate.config.measure
    passes = "every phase (its run time above)"
    passes += "" if measure.repeats == 1 else f" {measure.repeats} times"
    if measure.heap_pass:
        passes += ", each shortened twice more (measure.heap_pass=true)"
    of_what = "" if estimate.fits else ", of what fits,"
    text = (
        f"the experiment itself{of_what} takes about {format_seconds(value)}: preparing data, {passes}, and "
        f"starting processes. With every time at its best or worst: {format_seconds(low)} to "
        f"{format_seconds(high)}. "
    )
    lines = [paragraph(text + _CHECKED_WORDS)]
    for method in estimate.methods:
        if method.duration is not None and method.fits:
            whole = method.duration.value
            shortened = format_seconds(whole.shortened_seconds)
            text = f"  {method.name}: {format_seconds(whole.total_seconds)}"
            text += f", of it shortened passes {shortened}" if whole.shortened_seconds else ""
            lines.append(paragraph(text + _budget(method)))
    return lines


def _budget(method: MethodEstimate) -> str:
    """How far the budget gets: a step of many classes may be all of it."""
    if not method.epoch_steps:
        return ""
    steps = "1 step" if method.budget_steps == 1 else f"{format_count(method.budget_steps)} steps"
    return f"; its budget is {steps}, an epoch {format_count(method.epoch_steps)}"


def time_lines(estimate: Estimate) -> list[str]:
    """What takes how long, with its interval, by methods."""
    lines = [line(_WIDTHS, "what takes how long", "expected", "interval")]
    for method in estimate.methods:
        lines.append(method.name)
        for phase in method.phases:
            lines += [
                shown
                for time in phase.projected.times
                if time.quantity != _OPEN
                for shown in _time_lines(time, method)
            ]
    return lines


def _time_lines(time: ProjectedTime, method: MethodEstimate) -> list[str]:
    name = _NAMES.get(time.quantity, time.quantity)
    seconds = time.seconds
    if time.quantity == _BATCH_QUERY:
        rates = [rate_text(1.0 / one) for one in (seconds.value, seconds.high, seconds.low)]
        return [line(_WIDTHS, f"  {name}", f"{rates[0]}/s", f"{rates[1]} to {rates[2]}/s")]
    lines = [_time_line(name, seconds)]
    if time.quantity == _STEP:
        count = method.epoch_steps
        epoch = TimeRange(value=count * seconds.value, low=count * seconds.low, high=count * seconds.high)
        lines.append(_time_line("an epoch of them", epoch))
    return lines


_NO_RUNS = "no hold-out in these runs: "
_OPEN, _STEP, _BATCH_QUERY = "open", "step", "batch_query"
_NAMES = {
    "class_means": "pass for class means",
    "step": "a gradient step",
    "index": "making the index",
    "save": "saving the model",
    "query": "one query alone",
    "batch_query": "queries in batches",
}


def _time_line(name: str, seconds: TimeRange) -> str:
    interval = f"{format_seconds(seconds.low)} to {format_seconds(seconds.high)}"
    return line(_WIDTHS, f"  {name}", format_seconds(seconds.value), interval)


def naive_lines(estimate: Estimate) -> list[str]:
    """Where people start from."""
    lines = [paragraph(f"  {text}") for text in estimate.naive.lines]
    return ["the naive way beside it, a dense linear model (features=):", *lines]


def server_lines(estimate: Estimate) -> list[str]:
    """The cheapest servers that hold fitting and serving with headroom, each with what it holds."""
    held: dict[str, dict[str, list[str]]] = {}
    for method in estimate.methods:
        fit = str(method.phases[0].projected.phase)
        held.setdefault(method.fit_server.words, {}).setdefault(fit, []).append(method.name)
        held.setdefault(method.serve_server.words, {}).setdefault("serve", []).append(method.name)
    share, name = f"{estimate.hardware.headroom_share:.0%}", estimate.hardware.name
    lines = [
        f"the cheapest server that holds it with {share} headroom, on demand, without tax",
        f"(hardware={name})",
    ]
    return lines + _servers(held)


def _servers(held: dict[str, dict[str, list[str]]]) -> list[str]:
    lines = []
    for words, needs in held.items():
        lines.append(paragraph(f"  {words}"))
        lines += [paragraph(f"    {phase} {', '.join(names)}") for phase, names in needs.items()]
    return lines


def leaner_lines(estimate: Estimate) -> list[str]:
    """Leaner settings: which phase a cheaper server holds with them, what to type, and what they cost."""
    shown: dict[str, list[tuple[MethodEstimate, Alternative]]] = {}
    for method in estimate.methods:
        rented = {(one.option, one.phase) for one in method.cheaper}
        here = [one for one in method.leaner if (one.option, one.phase) not in rented]
        for one in [*method.cheaper, *here]:
            shown.setdefault(one.option, []).append((method, one))
    if not shown:
        return []
    lines = ["leaner, at a cost that was measured"]
    for option, found in shown.items():
        # Of a head it also says that its class vectors are put into an index.
        meaning = min((one.meaning for _, one in found), key=len)
        lines.append(paragraph(f"  {option}: {meaning}"))
        for method, one in found:
            where = one.choice.words if one in method.cheaper else f"fits {estimate.place.name}"
            needs = f"{method.name} {one.phase} in {format_bytes(one.needed_bytes)}"
            lines.append(paragraph(f"    {needs}: {where}"))
        typed = dict.fromkeys(" ".join(one.settings) for _, one in found)
        lines += [paragraph(f"    {settings}") for settings in typed if settings]
        lines += [paragraph(f"    measured: {cost.words}") for cost in found[0][1].costs]
    return lines


def basis_lines(estimate: Estimate) -> list[str]:
    """What the figures are, and what to type to have one's own."""
    if estimate.has_runs:
        text = (
            "Bytes and times are projected from the runs that were given; what they do not hold is a closed "
            f"form, or was measured on {estimate.reference_words}."
        )
        return [paragraph(text)]
    error = estimate.methods[0].phases[0].projected.error_words.removeprefix(_NO_RUNS)
    bytes_text = (
        f"Peaks are closed forms for {estimate.config.num_threads} threads (threads=), file pages the part "
        f"of them that can be dropped; {error}."
    )
    times_text = (
        f"Times were measured on {estimate.reference_words}: another machine is faster or slower as a "
        "whole. For figures of your own: python -m xclass -m +classes=1e4,1e5,1e6, then this command with "
        "runs=outputs/DATE/TIME."
    )
    return [paragraph(bytes_text), paragraph(times_text)]
