"""Sampled softmax that touches only the rows of its true and sampled classes; a step's cost ignores C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.device import Device
from xclass.classifiers.gpu import GpuMeter
from xclass.classifiers.kernels.load import kernel_facts, load_sampled_kernels
from xclass.classifiers.kernels.sampled import RowState
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.ranks.checkpoints import problem_of
from xclass.classifiers.ranks.keeper import Checkpoints, Keeper, open_keeper
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ownership, Ranks, own_classes, rank_facts
from xclass.classifiers.sampled_softmax.config import HARD_INDEX_KEY, SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.sampled_softmax.hard import HardNegatives
from xclass.classifiers.sampled_softmax.memory import max_sampled
from xclass.classifiers.sampled_softmax.negatives import (
    InBatchNegatives,
    MixedNegatives,
    Negatives,
    RandomNegatives,
)
from xclass.classifiers.sampled_softmax.samplers import FrequencySampler, LogUniformSampler, UniformSampler
from xclass.classifiers.sampled_softmax.state import SampledState
from xclass.classifiers.sampled_softmax.step import SampledStep, StepSettings
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency
from xclass.classifiers.stepping import take_steps
from xclass.classifiers.weights.config import Rounding, WeightsConfig
from xclass.classifiers.weights.table import TORCH_DTYPE, allocate_class_vectors, no_class_vectors
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.errors import ConfigError
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
        device: Device = Device.cpu,
        ranks: Ranks = SINGLE_RANK,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """Keep the settings.

        Raises:
            ConfigError: the index of hard negatives cannot be built over this many classes or dimensions.
        """
        indexed = largest_slice(shape.num_classes, ranks.size)
        misfit = config.hard_kind.misfit(indexed, shape.dim) if config.num_hard else None
        if misfit:
            raise ConfigError(HARD_INDEX_KEY, config.hard_index, allowed=misfit, remedy="Flat takes any size")
        self._weights = weights or WeightsConfig()
        self._ranks = ranks
        self._checkpoints = checkpoints
        self._device = device
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._vectors = no_class_vectors(self._weights, shape.dim)
        self._state_C = torch.empty(0)
        self._negatives: Negatives | None = None
        self._frequency: StreamingFrequency | None = None

    def warm_up(self) -> None:
        """One step on a toy size loads the kernels, the products and faiss where it will be needed."""
        if self._config.num_hard:
            from xclass.classifiers.faiss_engine import warm_up_faiss

            warm_up_faiss(self._shape.threads)
        device = self._device.value
        state = RowState(
            weights_CD=torch.ones(512, 64, dtype=TORCH_DTYPE[self._weights.dtype], device=device),
            state_C=torch.ones(512, device=device),
        )
        with single_threaded_products():
            step = self._make_step(state, None, batch_size=64, num_sampled=128)
            step(
                torch.ones(64, 64, device=device),
                np.arange(64),
                RandomNegatives(LogUniformSampler(512), 128),
                _generator(0),
                StepSettings(learning_rate=0.1),
            )
            step.close()

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors of this rank, then step until the feed ends.

        Memory:
            class vectors, 4 bytes for each, the sampler's table and scratch that ignores C (see
            :func:`xclass.classifiers.sampled_softmax.memory.training_law`).
        """
        config, ranks, encoder, device = self._config, self._ranks, self._encoder, self._device
        keeper = open_keeper(self._checkpoints, encoder=encoder, feed=feed, ranks=ranks, device=device)
        classes = own_classes(ranks, self._shape.num_classes)
        # Its table is built before there are class vectors beside it.
        negatives = self._make_negatives(feed, classes)
        self._vectors = allocate_class_vectors(self._weights, self._shape, classes)
        facts: dict[str, Any] = {}
        if keeper is None or keeper.found is None:
            facts = self._vectors.start(config.init, feed=feed, seed=self._seed, ranks=ranks)
        self._vectors.expect_scattered_rows()
        meter = GpuMeter(self._device)
        self._vectors.move_to(self._device)
        self._state_C = torch.zeros(len(classes), device=self._device.value)
        self._negatives = self._add_hard(negatives)
        state = RowState(
            weights_CD=self._vectors.tensor_CD,
            state_C=self._state_C,
            lost_KD=self._vectors.lost_KD,
            is_stochastic=self._weights.rounding is Rounding.stochastic,
        )
        with single_threaded_products():
            step = self._make_step(
                state,
                self._vectors.ownership(ranks),
                batch_size=self._shape.batch_size,
                num_sampled=max_sampled(config, self._shape),
            )
            try:
                report = self._train(step, self._negatives, feed, keeper)
            finally:
                step.close()
        report.facts = facts | report.facts | {"product_library": step.product_library}
        report.facts |= rank_facts(ranks, classes)
        report.facts |= kernel_facts(load_sampled_kernels(self._device.value))
        report.facts |= meter.facts(config.gpu_bytes(self._shape, weights=self._weights, device=self._device))
        self._vectors.bring_back()
        return report

    def save(self, folder: Path) -> None:
        """Write the class vectors."""
        self._vectors.save(folder, self._ranks)

    def held_bytes(self) -> dict[str, int]:
        """Class vectors, one float of state per row, and what the negatives come from."""
        held = self._vectors.held_bytes() | {"row state": self._state_C.nbytes}
        return held if self._negatives is None else held | self._negatives.held_bytes()

    def _make_step(
        self, state: RowState, ownership: Ownership | None, *, batch_size: int, num_sampled: int
    ) -> SampledStep:
        return SampledStep(
            state,
            kernels=load_sampled_kernels(self._device.value)[0],
            batch_size=batch_size,
            num_sampled=num_sampled,
            threads=self._shape.threads if self._device is Device.cpu else 1,
            ownership=ownership,
        )

    def _train(self, step: SampledStep, negatives: Negatives, feed: Feed, keeper: Keeper | None) -> FitReport:
        config = self._config
        generator = _generator(self._seed)

        def take(inputs: FloatArray, classes: IntArray, rate: float) -> tuple[float, FloatArray | None]:
            settings = StepSettings(
                learning_rate=rate,
                weight_decay=config.weight_decay,
                needs_input_gradient=self._encoder.is_trainable,
            )
            inputs_BD = torch.from_numpy(inputs).to(self._device.value)
            losses_B, gradient_BD = step(inputs_BD, classes, negatives, generator, settings)
            return float(losses_B.mean()), None if gradient_BD is None else gradient_BD.cpu().numpy()

        head = SampledState(
            self._vectors,
            self._state_C,
            generator=generator,
            frequency=self._frequency,
            problem=problem_of(config.name, self._shape, self._weights, self._seed)
            | {"sampler": config.sampler.value},
        )
        # Never "loss" or "last_loss": it underestimates the loss, and is comparable to no other method's.
        report = take_steps(
            feed, self._encoder, config, take, loss_name="last_sampled_loss", ranks=self._ranks,
            keeper=keeper, head=head,
        )  # fmt: skip
        report.facts |= {"sampler": config.sampler.value, "num_hard": config.num_hard}
        return report

    def _make_negatives(self, feed: Feed, classes: range) -> Negatives:
        config, num_classes = self._config, self._shape.num_classes
        kind = config.sampler
        in_batch = None
        if kind.has_batch:
            self._frequency = StreamingFrequency(
                len(classes), config.streaming_rate, first_class=classes.start
            )
            in_batch = InBatchNegatives(self._frequency)
            if kind is SamplerKind.in_batch:
                return in_batch
        if kind.has_table:
            random = RandomNegatives(
                FrequencySampler(feed.class_counts(), config.frequency_power), config.num_samples
            )
        elif kind is SamplerKind.log_uniform:
            random = RandomNegatives(LogUniformSampler(num_classes), config.num_samples)
        else:
            random = RandomNegatives(UniformSampler(num_classes), config.num_samples)
        return random if in_batch is None else MixedNegatives(in_batch, random)

    def _add_hard(self, others: Negatives) -> Negatives:
        config = self._config
        if not config.num_hard:
            return others
        return HardNegatives(
            others,
            self._vectors.tensor_CD,
            factory=config.hard_index,
            kind=config.hard_kind,
            num_hard=config.num_hard,
            refresh_steps=config.hard_refresh_steps,
            num_probes=config.hard_num_probes,
            seed=self._seed,
            ownership=self._vectors.ownership(self._ranks),
        )


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed & 0xFFFFFFFFFFFFFFFF))
