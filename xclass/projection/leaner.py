"""Leaner settings: with which what does not fit would, and for which a cheaper server would do."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.config import RunConfig
from xclass.projection.phase_estimate import PhaseEstimate
from xclass.records.record import Phase
from xclass.sizing.alternatives import Alternative, suggest
from xclass.sizing.hardware import Hardware
from xclass.sizing.place import Place


def fitting_leaner(
    config: RunConfig, method: str, phases: Sequence[PhaseEstimate], place: Place
) -> tuple[Alternative, ...]:
    """Of what does not fit, or not in memory: the settings that give up least and would."""
    found = []
    num_machines = place.room.num_machines
    for phase in phases:
        if phase.shortage is not None or phase.is_from_disk:
            options = suggest(
                config,
                method,
                phase.projected.phase,
                phase.rented_bytes,
                place.as_hardware,
                num_machines=num_machines,
            )
            # One without settings is the same phase with less room: that it is from disk is said already.
            found += [option for option in options if option.settings][-1:]
    return tuple(found)


def cheaper_servers(
    config: RunConfig, method: str, phases: Sequence[PhaseEstimate], hardware: Hardware, num_machines: int
) -> tuple[Alternative, ...]:
    """Of every phase the leaner settings for which the cheapest server would do."""
    found = []
    for phase in phases:
        name = phase.projected.phase
        if name is not Phase.LOAD:
            found += suggest(config, method, name, phase.rented_bytes, hardware, num_machines=num_machines)[
                :1
            ]
    return tuple(found)
