"""What a page says beyond its records: how the measured sizes go on, and which servers hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.projector import Projector
from xclass.projection.result import REFUSED_BEYOND, HeldOut, ProjectedPhase
from xclass.records.record import Phase
from xclass.sizing.hardware import Hardware

PURPOSES = {Phase.TRAIN: "to train or build", Phase.BUILD: "to train or build", Phase.SERVE: "to serve"}
"""Phases that a server is chosen for, and what for."""
_STEPS = (1, 2, 5)
"""Sizes of a curve within each power of ten: straight enough between them for an eye."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A projector over the runs of a page, a catalogue, and the size that was asked about."""

    projector: Projector
    hardware: Hardware
    changes: Mapping[str, int] = field(default_factory=dict)
    """Keys of :class:`RunConfig` -> value: the size that was asked about, e.g. ``{"classes": 50_000_000}``. Empty:
    ten times the largest measured number of classes, as far as nothing is marked."""
    is_far_allowed: bool = False

    def measured(self, variant: str) -> list[ProjectedPhase]:
        """The phases of a variant at its largest measured size."""
        config, method = self.projector.configs[variant]
        return self.projector.project(config, method)

    def asked(self, variant: str) -> list[ProjectedPhase] | str:
        """The phases of a variant at the size that was asked about; in words why not, where that is refused."""
        config, method = self.projector.configs[variant]
        try:
            wanted = replace(config, **(self.changes or {"classes": self._next_size()}))  # type: ignore[arg-type]
            return self.projector.project(wanted, method, is_far_allowed=self.is_far_allowed)
        except ConfigError as error:
            return str(error)

    def curve(self, variant: str) -> Iterator[list[ProjectedPhase]]:
        """A variant over the number of classes, as far as a projection is not refused."""
        config, method = self.projector.configs[variant]
        most = self._most_classes()
        for classes in _sizes(most, int(most * REFUSED_BEYOND)):
            try:
                yield self.projector.project(replace(config, classes=classes), method)
            except ConfigError:
                return

    def _most_classes(self) -> int:
        return max(_classes(config) for config, _ in self.projector.configs.values())

    def _next_size(self) -> int:
        return 10 * self._most_classes()

    def largest_held_out(self) -> list[HeldOut]:
        """Of every variant, phase and quantity the largest size, predicted from the smaller ones."""
        largest: dict[tuple[str, Phase, str], HeldOut] = {}
        for found in self.projector.held_out():
            key = (found.variant, found.phase, found.quantity)
            seen = largest.get(key)
            if seen is None or _reach(found) > _reach(seen):
                largest[key] = found
        return list(largest.values())


def _reach(found: HeldOut) -> tuple[int, float]:
    return found.classes * found.dim, found.num_points


def _classes(config: RunConfig) -> int:
    assert config.classes is not None, "the configuration of a measured run has its size"
    return config.classes


def _sizes(least: int, most: int) -> list[int]:
    """``least``, then 1, 2, 5 times powers of ten, then ``most``."""
    rounded = [step * 10**power for power in range(len(str(most))) for step in _STEPS]
    return [least, *(size for size in rounded if least < size < most), most]
