"""What a dense linear model of the same problem would need: where people start from before they measure.

One weight per class and feature, in float32, trained with Adam, over examples that are dense rows.
Closed forms only, and generous to it: no base, no logits, no batches, no temporary of the optimiser.
"""

from __future__ import annotations

from dataclasses import dataclass

from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES
from xclass.sizing.choice import Choice, choose
from xclass.sizing.hardware import Hardware
from xclass.units import format_count, format_decimal_bytes

DEFAULT_FEATURES = 25_000
"""Columns of a client's one-hot and tf-idf matrix.

Source: the case that this project began with: 25 000 features, 5 million classes, a matrix of 500 GB.
"""
TRAINING_COPIES = 4
"""Weights, gradient, and the two moments of Adam, each of the size of the weights.

Source: Kingma and Ba, arXiv 1412.6980, algorithm 1. It is what ``torch.optim.Adam(fused=True)`` peaks
at; torch's default takes two temporaries more, 24 bytes per weight instead of 16
(tests/run/test_memory_laws.py measures it).
"""
_MAX_FEATURES = 10**12


@dataclass(frozen=True, kw_only=True, slots=True)
class Naive:
    """The dense linear model, in bytes and servers."""

    num_classes: int
    num_features: int
    num_examples: int | None
    """None where the number of training examples is not known."""
    serving: Choice
    """For the weights alone."""
    training: Choice
    """For weights, gradient and moments; examples come from elsewhere, as if they took no memory."""

    @property
    def weights_bytes(self) -> int:
        """``4 C F``: what serving holds."""
        return self.serving.needed_bytes

    @property
    def training_bytes(self) -> int:
        """``16 C F``."""
        return self.training.needed_bytes

    @property
    def data_bytes(self) -> int | None:
        """``4 N F``: the examples as one dense matrix; None where their number is not known."""
        return None if self.num_examples is None else FLOAT32_BYTES * self.num_examples * self.num_features

    @property
    def lines(self) -> list[str]:
        """Each figure with how it is made, in one line of text."""
        product = f"{format_count(self.num_classes)} classes x {format_count(self.num_features)} features"
        lines = [
            f"serving: {product} x 4 bytes = {format_decimal_bytes(self.weights_bytes)}: "
            f"{self.serving.words}",
            f"training (weights, gradient, two moments of Adam): {product} x 16 bytes = "
            f"{format_decimal_bytes(self.training_bytes)}: {self.training.words}",
        ]
        if self.num_examples is not None:
            rows = f"{format_count(self.num_examples)} x {format_count(self.num_features)} features"
            lines.append(
                f"examples as a dense matrix: {rows} x 4 bytes = {format_decimal_bytes(self.data_bytes)}"
            )
        return lines


def naive(
    num_classes: int,
    hardware: Hardware,
    *,
    num_features: int = DEFAULT_FEATURES,
    num_examples: int | None = None,
) -> Naive:
    """The dense linear model of a problem.

    Args:
        num_classes: C.
        hardware: to choose its servers from.
        num_features: F, columns of its input; ``features=`` on the command line.
        num_examples: N, rows of its training data; None where not known.

    Raises:
        ConfigError: a number of features that no model has.
    """
    if not 1 <= num_features <= _MAX_FEATURES:
        raise ConfigError(
            "features", num_features, allowed="1 to 1e12", remedy=f"{DEFAULT_FEATURES} is the default"
        )
    weights_bytes = FLOAT32_BYTES * num_classes * num_features
    return Naive(
        num_classes=num_classes,
        num_features=num_features,
        num_examples=num_examples,
        serving=choose(hardware, weights_bytes),
        training=choose(hardware, TRAINING_COPIES * weights_bytes),
    )
