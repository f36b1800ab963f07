"""The estimate before there is data: every method and phase of a run against what a machine offers.

Bytes come from the closed form, or, with measured runs, from their projection; what fits and what does not is
decided by :mod:`xclass.sizing.capacity`, as when a run refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xclass.config import RunConfig
from xclass.projection.duration import MethodDuration, by_quantity, method_duration
from xclass.projection.projector import Projector
from xclass.projection.result import Basis, ByteRange, ProjectedPhase, ProjectedTime
from xclass.projection.time_forms import time_terms
from xclass.projection.variants import variant_of
from xclass.records.record import Phase
from xclass.sizing.capacity import Capacity, Room, advise, capacity
from xclass.sizing.plan import PhasePlan, make_shape, plan_method, saved_bytes

CLOSED_FORM_ERROR_SHARE = 0.05
"""How far a measured peak may lie from a closed form with the base of another machine's engine.

Source: the worst of the 117 phases of benchmarks/records/measure/ledger, 4.8 % (opening a mapped model, 62 MiB
in all); 113 of them are within 3 %.
"""
Times = Mapping[Phase, Sequence[ProjectedTime]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseEstimate:
    """One phase of one method, and whether it can run."""

    projected: ProjectedPhase
    required_bytes: int
    """Memory without which it cannot run: its peak less mapped pages, or the peak of its imports."""
    shortage: str | None
    """What is short, in words; None where it fits."""
    is_tight: bool
    """It fits, but the upper end of its interval does not."""
    is_from_disk: bool
    """It fits, but not with all pages of its mapped files in memory: they will be read again and again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodEstimate:
    """One method, or one of several kinds of index."""

    name: str
    method: str
    phases: tuple[PhaseEstimate, ...]
    """Fit, load and serve."""
    advice: str | None
    """What could run instead; None where all of it fits."""
    saved_bytes: int
    """Of its saved model."""
    capacity: Capacity
    duration: MethodDuration | None
    """None where no times are known."""

    @property
    def fits(self) -> bool:
        """Whether every phase can run."""
        return all(phase.shortage is None for phase in self.phases)

    @property
    def fits_served(self) -> bool:
        """Whether a model that was made elsewhere can be served."""
        return all(phase.shortage is None for phase in self.phases[1:])


def estimate_method(
    config: RunConfig,
    method: str,
    room: Room,
    *,
    name: str,
    phases: Sequence[ProjectedPhase],
    has_times: bool,
) -> MethodEstimate:
    """One method against a machine.

    Args:
        config: of the run, its number of classes given.
        method: name of one.
        room: memory and disk, what earlier methods of the run leave on the disk taken off.
        name: of its rows.
        phases: fit, load and serve, e.g. from :func:`closed_forms` or :meth:`Projector.project`.
        has_times: the phases carry every time that the method has.
    """
    assert config.classes is not None
    shape = make_shape(config, config.classes)
    plans = plan_method(config, method, shape)
    judged = tuple(_judge(plan, phase, room) for plan, phase in zip(plans, phases, strict=True))
    duration = None
    if has_times:
        terms = {term.quantity: term for found in time_terms(config, method, shape, {}).values() for term in found}
        times = by_quantity({phase.phase: phase.times for phase in phases})
        duration = method_duration(config, method, shape, times, terms)
    is_short = any(phase.shortage for phase in judged)
    return MethodEstimate(
        name=name,
        method=method,
        phases=judged,
        advice=advise(config, method, shape, room) if is_short else None,
        saved_bytes=saved_bytes(config, method, shape),
        capacity=capacity(config, method, room),
        duration=duration,
    )


def closed_forms(config: RunConfig, method: str, times: Times) -> list[ProjectedPhase]:
    """Fit, load and serve without any measurement of this machine.

    Args:
        config: of the run, its number of classes given.
        method: name of one.
        times: of the reference; empty where there is none.
    """
    assert config.classes is not None
    shape = make_shape(config, config.classes)
    variant = variant_of(config, method)
    return [
        ProjectedPhase(
            variant=variant,
            method=method,
            phase=plan.phase,
            classes=config.classes,
            dim=config.dim,
            basis=Basis.PREDICTED,
            base_bytes=plan.base_bytes,
            components=dict(plan.regime.components),
            factors=dict.fromkeys(plan.regime.components, 1.0),
            peak=ByteRange(
                value=plan.peak_bytes,
                low=int(plan.peak_bytes * (1 - CLOSED_FORM_ERROR_SHARE)),
                high=int(plan.peak_bytes * (1 + CLOSED_FORM_ERROR_SHARE)),
            ),
            mapped_bytes=plan.mapped_bytes,
            disk_bytes=plan.disk_bytes,
            times=tuple(times.get(plan.phase, ())),
            extrapolation=float("inf"),
            error_words="the worst of 117 measured phases was 4.8 % from its closed form",
        )
        for plan in plan_method(config, method, shape)
    ]


def _judge(plan: PhasePlan, projected: ProjectedPhase, room: Room) -> PhaseEstimate:
    def required(peak_bytes: int) -> int:
        return max(peak_bytes - projected.mapped_bytes, plan.import_peak_bytes)

    required_bytes = required(projected.peak.value)
    # What load and serve only read was written by the fit phase.
    shortage = room.shortage(required_bytes=required_bytes, disk_bytes=plan.disk_bytes)
    return PhaseEstimate(
        projected=projected,
        required_bytes=required_bytes,
        shortage=shortage,
        is_tight=shortage is None and required(projected.peak.high) > room.usable_bytes,
        is_from_disk=shortage is None and projected.peak.value > room.usable_bytes,
    )
