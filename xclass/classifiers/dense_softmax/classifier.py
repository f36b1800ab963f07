"""Exact softmax over C classes without ever holding B x C logits, a gradient or optimiser state.

Pass 1 runs over blocks of classes and keeps, per example, a running maximum and sum of exponentials (online
softmax); pass 2 computes each block's logits again, turns them into probabilities, adds to the gradient of
the inputs with the *old* class vectors, and updates the block in place. Four matrix products instead of the
three of the plain way; in exchange nothing of size B C or a second C D exists.

Source: online softmax: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018; update inside
the backward pass over chunks of classes: Renee (MLSys 2023) and ELMO (ICML 2025), there for one-vs-all BCE,
which needs no normaliser across classes.
"""

from __future__ import annotations

from pathlib import Path

import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.exponential import exp_
from xclass.classifiers.softmax_weights import save_weights, start_weights
from xclass.classifiers.weights.config import WeightsConfig
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


def streamed_log_sum_exp(
    weights_CD: torch.Tensor, inputs_BD: torch.Tensor, block: torch.Tensor
) -> torch.Tensor:
    """Log sum_c exp(x . w_c) for each example, one block of classes at a time.

    Args:
        weights_CD: class vectors, any floating dtype.
        inputs_BD: shape (B, D), same dtype.
        block: scratch, shape (P, B) with 1 <= P, same dtype; overwritten.

    Returns:
        Shape (B,).
    """
    num_classes, block_classes = len(weights_CD), len(block)
    maximum_B = inputs_BD.new_full((len(inputs_BD),), -torch.inf)
    total_B = torch.zeros_like(maximum_B)
    for start in range(0, num_classes, block_classes):
        rows = weights_CD[start : start + block_classes]
        logits_PB = torch.mm(rows, inputs_BD.t(), out=block[: len(rows)])
        new_maximum_B = torch.maximum(maximum_B, logits_PB.amax(dim=0))
        total_B *= torch.exp(maximum_B - new_maximum_B)
        total_B += exp_(logits_PB.sub_(new_maximum_B)).sum(dim=0)
        maximum_B = new_maximum_B
    return maximum_B + total_B.log_()


def streamed_step(
    weights_CD: torch.Tensor,
    inputs_BD: torch.Tensor,
    classes_B: torch.Tensor,
    *,
    learning_rate: float,
    block: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of plain SGD on the summed cross-entropy, class vectors updated in place.

    Args:
        weights_CD: class vectors, updated in place.
        inputs_BD: shape (B, D), same dtype, left untouched.
        classes_B: shape (B,), int64; classes may repeat.
        learning_rate: multiplies the gradient of the sum over the batch.
        block: scratch, shape (P, B), same dtype; overwritten.

    Returns:
        losses_B: shape (B,), cross-entropy of each example before the step;
        input_gradient_BD: shape (B, D), of the summed loss, at the old class vectors.

    Memory:
        O(B D) beside ``block``.
    """
    target_logits_B = torch.einsum("bd,bd->b", inputs_BD, weights_CD[classes_B])
    log_sum_exp_B = streamed_log_sum_exp(weights_CD, inputs_BD, block)
    input_gradient_BD = torch.zeros_like(inputs_BD)
    order_B = torch.argsort(classes_B)
    ordered_B = classes_B[order_B]
    num_classes, block_classes = len(weights_CD), len(block)
    bounds = torch.arange(0, num_classes + block_classes, block_classes)
    cuts = torch.searchsorted(ordered_B, bounds).tolist()
    for index, start in enumerate(range(0, num_classes, block_classes)):
        rows = weights_CD[start : start + block_classes]
        errors_PB = torch.mm(rows, inputs_BD.t(), out=block[: len(rows)])
        exp_(errors_PB.sub_(log_sum_exp_B))
        mine_B = order_B[cuts[index] : cuts[index + 1]]
        errors_PB[classes_B[mine_B] - start, mine_B] -= 1.0
        input_gradient_BD.addmm_(errors_PB.t(), rows)
        rows.addmm_(errors_PB, inputs_BD, alpha=-learning_rate)
    return log_sum_exp_B - target_logits_B, input_gradient_BD


class DenseSoftmax:
    """The method ``dense_softmax``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self,
        config: DenseSoftmaxConfig,
        *,
        shape: ProblemShape,
        encoder: Encoder,
        seed: int,
        weights: WeightsConfig | None = None,
    ) -> None:
        """Keep the settings."""
        self._weights_config = weights or WeightsConfig()
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._weights_CD = torch.empty(0, shape.dim)

    def warm_up(self) -> None:
        """One step on a toy size loads the BLAS kernels and starts their threads."""
        weights, inputs = torch.ones(512, 64), torch.ones(64, 64)
        streamed_step(
            weights, inputs, torch.arange(64), learning_rate=0.1, block=torch.empty(256, len(inputs))
        )

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors, then step until the feed ends.

        Memory:
            4 C D bytes and one block of logits (see :meth:`DenseSoftmaxConfig.memory_law`).
        """
        self._weights_CD, facts = start_weights(
            self._config.init, shape=self._shape, feed=feed, seed=self._seed
        )
        block_classes = self._config.block_classes(self._shape)
        buffer = torch.empty(block_classes * self._shape.batch_size)
        examples_seen = steps = 0
        loss = float("nan")
        for features, classes in feed.steps():
            inputs_BD = torch.from_numpy(self._encoder.encode(features))
            losses_B, gradient_BD = streamed_step(
                self._weights_CD,
                inputs_BD,
                torch.from_numpy(classes),
                learning_rate=self._config.learning_rate,
                block=buffer[: block_classes * len(classes)].view(block_classes, len(classes)),
            )
            if self._encoder.is_trainable:
                self._encoder.apply_gradient(features, gradient_BD.numpy())
            examples_seen += len(classes)
            steps += 1
            loss = float(losses_B.mean())
        facts |= {"steps": steps, "last_loss": loss if steps else None, "block_classes": block_classes}
        return FitReport(examples_seen=examples_seen, facts=facts)

    def save(self, folder: Path) -> None:
        """Write the class vectors."""
        save_weights(folder, self._weights_CD)

    def held_bytes(self) -> dict[str, int]:
        """The class vectors."""
        return {"class vectors": self._weights_CD.nbytes}
