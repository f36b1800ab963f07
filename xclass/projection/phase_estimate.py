"""One phase of one method against a machine: what it needs there, and whether it can run."""

from __future__ import annotations

from dataclasses import dataclass

from xclass.projection.result import ProjectedPhase
from xclass.sizing.capacity import Room
from xclass.sizing.plan import PhasePlan


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseEstimate:
    """One phase of one method, and whether it can run."""

    projected: ProjectedPhase
    required_bytes: int
    """Memory without which it cannot run: its peak less mapped pages, or the peak of its imports; of all
    ranks of a machine."""
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


def judge_phase(plan: PhasePlan, projected: ProjectedPhase, room: Room) -> PhaseEstimate:
    """Hold a projected phase against a room.

    Args:
        plan: its closed form.
        projected: what is expected of it.
        room: memory and disk.
    """

    def required(peak_bytes: int) -> int:
        return plan.on_machine(max(peak_bytes - projected.mapped_bytes, plan.import_peak_bytes))

    required_bytes = required(projected.peak.value)
    # What load and serve read was written by the fit phase.
    shortage = projected.refusal or room.shortage(required_bytes=required_bytes, disk_bytes=plan.disk_bytes)
    promised_bytes = plan.on_machine(max(projected.peak.value, plan.import_peak_bytes))
    return PhaseEstimate(
        projected=projected,
        required_bytes=required_bytes,
        promised_bytes=promised_bytes,
        rented_bytes=plan.on_machine(max(projected.peak.high, plan.import_peak_bytes)),
        shortage=shortage,
        missing_bytes=room.missing_bytes(required_bytes=required_bytes, disk_bytes=plan.disk_bytes),
        is_tight=shortage is None and promised_bytes <= room.usable_bytes < required(projected.peak.high),
        is_from_disk=shortage is None and promised_bytes > room.usable_bytes,
    )
