"""The plan below its table: servers, the experiment's own time, what takes how long, and how all is known."""

from __future__ import annotations

from xclass.classifiers.work import BATCH_QUERY, OPEN, STEP
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
from xclass.units import format_count, format_seconds

_WIDTHS = (24, 34)
_CHECKED_WORDS = (
    "Checked against committed runs (benchmarks/records): main_1e5, synthetic_5e6 and measure/repeats."
)


def plan_text(estimate: Estimate) -> str:
    """All of it, for a terminal, a pipe or a mail."""
    parts = [
        [paragraph(verdict(estimate))],
        [paragraph(place_words(estimate.place))],
        phase_table(estimate),
        capacity_table(estimate),
        duration_lines(estimate),
        time_lines(estimate),
        server_lines(estimate),
        basis_lines(estimate),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def duration_lines(estimate: Estimate) -> list[str]:
    """How long the experiment itself will take, and how well that is known."""
    seconds = estimate.seconds
    if seconds is None:
        return [paragraph("how long the experiment takes is not known: steps on a GPU were never measured")]
    low, value, high = seconds
    measure = estimate.config.measure
    passes = "every phase" if measure.repeats == 1 else f"every phase {measure.repeats} times"
    if measure.heap_pass:
        passes += ", each shortened twice more (measure.heap_pass=true)"
    lines = [
        paragraph(
            f"the experiment itself takes about {format_seconds(value)}: preparing data, {passes}, and starting "
            f"processes. With every time at its best or worst: {format_seconds(low)} to {format_seconds(high)}. "
            f"{_CHECKED_WORDS}"
        )
    ]
    for method in estimate.methods:
        if method.duration is not None and method.fits:
            whole = method.duration.value
            lines.append(
                f"  {method.name}: {format_seconds(whole.total_seconds)}"
                + (
                    f", of it shortened passes {format_seconds(whole.shortened_seconds)}"
                    if whole.shortened_seconds
                    else ""
                )
                + _budget(method)
            )
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
                if time.quantity != OPEN
                for shown in _time_lines(time, method)
            ]
    return lines


def _time_lines(time: ProjectedTime, method: MethodEstimate) -> list[str]:
    name = _NAMES.get(time.quantity, time.quantity)
    seconds = time.seconds
    if time.quantity == BATCH_QUERY:
        rates = [rate_text(1.0 / one) for one in (seconds.value, seconds.high, seconds.low)]
        return [line(_WIDTHS, f"  {name}", f"{rates[0]}/s", f"{rates[1]} to {rates[2]}/s")]
    lines = [_time_line(name, seconds)]
    if time.quantity == STEP:
        count = method.epoch_steps
        epoch = TimeRange(value=count * seconds.value, low=count * seconds.low, high=count * seconds.high)
        lines.append(_time_line("an epoch of them", epoch))
    return lines


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


def server_lines(estimate: Estimate) -> list[str]:
    """The cheapest servers that hold fitting and serving with headroom, each with what it holds."""
    held: dict[str, list[str]] = {}
    for method in estimate.methods:
        fit = method.phases[0].projected.phase
        held.setdefault(method.fit_server.words, []).append(f"{fit} {method.name}")
        held.setdefault(method.serve_server.words, []).append(f"serve {method.name}")
    lines = ["the cheapest server that holds it with headroom, on demand and without tax"]
    for words, needs in held.items():
        lines += [paragraph(f"  {words}"), paragraph(f"    {', '.join(needs)}")]
    return lines


def basis_lines(estimate: Estimate) -> list[str]:
    """What the figures are, and what to type to have one's own."""
    if estimate.has_runs:
        return [
            paragraph(
                "Bytes and times are projected from the runs that were given; what they do not hold is the closed "
                f"form, and times measured on {estimate.reference_words}."
            )
        ]
    error = estimate.methods[0].phases[0].projected.error_words
    return [
        paragraph(f"Bytes are closed forms; {error}."),
        paragraph(
            f"Times were measured on {estimate.reference_words}: another machine is faster or slower as a whole. "
            "For figures of your own: python -m xclass -m +classes=1e4,1e5,1e6, then this command with "
            "runs=outputs/DATE/TIME."
        ),
    ]
