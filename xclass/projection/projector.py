"""The one door to projections: measured points in, any size of any variant out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xclass.config import RunConfig
from xclass.projection.result import HeldOut, ProjectedPhase


class Projector:
    """Fits of all variants of some runs."""

    def __init__(self, runs: Sequence[Path]) -> None:
        """Read the records below the folders; of runs and sweeps.

        Raises:
            RecordError: no readable record below one of them.
        """
        raise NotImplementedError(runs)

    @property
    def configs(self) -> dict[str, tuple[RunConfig, str]]:
        """Variant -> (config of its largest measured run, method), in the order of the records."""
        raise NotImplementedError

    def project(
        self, config: RunConfig, method: str, *, is_far_allowed: bool = False
    ) -> list[ProjectedPhase]:
        """Fit, load and serve of one method at the size of ``config``; measured there or not.

        Raises:
            ConfigError: beyond REFUSED_BEYOND and not ``is_far_allowed``; names the largest measured size.
        """
        raise NotImplementedError(config, method, is_far_allowed)

    def held_out(self) -> list[HeldOut]:
        """Every rolling-origin hold-out of every variant, phase and quantity."""
        raise NotImplementedError
