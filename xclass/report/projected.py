"""One variant at the size that was asked about: projected, measured, and what it takes to rent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xclass.projection.accuracy import AccuracyTrend, MeasuredAccuracy
from xclass.projection.projector import Projector
from xclass.projection.result import HeldOut, ProjectedPhase
from xclass.records.record import Phase
from xclass.sizing.choice import Choice, choose
from xclass.sizing.hardware import Hardware

RENTED = (Phase.TRAIN, Phase.BUILD, Phase.SERVE)
"""Phases that a server is chosen for; what serves has loaded before, and needs no more for it."""
PROJECTION_SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Projected:
    """Everything that is said of one variant."""

    phases: tuple[ProjectedPhase, ...]
    accuracies: tuple[MeasuredAccuracy, ...]
    trend: AccuracyTrend | None
    servers: dict[Phase, Choice]
    """The cheapest server that offers the upper end of the interval: the side on which an error costs."""

    @classmethod
    def of(cls, projector: Projector, phases: Sequence[ProjectedPhase], hardware: Hardware) -> Projected:
        """What the runs and the catalogue say beside the phases of a variant."""
        variant = phases[0].variant
        return cls(
            phases=tuple(phases),
            accuracies=tuple(projector.accuracies(variant)),
            trend=projector.accuracy_trend(variant),
            servers={one.phase: choose(hardware, one.peak.high) for one in phases if one.phase in RENTED},
        )

    @property
    def variant(self) -> str:
        """Its key."""
        return self.phases[0].variant

    @property
    def classes(self) -> int:
        """That were asked about."""
        return self.phases[0].classes

    @property
    def dim(self) -> int:
        """Of it."""
        return self.phases[0].dim


def projection_json(found: Sequence[Projected], held_out: Sequence[HeldOut], command: str) -> dict[str, Any]:
    """All numbers as a JSON object: bytes, seconds, shares; an extrapolation without end is null."""
    return {
        "schema_version": PROJECTION_SCHEMA_VERSION,
        "command": command,
        "variants": [{"variant": one.variant, **asdict(one)} for one in found],
        "held_out": [
            {**asdict(one), "error_share": one.error_share, "is_inside": one.is_inside} for one in held_out
        ],
    }
