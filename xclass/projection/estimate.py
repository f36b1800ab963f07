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
from xclass.projection.reference import Reference
from xclass.projection.result import ProjectedPhase, ProjectedTime, TimeRange
from xclass.projection.time_forms import TimeTerm, time_terms
from xclass.records.record import Phase
from xclass.shapes import ProblemShape
from xclass.sizing.alternatives import Alternative, suggest
from xclass.sizing.capacity import Capacity, Room, advise, capacity
from xclass.sizing.choice import Choice, choose
from xclass.sizing.hardware import Hardware
from xclass.sizing.naive import Naive
from xclass.sizing.place import Place
from xclass.sizing.plan import PhasePlan, gpu_bytes, make_shape, plan_method, saved_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseEstimate:
    """One phase of one method, and whether it can run."""

    projected: ProjectedPhase
    required_bytes: int
    """Memory without which it cannot run: its peak less mapped pages, or the peak of its imports."""
    promised_bytes: int
    """Memory with which it runs as fast as was measured: its peak, or the peak of its imports."""
    rented_bytes: int
    """The same with the upper end of its interval: the side on which an error costs."""
    shortage: str | None
    """What is short, in words; None where it fits."""
    missing_bytes: int
    """Of memory, or else of disk; 0 where it fits."""
    is_tight: bool
    """It fits, but the upper end of its interval does not."""
    is_from_disk: bool
    """It fits, but not with all pages of its mapped files in memory: they will be read again and again."""


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
    plans = plan_method(config, method, shape)
    known = context.reference.times(config, method)
    timed = [replace(phase, times=_completed(phase.times, known[phase.phase])) for phase in phases]
    judged = tuple(_judge(plan, phase, room) for plan, phase in zip(plans, timed, strict=True))
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
        leaner=_fitting_leaner(config, method, judged, context.place.as_hardware),
        saved_bytes=saved_bytes(config, method, shape),
        capacity=capacity(config, method, context.place.room),
        fit_server=choose(context.hardware, fit.rented_bytes, gpu_bytes=gpu_bytes(config, method, shape)),
        serve_server=choose(context.hardware, serve.rented_bytes),
        cheaper=_cheaper(config, method, judged, context.hardware),
        **timing,
    )


def _completed(own: Sequence[ProjectedTime], known: Sequence[ProjectedTime]) -> tuple[ProjectedTime, ...]:
    """Times of one's own runs, and of the reference what they do not have."""
    found = {time.quantity: time for time in known} | {time.quantity: time for time in own}
    return tuple(found.values())


def _judge(plan: PhasePlan, projected: ProjectedPhase, room: Room) -> PhaseEstimate:
    def required(peak_bytes: int) -> int:
        return max(peak_bytes - projected.mapped_bytes, plan.import_peak_bytes)

    required_bytes = required(projected.peak.value)
    # What load and serve read was written by the fit phase.
    shortage = projected.refusal or room.shortage(required_bytes=required_bytes, disk_bytes=plan.disk_bytes)
    promised_bytes = max(projected.peak.value, plan.import_peak_bytes)
    return PhaseEstimate(
        projected=projected,
        required_bytes=required_bytes,
        promised_bytes=promised_bytes,
        rented_bytes=max(projected.peak.high, plan.import_peak_bytes),
        shortage=shortage,
        missing_bytes=room.missing_bytes(required_bytes=required_bytes, disk_bytes=plan.disk_bytes),
        is_tight=shortage is None and promised_bytes <= room.usable_bytes < required(projected.peak.high),
        is_from_disk=shortage is None and promised_bytes > room.usable_bytes,
    )


def _fitting_leaner(
    config: RunConfig, method: str, phases: Sequence[PhaseEstimate], place: Hardware
) -> tuple[Alternative, ...]:
    """Of what does not fit, or not in memory: the settings that give up least and would."""
    found = []
    for phase in phases:
        if phase.shortage is not None or phase.is_from_disk:
            options = suggest(config, method, phase.projected.phase, phase.rented_bytes, place)
            # One without settings is the same phase with less room: that it is from disk is said already.
            found += [option for option in options if option.settings][-1:]
    return tuple(found)


def _cheaper(
    config: RunConfig, method: str, phases: Sequence[PhaseEstimate], hardware: Hardware
) -> tuple[Alternative, ...]:
    """Of every phase the leaner settings for which the cheapest server would do."""
    found = []
    for phase in phases:
        if phase.projected.phase is not Phase.LOAD:
            found += suggest(config, method, phase.projected.phase, phase.rented_bytes, hardware)[:1]
    return tuple(found)


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
