"""How a softmax head starts, and the memory that starting takes. Standard library only."""

from __future__ import annotations

from enum import StrEnum

from xclass.classifiers.weights.config import HEAD_CLASSES, WeightDtype, WeightsConfig
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, ProblemShape, Regime


class Init(StrEnum):
    """Where the class vectors come from before the first gradient step."""

    means = "means"
    """Class means of the training data, scaled to log posteriors: minutes give sensible accuracy."""
    random = "random"
    """Independent normal values, as a layer is usually started."""


def starting_regime(shape: ProblemShape, init: Init, weights: WeightsConfig) -> Regime:
    """Bytes alive while the class vectors are started.

    The vectors; for means also ``4 C`` of counts, and beside a bfloat16 table the float32 sums of the most
    frequent classes, ``4 D min(C, 65536)``.
    """
    components = weights.memory_terms(shape)
    if init is Init.means:
        components["class counts"] = FLOAT32_BYTES * shape.num_classes
        if weights.dtype is WeightDtype.bfloat16:
            head = min(shape.num_classes, HEAD_CLASSES)
            components["float32 sums of frequent classes"] = FLOAT32_BYTES * head * shape.dim
    return Regime(name=f"init from {init.value}", components=components)


def saving_regime(shape: ProblemShape, weights: WeightsConfig) -> Regime:
    """Bytes alive while the class vectors are written: nothing beside them (no copy is made)."""
    return Regime(name="save", components=weights.memory_terms(shape))


def check_share(key: str, value: float, *, remedy: str) -> None:
    """Refuse a setting that is not from 0 to below 1.

    Raises:
        ConfigError: naming key, value and remedy.
    """
    if not 0.0 <= value < 1.0:
        raise ConfigError(key, value, allowed="0 to below 1", remedy=remedy)


def check_not_negative(key: str, value: float, *, remedy: str) -> None:
    """Refuse a setting that is negative or not finite.

    Raises:
        ConfigError: naming key, value and remedy.
    """
    if not 0.0 <= value < float("inf"):
        raise ConfigError(key, value, allowed="0 or a positive number", remedy=remedy)


def check_positive(key: str, value: float, *, remedy: str) -> None:
    """Refuse a setting that is not a positive finite number.

    Raises:
        ConfigError: naming key, value and remedy.
    """
    if not 0.0 < value < float("inf"):
        raise ConfigError(key, value, allowed="a positive number", remedy=remedy)
