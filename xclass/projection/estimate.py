"""The estimate before there is data: every method and phase of a run against what a machine offers.

Bytes and times come from the projector, without runs from closed forms and the reference; what fits and what
does not is decided by :mod:`xclass.sizing.capacity`, as when a run refuses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from xclass.classifiers.libraries import missing_library
from xclass.classifiers.work import STEP
from xclass.config import RunConfig
from xclass.projection.duration import MethodDuration, budget_steps, method_duration, untimed_phases
from xclass.projection.leaner import cheaper_servers, fitting_leaner
from xclass.projection.phase_estimate import PhaseEstimate, judge_phase
from xclass.projection.reference import Reference
from xclass.projection.result import ProjectedPhase, ProjectedTime, TimeRange
from xclass.projection.spread import Spread, divided_step, shards_that_fit, spread_over_machines
from xclass.projection.time_forms import TimeTerm, time_terms
from xclass.shapes import ProblemShape
from xclass.sizing.alternatives import Alternative
from xclass.sizing.capacity import Capacity, Room, advise, capacity
from xclass.sizing.choice import Choice, choose
from xclass.sizing.hardware import Hardware
from xclass.sizing.naive import Naive
from xclass.sizing.place import Place
from xclass.sizing.plan import gpu_bytes, make_shape, plan_method, saved_bytes


class _Timing(TypedDict):
    epoch_steps: int
    budget_steps: int
    duration: DurationRange | None
    untimed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DurationRange:
    """How long the children of one method take; low and high with every time at that end of its interval."""

    value: MethodDuration
    low_seconds: float
    high_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodEstimate:
    """One method, or one of several kinds of index."""

    name: str
    config: RunConfig
    method: str
    phases: tuple[PhaseEstimate, ...]
    """Fit, load and serve."""
    advice: str | None
    """What could run instead; None where all of it fits."""
    leaner: tuple[Alternative, ...]
    """Leaner settings with which what does not fit, or not in memory, would."""
    saved_bytes: int
    """Of its saved model."""
    capacity: Capacity
    fit_server: Choice
    """The cheapest that holds training or building."""
    serve_server: Choice
    """The cheapest that holds serving with every page in memory."""
    spread: Spread | None
    """Of a method that is trained, or would have to be, on several machines."""
    shards: int | None
    """The fewest in which an index that does not fit is built there (``index.shards``)."""
    cheaper: tuple[Alternative, ...]
    """Leaner settings for which a cheaper server would do, the cheapest of each phase."""
    epoch_steps: int
    """Gradient steps of one epoch; 0 for a method without."""
    budget_steps: int
    """Gradient steps that the budget gives; 0 where none, or where the seconds of one are not known."""
    duration: DurationRange | None
    """None where not every time of it is known."""
    untimed: tuple[str, ...]
    """Phases of which a time is not known, by name."""

    @property
    def fits(self) -> bool:
        """Whether every phase can run."""
        return all(phase.shortage is None for phase in self.phases)

    @property
    def fits_served(self) -> bool:
        """Whether a model that was made elsewhere can be served."""
        return all(phase.shortage is None for phase in self.phases[1:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What every method is held against."""

    place: Place
    reference: Reference
    """Times of another machine, and what starting processes takes."""
    hardware: Hardware
    """Servers to choose from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What is asked about, and what every method needs."""

    config: RunConfig
    """Of the run, its number of classes given."""
    place: Place
    methods: tuple[MethodEstimate, ...]
    naive: Naive
    """The dense linear model of the same problem."""
    hardware: Hardware
    prepare_seconds: float
    reference_words: str
    """The machine of the times that are not of one's own runs."""
    has_runs: bool
    """Bytes and times are projected from measured runs."""

    @property
    def missing(self) -> dict[str, str]:
        """Method -> the library that it lacks here, and what installs it."""
        found = {one.method: missing_library(one.method) for one in self.methods}
        return {method: words for method, words in found.items() if words is not None}

    @property
    def fits(self) -> bool:
        """Whether the whole run can be made."""
        return all(method.fits for method in self.methods)

    @property
    def seconds(self) -> tuple[float, float, float] | None:
        """Low, expected and high seconds of the whole run; None where a method that fits has no times."""
        found = [method.duration for method in self.methods if method.fits]
        known = [duration for duration in found if duration is not None]
        if len(known) < len(found):
            return None
        ends = ([one.low_seconds for one in known], [one.value.total_seconds for one in known],
                [one.high_seconds for one in known])  # fmt: skip
        low, value, high = (self.prepare_seconds + sum(end) for end in ends)
        return low, value, high


def estimate_method(
    config: RunConfig,
    method: str,
    context: Context,
    room: Room,
    *,
    name: str,
    phases: Sequence[ProjectedPhase],
) -> MethodEstimate:
    """One method against a machine.

    Args:
        config: of the run, its number of classes given.
        method: name of one.
        context: the machine, the reference and the servers.
        room: of the machine, what earlier methods of the run leave on its disk taken off.
        name: of its rows.
        phases: fit, load and serve; times that they lack come from the reference.
    """
    assert config.classes is not None
    shape = make_shape(config, config.classes)
    plans = plan_method(config, method, shape, num_machines=room.num_machines)
    known = context.reference.times(config, method)
    timed = [replace(phase, times=_completed(phase.times, known[phase.phase])) for phase in phases]
    timed[0] = replace(timed[0], times=divided_step(config, method, shape, timed[0]))
    judged = tuple(judge_phase(plan, phase, room) for plan, phase in zip(plans, timed, strict=True))
    fit, *served = judged
    serve = max(served, key=lambda phase: phase.rented_bytes)
    is_short = any(phase.shortage for phase in judged)
    timing = _timing(config, method, shape, timed, context.reference.start_seconds)
    return MethodEstimate(
        name=name,
        config=config,
        method=method,
        phases=judged,
        advice=advise(config, method, shape, room) if is_short else None,
        leaner=fitting_leaner(config, method, judged, context.place),
        saved_bytes=saved_bytes(config, method, shape),
        capacity=capacity(config, method, context.place.room),
        fit_server=choose(context.hardware, fit.rented_bytes, gpu_bytes=gpu_bytes(config, method, shape)),
        serve_server=choose(context.hardware, serve.rented_bytes),
        cheaper=cheaper_servers(config, method, judged, context.hardware, room.num_machines),
        spread=spread_over_machines(config, method, fit, context.place, context.hardware, context.reference),
        shards=shards_that_fit(config, method, fit, context.place),
        **timing,
    )


def _completed(own: Sequence[ProjectedTime], known: Sequence[ProjectedTime]) -> tuple[ProjectedTime, ...]:
    """Times of one's own runs, and of the reference what they do not have."""
    found = {time.quantity: time for time in known} | {time.quantity: time for time in own}
    return tuple(found.values())


def _timing(
    config: RunConfig,
    method: str,
    shape: ProblemShape,
    phases: Sequence[ProjectedPhase],
    start_seconds: Mapping[str, float],
) -> _Timing:
    """Steps and seconds of a method's part of the run."""
    time_terms_of = time_terms(config, method, shape, {})
    terms = {term.quantity: term for found in time_terms_of.values() for term in found}
    times = {time.quantity: time.seconds for phase in phases for time in phase.times}
    step, count = times.get(STEP), terms.get(STEP)
    untimed = untimed_phases(time_terms_of, times.keys())
    return {
        "epoch_steps": math.ceil(count.count) if count else 0,
        "budget_steps": budget_steps(config, shape, step.value, count) if step and count else 0,
        "duration": _duration(config, method, shape, times, terms, start_seconds) if not untimed else None,
        "untimed": untimed,
    }


def _duration(
    config: RunConfig,
    method: str,
    shape: ProblemShape,
    times: Mapping[str, TimeRange],
    terms: Mapping[str, TimeTerm],
    start_seconds: Mapping[str, float],
) -> DurationRange:
    low, value, high = (
        method_duration(config, method, shape, seconds=seconds, terms=terms, start_seconds=start_seconds)
        for seconds in (
            {name: time.low for name, time in times.items()},
            {name: time.value for name, time in times.items()},
            {name: time.high for name, time in times.items()},
        )
    )
    return DurationRange(value=value, low_seconds=low.total_seconds, high_seconds=high.total_seconds)
