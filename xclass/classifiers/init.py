"""How a softmax head starts, and the memory that starting takes. Standard library only."""

from __future__ import annotations

from enum import StrEnum

from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, ProblemShape, Regime


class Init(StrEnum):
    """Where the class vectors come from before the first gradient step."""

    means = "means"
    """Class means of the training data, scaled to log posteriors: minutes give sensible accuracy."""
    random = "random"
    """Independent normal values, as a layer is usually started."""


def starting_regime(shape: ProblemShape, init: Init) -> Regime:
    """Bytes alive while the class vectors are started: the vectors, and for means 4 C bytes of counts."""
    components = {"class vectors": shape.class_vectors_bytes}
    if init is Init.means:
        components["class counts"] = FLOAT32_BYTES * shape.num_classes
    return Regime(name=f"init from {init.value}", components=components)


def saving_regime(shape: ProblemShape) -> Regime:
    """Bytes alive while the class vectors are written: nothing beside them (no copy is made)."""
    return Regime(name="save", components={"class vectors": shape.class_vectors_bytes})


def check_positive(key: str, value: float, *, remedy: str) -> None:
    """Refuse a setting that is not a positive finite number.

    Raises:
        ConfigError: naming key, value and remedy.
    """
    if not 0.0 < value < float("inf"):
        raise ConfigError(key, value, allowed="a positive number", remedy=remedy)
