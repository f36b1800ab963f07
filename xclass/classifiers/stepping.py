"""The loop of a method that takes gradient steps and hands each gradient on to its encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.schedule import Schedule, rate_factor
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded, Encoder

Step = Callable[[Encoded, IntArray, float], tuple[float, FloatArray | None]]
"""Encoded examples, their classes and the learning rate -> loss per example before the step, and the gradient
at the inputs, shape (B, D), float32; None where the encoder is not trained."""


class StepSettings(Protocol):
    """What the settings of such a method have."""

    learning_rate: float
    schedule: Schedule
    warm_up_share: float


def take_steps(
    feed: Feed, encoder: Encoder, settings: StepSettings, step: Step, *, loss_name: str = "last_loss"
) -> FitReport:
    """Step until the feed ends.

    Args:
        feed: gives batches and knows how much of the budget is spent.
        encoder: of the inputs; trained where it can be and ``step`` gives a gradient.
        settings: learning rate and how it falls.
        step: one step, in place.
        loss_name: of the fact that holds the last loss; null before the first step.
    """
    examples_seen = steps = 0
    loss = float("nan")
    for features, classes in feed.steps():
        factor = rate_factor(settings.schedule, feed.share_spent(), settings.warm_up_share)
        loss, gradient_BD = step(encoder.encode(features), classes, settings.learning_rate * factor)
        if gradient_BD is not None:
            encoder.apply_gradient(features, gradient_BD)
        examples_seen += len(classes)
        steps += 1
    facts = {"steps": steps, loss_name: loss if steps else None}
    return FitReport(examples_seen=examples_seen, facts=facts)
