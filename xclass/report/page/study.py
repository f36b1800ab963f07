"""What a page says beyond its records: how the measured sizes go on, and which servers hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.projector import Projector
from xclass.projection.result import REFUSED_BEYOND, HeldOut, ProjectedPhase
from xclass.records.record import Phase
from xclass.sizing.hardware import Hardware
from xclass.sizing.naive import DEFAULT_FEATURES

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
    """Keys of :class:`RunConfig` -> value: the size that was asked about, e.g. ``{"classes": 50_000_000}``.
    Empty: ten times the largest measured number of classes, as far as nothing is marked."""
    is_far_allowed: bool = False
    within_points: float | None = None
    """How far the accuracy of what is advised may lie below the best; None: as the run was told."""
    num_features: int = DEFAULT_FEATURES
    """Of the dense linear model that stands beside ours."""

    @cached_property
    def configs(self) -> dict[str, tuple[RunConfig, str]]:
        """Variant -> (configuration of its largest measured run, method)."""
        return self.projector.configs

    @cached_property
    def measured(self) -> dict[str, list[ProjectedPhase]]:
        """Variant -> its phases at its largest measured size."""
        return {
            variant: self.projector.project(config, method)
            for variant, (config, method) in self.configs.items()
        }

    @cached_property
    def asked(self) -> dict[str, list[ProjectedPhase] | str]:
        """Variant -> its phases at the size that was asked about; in words why not, where that is refused."""
        changes = self.changes or {
            "classes": 10 * max(_classes(config) for config, _ in self.configs.values())
        }
        found: dict[str, list[ProjectedPhase] | str] = {}
        for variant, (config, method) in self.configs.items():
            try:
                wanted = replace(config, **changes)  # type: ignore[arg-type]
                found[variant] = self.projector.project(wanted, method, is_far_allowed=self.is_far_allowed)
            except ConfigError as error:
                found[variant] = str(error)
        return found

    @cached_property
    def curves(self) -> dict[str, list[list[ProjectedPhase]]]:
        """Variant -> its phases over the number of classes, from the least measured one on."""
        return {variant: list(self._curve(variant)) for variant in self.configs}

    def _curve(self, variant: str) -> Iterator[list[ProjectedPhase]]:
        config, method = self.configs[variant]
        points = [point for point in self.projector.points if point.variant == variant]
        measured = {point.shape.num_classes for point in points if point.shape.dim == config.dim}
        for classes in _sizes(measured):
            try:
                yield self.projector.project(replace(config, classes=classes), method)
            except ConfigError:
                # Beyond what may be projected, or more classes than the data can have.
                return

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


def _sizes(measured: Collection[int]) -> list[int]:
    """The measured sizes, and 1, 2, 5 times powers of ten from the least of them on, as far as it may go."""
    most = int(max(measured) * REFUSED_BEYOND)
    rounded = {step * 10**power for power in range(len(str(most))) for step in _STEPS}
    return sorted({*measured, *(size for size in rounded if min(measured) < size < most), most})
