"""Sampled softmax that touches only the rows of its true and sampled classes; a step's cost ignores C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.sampled_softmax.loss import rowwise_adagrad_, sampled_softmax_gradient
from xclass.classifiers.sampled_softmax.samplers import (
    FrequencySampler,
    LogUniformSampler,
    Sampler,
    UniformSampler,
)
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.table import allocate_class_vectors, no_class_vectors
from xclass.data.base import IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class SampledSoftmax:
    """The method ``sampled_softmax``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self,
        config: SampledSoftmaxConfig,
        *,
        shape: ProblemShape,
        encoder: Encoder,
        seed: int,
        weights: WeightsConfig | None = None,
    ) -> None:
        """Keep the settings."""
        self._weights = weights or WeightsConfig()
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._vectors = no_class_vectors(self._weights, shape.dim)
        self._state_C = torch.empty(0)
        self._sampler: Sampler = UniformSampler(shape.num_classes)

    def warm_up(self) -> None:
        """One step on a toy size loads the kernels and starts their threads."""
        weights, state = torch.ones(512, 64), torch.ones(512)
        sampler = LogUniformSampler(512)
        sampled_step(
            weights, state, torch.ones(64, 64), np.arange(64), sampler.sample(128, _generator(0)),
            sampler=sampler, learning_rate=0.1,
        )  # fmt: skip

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors, then step until the feed ends.

        Memory:
            4 C D + 4 C bytes and scratch that ignores C (see :meth:`SampledSoftmaxConfig.memory_law`).
        """
        config = self._config
        self._vectors = allocate_class_vectors(self._weights, self._shape)
        facts = self._vectors.start(config.init, feed=feed, seed=self._seed)
        self._state_C = torch.zeros(self._shape.num_classes)
        self._sampler = self._make_sampler(feed)
        generator = _generator(self._seed)
        examples_seen = steps = 0
        loss = float("nan")
        for features, classes in feed.steps():
            inputs_BD = torch.from_numpy(self._encoder.encode(features))
            losses_B, gradient_BD = sampled_step(
                self._vectors.tensor_CD, self._state_C, inputs_BD, classes,
                self._sampler.sample(config.num_samples, generator),
                sampler=self._sampler, learning_rate=config.learning_rate,
            )  # fmt: skip
            if self._encoder.is_trainable:
                self._encoder.apply_gradient(features, gradient_BD.numpy())
            examples_seen += len(classes)
            steps += 1
            loss = float(losses_B.mean())
        facts |= {"steps": steps, "last_sampled_loss": loss if steps else None}
        facts["sampler"] = config.sampler.value
        return FitReport(examples_seen=examples_seen, facts=facts)

    def save(self, folder: Path) -> None:
        """Write the class vectors."""
        self._vectors.save(folder)

    def held_bytes(self) -> dict[str, int]:
        """Class vectors, one float of state per row, and the sampler's table."""
        held = self._vectors.held_bytes() | {"row state": self._state_C.nbytes}
        if self._sampler.held_bytes():
            held["sampler table"] = self._sampler.held_bytes()
        return held

    def _make_sampler(self, feed: Feed) -> Sampler:
        num_classes = self._shape.num_classes
        if self._config.sampler is SamplerKind.uniform:
            return UniformSampler(num_classes)
        if self._config.sampler is SamplerKind.log_uniform:
            return LogUniformSampler(num_classes)
        return FrequencySampler(feed.class_counts(), self._config.frequency_power)


def sampled_step(
    weights_CD: torch.Tensor,
    state_C: torch.Tensor,
    inputs_BD: torch.Tensor,
    classes_B: IntArray,
    negatives_S: IntArray,
    *,
    sampler: Sampler,
    learning_rate: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of row-wise Adagrad on the summed sampled loss; only touched rows are read and written.

    Args:
        weights_CD: class vectors, updated in place.
        state_C: row state, updated in place.
        inputs_BD: shape (B, D), left untouched.
        classes_B: true classes, shape (B,); may repeat.
        negatives_S: sampled classes, shape (S,), with replacement.
        sampler: knows their probabilities.
        learning_rate: of row-wise Adagrad.

    Returns:
        losses_B and the gradient of the summed loss at the inputs, shape (B, D).
    """
    log_expected_count = sampler.log_probability(negatives_S) + np.log(len(negatives_S))
    touched, places = np.unique(np.concatenate((classes_B, negatives_S)), return_inverse=True)
    rows_U = torch.from_numpy(touched)
    places_T = torch.from_numpy(places)
    places_B, places_S = places_T[: len(classes_B)], places_T[len(classes_B) :]
    rows_UD = weights_CD[rows_U]
    result = sampled_softmax_gradient(
        inputs_BD,
        rows_UD[places_B],
        rows_UD[places_S],
        log_expected_count_S=torch.from_numpy(log_expected_count).to(weights_CD.dtype),
        is_hit_BS=places_B[:, None] == places_S[None, :],
    )
    gradient_UD = torch.zeros_like(rows_UD)
    gradient_UD.index_add_(0, places_B, result.positives_BD)
    gradient_UD.index_add_(0, places_S, result.negatives_SD)
    rowwise_adagrad_(weights_CD, state_C, rows_U, gradient_UD, learning_rate)
    return result.losses_B, result.inputs_BD


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed & 0xFFFFFFFFFFFFFFFF))
