"""The gradient at the inputs of a sampled softmax whose class vectors are fixed. numpy only."""

from __future__ import annotations

import numpy as np

from xclass.classifiers.frozen_vectors.signs import SignVectors
from xclass.classifiers.sampled_softmax.samplers import Sampler
from xclass.data.base import FloatArray, IntArray


def input_gradient(
    vectors: SignVectors,
    inputs_BD: FloatArray,
    classes_B: IntArray,
    *,
    sampler: Sampler,
    num_samples: int,
    generator: np.random.Generator,
) -> tuple[float, FloatArray]:
    """Loss per example, and the gradient of the summed loss at the inputs, shape (B, D).

    The true class and S sampled ones, shared by the batch; logits of samples are corrected by how often each
    was to be expected, and a sample that is the true class counts as none.

    Memory: ``4 S D + 5 B S + 8 B D`` bytes, and what :meth:`SignVectors.of` takes for S classes.

    Source: as :mod:`xclass.classifiers.sampled_softmax.loss`, whose class vectors are trained.
    """
    drawn_S = sampler.sample(num_samples, generator)
    drawn_SD, own_BD = vectors.of(drawn_S), vectors.of(classes_B)
    weights_BS: FloatArray = inputs_BD @ drawn_SD.T
    weights_BS -= (sampler.log_probability(drawn_S) + np.log(num_samples)).astype(np.float32)
    weights_BS[classes_B[:, None] == drawn_S] = -np.inf
    logits_B = np.einsum("bd,bd->b", inputs_BD, own_BD)
    highest_B = np.maximum(weights_BS.max(axis=1), logits_B)
    weights_BS -= highest_B[:, None]
    np.exp(weights_BS, out=weights_BS)
    own_B = np.exp(logits_B - highest_B)
    total_B = weights_BS.sum(axis=1) + own_B
    losses_B = np.log(total_B) - (logits_B - highest_B)
    weights_BS /= total_B[:, None]
    gradient_BD = weights_BS @ drawn_SD
    own_BD *= (own_B / total_B - 1)[:, None]
    gradient_BD += own_BD
    return float(losses_B.mean(dtype=np.float64)), gradient_BD
