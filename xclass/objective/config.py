"""The section ``objective`` of a run's configuration. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xclass.errors import ConfigError
from xclass.records.metric import MetricName
from xclass.units import parse_bytes

ACCURACY = "accuracy"
_ACCURACIES = (ACCURACY, f"{ACCURACY}_at_1", f"{ACCURACY}_at_5")
_NAMES = [str(name) for name in MetricName if name is not MetricName.CALIBRATION_ERROR]
"""Metrics of which more is better."""
_METRIC = re.compile(r"(?P<name>[a-z_]+?)(_at_[1-9]\d{0,2})?")
_SIZES = "2GB or 500MB (thousands), 2GiB or 512MiB (1024s), or null"


@dataclass(kw_only=True, slots=True)
class ObjectiveConfig:
    """What a sweep that searches (hydra/sweeper=optuna) makes as large as it can."""

    metric: str = ACCURACY
    """accuracy, accuracy_at_5, ndcg_at_5, macro_recall_at_1, coverage or another metric of serving."""
    serving_ram: str | None = None
    """Most that the serve phase may have at its peak, e.g. 2GB; null: no limit."""
    method: str | None = None
    """Of which method; null: of the best that keeps to the limit."""

    def __post_init__(self) -> None:
        """Refuse what nothing measures.

        Raises:
            ConfigError: naming key, value, what is allowed and the remedy.
        """
        found = _METRIC.fullmatch(self.metric)
        if self.metric not in _ACCURACIES and (found is None or found["name"] not in _NAMES):
            raise ConfigError(
                "objective.metric",
                self.metric,
                allowed=f"{', '.join((*_ACCURACIES, *_NAMES))}; of the first k answers with _at_5 or so",
                remedy=f"{ACCURACY} is the default",
            )
        if self.serving_ram is not None:
            try:
                parse_bytes(self.serving_ram)
            except ValueError as error:
                raise ConfigError(
                    "objective.serving_ram", self.serving_ram, allowed=_SIZES, remedy=f"it is {error}"
                ) from None

    @property
    def serving_ram_bytes(self) -> int | None:
        """The limit; None: there is none."""
        return None if self.serving_ram is None else parse_bytes(self.serving_ram)
