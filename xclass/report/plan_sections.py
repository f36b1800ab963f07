"""The plan below its table: servers, the experiment's own time, what takes how long, and how all is known."""

from __future__ import annotations

from xclass.projection.duration import SEEN_RATIOS
from xclass.projection.estimate import Estimate, MethodEstimate
from xclass.projection.result import ProjectedTime, TimeRange
from xclass.report.plan_ranks import server_words, spread_lines
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
    "Runs that were made took {:.1f} to {:.1f} times their estimate, the most where others computed too."
)
"""Of :data:`SEEN_RATIOS`."""


def plan_text(estimate: Estimate, *, has_details: bool = False) -> str:
    """For a terminal, a pipe or a mail.

    Args:
        estimate: the whole.
        has_details: not the one screen, but also loading, the time of every single thing, and of every
            leaner setting what to type and all measurements.
    """
    parts = [
        [paragraph(verdict(estimate))],
        [paragraph(place_words(estimate.place))],
        phase_table(estimate, has_details=has_details),
        [paragraph(f"{name} needs {missing}") for name, missing in estimate.missing.items()],
        spread_lines(estimate),
        capacity_table(estimate),
        duration_lines(estimate, has_details=has_details),
        time_lines(estimate) if has_details else [],
        server_lines(estimate),
        leaner_lines(estimate, has_details=has_details),
        naive_lines(estimate, has_details=has_details),
        basis_lines(estimate),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def duration_lines(estimate: Estimate, *, has_details: bool) -> list[str]:
    """How long the experiment itself will take, and how well that is known."""
    seconds = estimate.seconds
    if not any(method.fits for method in estimate.methods):
        return ["the experiment itself would end at once: nothing of it fits"]
    if seconds is None:
        return [paragraph(f"how long the experiment itself takes is not known: {_untimed(estimate)}")]
    low, value, high = seconds
    measure = estimate.config.measure
    passes = "every phase (its run time above)"
    passes += "" if measure.repeats == 1 else f" {measure.repeats} times"
    if measure.heap_pass:
        passes += ", each shortened twice more (measure.heap_pass=true)"
    of_what = "" if estimate.fits else ", of what fits,"
    text = (
        f"the experiment itself{of_what} takes about {format_seconds(value)} ({format_seconds(low)} to "
        f"{format_seconds(high)} with every time at its best or worst): preparing data, {passes}, and "
        "starting processes. "
    )
    lines = [paragraph(text + ("" if estimate.has_runs else _CHECKED_WORDS.format(*SEEN_RATIOS)))]
    for method in estimate.methods if has_details else ():
        if method.duration is not None and method.fits:
            whole = method.duration.value
            shortened = format_seconds(whole.shortened_seconds)
            text = f"  {method.name}: {format_seconds(whole.total_seconds)}"
            text += f", of it shortened passes {shortened}" if whole.shortened_seconds else ""
            lines.append(paragraph(text + _budget(method)))
    return lines


def _untimed(estimate: Estimate) -> str:
    """Which times nobody has measured, and how to have them."""
    if estimate.config.device.value != "cpu":
        return "steps on a GPU were never measured"
    found = {one.name: one.untimed for one in estimate.methods if one.fits and one.untimed}
    which = ", ".join(f"{name} ({', '.join(phases)})" for name, phases in found.items())
    return (
        f"the times of {which} come with no benchmark; measure two or three small sizes "
        "(python -m xclass -m +classes=1e3,3e3,1e4 ...) and give them with runs=outputs/DATE/TIME"
    )


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
        if method.untimed:
            lines.append(line(_WIDTHS, f"  {', '.join(method.untimed)}", "not known"))
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
    "learn": "learning",
    "step": "a gradient step",
    "index": "making the index",
    "save": "saving the model",
    "query": "one query alone",
    "batch_query": "queries in batches",
}


def _time_line(name: str, seconds: TimeRange) -> str:
    interval = f"{format_seconds(seconds.low)} to {format_seconds(seconds.high)}"
    return line(_WIDTHS, f"  {name}", format_seconds(seconds.value), interval)


def naive_lines(estimate: Estimate, *, has_details: bool) -> list[str]:
    """Where people start from; with details also its examples, which can be read piece by piece."""
    lines = [paragraph(f"  {text}") for text in estimate.naive.lines[: None if has_details else 2]]
    return ["the naive way beside it, a dense linear model (features=):", *lines]


def server_lines(estimate: Estimate) -> list[str]:
    """The cheapest servers that hold fitting and serving with headroom, each with what it holds."""
    held: dict[str, dict[str, list[str]]] = {}
    for method in estimate.methods:
        fit = str(method.phases[0].projected.phase)
        held.setdefault(server_words(method), {}).setdefault(fit, []).append(method.name)
        held.setdefault(method.serve_server.words, {}).setdefault("serve", []).append(method.name)
    hardware = estimate.hardware
    prices = f"; prices of {hardware.price_dates}" if hardware.price_dates else ""
    is_mixed = len({server.date for server in hardware.servers if server.usd_per_hour}) > 1
    heading = (
        f"the cheapest server that holds it with {hardware.headroom_share:.0%} headroom "
        f"(hardware={hardware.name}, on demand, without tax{prices}"
        f"{', compared as they stand' if is_mixed else ''})"
    )
    lines = [paragraph(heading)]
    for words, needs in held.items():
        lines.append(paragraph(f"  {words}"))
        lines.append(paragraph(f"    {_held(needs)}"))
    added = max(method.phases[-1].required_bytes for method in estimate.methods)
    text = f"  every further serving process on the same machine: {format_bytes(added)} at most, since pages"
    return [*lines, paragraph(f"{text} of the model are shared")]


def leaner_lines(estimate: Estimate, *, has_details: bool) -> list[str]:
    """Leaner settings: what they cost, and which phases a cheaper server, or this one, holds with them."""
    shown: dict[str, list[tuple[MethodEstimate, Alternative]]] = {}
    for method in estimate.methods:
        for one in dict.fromkeys([*method.cheaper, *method.leaner]):
            shown.setdefault(one.option, []).append((method, one))
    if not shown:
        return []
    typed = "" if has_details else " (what to type: details=true)"
    lines = [f"leaner, at a cost that was measured{typed}"]
    for option, found in shown.items():
        costs = found[0][1].costs if has_details else found[0][1].costs[:1]
        # Of a head it also says that its class vectors are put into an index.
        meaning = min((one.meaning for _, one in found), key=len)
        lines.append(paragraph("; ".join([f"  {option}: {meaning}", *(cost.words for cost in costs)])))
        lines += [paragraph(f"    {words}") for words in _places(estimate, found)]
        if has_details:
            settings = dict.fromkeys(" ".join(one.settings) for _, one in found if one.settings)
            lines += [paragraph(f"    {words}") for words in settings]
    return lines


def _places(estimate: Estimate, found: list[tuple[MethodEstimate, Alternative]]) -> list[str]:
    """Each server once, with the phases that it holds and the most that one of them needs."""
    held: dict[str, dict[str, list[str]]] = {}
    most: dict[str, int] = {}
    for method, one in found:
        places = [one.choice.words] if one in method.cheaper else []
        places += [f"fits {estimate.place.name}"] if one in method.leaner else []
        for words in places:
            held.setdefault(words, {}).setdefault(str(one.phase), []).append(method.name)
            most[words] = max(most.get(words, 0), one.needed_bytes)
    return [f"{words}: {_held(needs)} in {format_bytes(most[words])}" for words, needs in held.items()]


def _held(needs: dict[str, list[str]]) -> str:
    return "; ".join(f"{phase} {', '.join(names)}" for phase, names in needs.items())


def basis_lines(estimate: Estimate) -> list[str]:
    """What the figures are, and what to type to have one's own."""
    if estimate.has_runs:
        text = (
            "Bytes and times are projected from the runs that were given; what they do not hold is a closed "
            f"form, or was measured on {estimate.reference_words}."
        )
        return [paragraph(text)]
    errors: dict[str, list[str]] = {}
    for method in estimate.methods:
        words = method.phases[0].projected.error_words.removeprefix(_NO_RUNS)
        errors.setdefault(words, []).append(method.name)
    error = "; ".join(
        words if len(errors) == 1 else f"of {', '.join(names)} {words}" for words, names in errors.items()
    )
    bytes_text = (
        f"Peaks are closed forms for {estimate.config.num_threads} threads (threads=); file pages can be "
        f"dropped; {error}."
    )
    times_text = (
        f"Times were measured on {estimate.reference_words}; another machine differs as a whole. For your "
        "own: python -m xclass -m +classes=1e4,1e5,1e6, then this command with runs=outputs/DATE/TIME."
    )
    return [paragraph(bytes_text), paragraph(times_text)]
