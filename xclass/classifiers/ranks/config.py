"""Checkpoints of softmax heads in training: the section ``checkpoint`` of a run. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from xclass.errors import ConfigError


@dataclass(kw_only=True, slots=True)
class CheckpointConfig:
    """When a head in training is saved so that a run that is killed goes on, with any number of ranks."""

    minutes: float | None = None
    """Between two checkpoints of dense_softmax and sampled_softmax, of the budget, 0 or more; null: none."""
    folder: str | None = None
    """Where they lie; null: in the run's folder. A new run given those of another goes on from them."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        if self.minutes is not None and not 0.0 <= self.minutes < 60 * 24 * 365:
            raise ConfigError(
                "checkpoint.minutes",
                self.minutes,
                allowed="0 or more, or null",
                remedy="10 costs a run that is killed ten minutes; null writes none",
            )
        if self.folder is not None and self.minutes is None:
            raise ConfigError(
                "checkpoint.folder",
                self.folder,
                allowed="null with checkpoint.minutes=null",
                remedy="add checkpoint.minutes=10",
            )
