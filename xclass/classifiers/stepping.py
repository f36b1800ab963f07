"""The loop of a method that takes gradient steps and hands each gradient on to its encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.ranks.inputs import encode_together
from xclass.classifiers.ranks.keeper import Keeper, Progress, Resumable
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ranks
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
    feed: Feed,
    encoder: Encoder,
    settings: StepSettings,
    step: Step,
    *,
    loss_name: str = "last_loss",
    ranks: Ranks = SINGLE_RANK,
    keeper: Keeper | None = None,
    head: Resumable | None = None,
) -> FitReport:
    """Step until the feed ends.

    Args:
        feed: gives batches and knows how much of the budget is spent.
        encoder: of the inputs; trained where it can be and ``step`` gives a gradient.
        settings: learning rate and how it falls.
        step: one step, in place.
        loss_name: of the fact that holds the last loss; null before the first step.
        ranks: that take the same steps, each on its own classes; their feeds share one clock.
        keeper: of checkpoints; None: none are written.
        head: what they are of.
    """
    done = keeper.go_on(head) if keeper and head else Progress()
    loss: float | None = None
    for features, classes in feed.steps():
        factor = rate_factor(settings.schedule, feed.share_spent(), settings.warm_up_share)
        inputs = encode_together(encoder, features, len(classes), ranks)
        loss, gradient_BD = step(inputs, classes, settings.learning_rate * factor)
        if gradient_BD is not None:
            encoder.apply_gradient(features, gradient_BD)
        done.examples += len(classes)
        done.steps += 1
        if keeper and head:
            keeper.after_step(head, done)
    facts = {"steps": done.steps, loss_name: loss}
    facts |= keeper.facts() if keeper else {}
    return FitReport(examples_seen=done.examples, facts=facts)
