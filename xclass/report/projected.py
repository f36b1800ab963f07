"""One variant at the size that was asked about: projected, measured, and what it takes to rent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from xclass.config import RunConfig
from xclass.projection.accuracy import AccuracyTrend, MeasuredAccuracy
from xclass.projection.points import shape_of
from xclass.projection.projector import Projector
from xclass.projection.result import HeldOut, ProjectedPhase
from xclass.projection.spread import Spread, divided_step, spread_over_servers
from xclass.records.record import Phase
from xclass.sizing.alternatives import Alternative, suggest
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
    batch_size: int
    """Examples of a step."""
    spread: Spread | None
    """Of a head in ranks on machines of their own: as many as were asked for, or, where no server of the
    catalogue offers what one process needs, the fewest of its largest."""
    leaner: dict[Phase, Alternative]
    """The cheapest leaner way, for phases that have one for which a cheaper server is enough."""

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


def project_variant(
    projector: Projector, config: RunConfig, method: str, hardware: Hardware, *, is_far_allowed: bool
) -> Projected:
    """What runs and catalogue say of one variant.

    Args:
        projector: over the runs.
        config: at the size that is asked about, with ``classes``.
        method: its name.
        hardware: the catalogue.
        is_far_allowed: beyond REFUSED_BEYOND too.

    Raises:
        ConfigError: beyond it and not allowed.
    """
    # Servers are rented: a machine for each rank.
    ranks = config.ranks
    phases = projector.project(config, method, is_far_allowed=is_far_allowed, num_machines=ranks)
    phases[0] = replace(phases[0], times=divided_step(config, method, shape_of(config), phases[0]))
    needs = {one.phase: one.layout.on_machine(one.peak.high) for one in phases if one.phase in RENTED}
    leaner = {
        phase: suggest(config, method, phase, need, hardware, num_machines=ranks)
        for phase, need in needs.items()
    }
    servers = {phase: choose(hardware, need) for phase, need in needs.items()}
    return Projected(
        phases=tuple(phases),
        accuracies=tuple(projector.accuracies(phases[0].variant)),
        trend=projector.accuracy_trend(phases[0].variant),
        servers=servers,
        batch_size=config.batch_size,
        spread=spread_over_servers(config, method, servers[phases[0].phase], hardware, projector.reference),
        leaner={phase: found[0] for phase, found in leaner.items() if found},
    )


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
