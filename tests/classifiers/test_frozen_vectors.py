"""Class vectors come from the id alone, a step follows the gradient, and answers are exact."""

import numpy as np
import pytest

from xclass.classifiers.frozen_vectors.signs import SignVectors
from xclass.classifiers.frozen_vectors.step import input_gradient
from xclass.classifiers.sampled_softmax.samplers import UniformSampler


@pytest.mark.parametrize("dim", [4, 64, 100])
def test_a_class_vector_depends_on_the_class_and_the_seed_only(dim):
    vectors = SignVectors(dim=dim, seed=3)
    classes = np.array([7, 0, 10**9, 7])
    found = vectors.of(classes)
    assert found.dtype == np.float32
    assert set(np.unique(found)) == {-1.0, 1.0}
    np.testing.assert_array_equal(found[0], found[3])
    np.testing.assert_array_equal(found[2], vectors.of(classes[2:3])[0])
    scratch = np.empty((4, dim), np.float32)
    assert vectors.of(classes, out=scratch) is scratch
    np.testing.assert_array_equal(scratch, found)
    assert (SignVectors(dim=dim, seed=4).of(np.arange(100)) != vectors.of(np.arange(100))).any()


def test_class_vectors_are_as_far_apart_as_random_ones():
    vectors = SignVectors(dim=128, seed=0).of(np.arange(600))
    cosines = (vectors @ vectors.T / 128)[np.triu_indices(600, 1)]
    assert abs(float(cosines.mean())) < 0.002
    assert float(cosines.std()) == pytest.approx(128**-0.5, rel=0.02)
    assert abs(float(vectors.mean(axis=0).std()) - 600**-0.5) < 0.006, (
        "each dimension splits the classes evenly"
    )


class AllOnce:
    """Every class once, and expected once: the sampled loss is then the loss over all classes."""

    def sample(self, num_samples, generator):
        return np.arange(num_samples)

    def log_probability(self, classes):
        return np.full(classes.shape, -np.log(len(classes)))

    def held_bytes(self):
        return 0


def gradient(inputs, classes, sampler, num_samples, seed=0):
    return input_gradient(
        SignVectors(dim=inputs.shape[1], seed=1), inputs, classes, sampler=sampler, num_samples=num_samples,
        generator=np.random.default_rng(seed),
    )  # fmt: skip


def exact(inputs, classes, num_classes):
    vectors = SignVectors(dim=inputs.shape[1], seed=1).of(np.arange(num_classes)).astype(np.float64)
    logits = inputs.astype(np.float64) @ vectors.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    own = shares[np.arange(len(classes)), classes]
    return -np.log(own).mean(), shares @ vectors - vectors[classes]


def test_with_every_class_sampled_once_the_gradient_is_that_of_the_softmax():
    generator = np.random.default_rng(0)
    inputs, classes = generator.normal(size=(12, 20)).astype(np.float32), generator.integers(0, 50, 12)
    loss, found = gradient(inputs, classes, AllOnce(), 50)
    expected_loss, expected = exact(inputs, classes, 50)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_with_few_samples_the_gradient_points_where_that_of_the_softmax_does():
    generator = np.random.default_rng(0)
    inputs, classes = generator.normal(size=(8, 20)).astype(np.float32) / 4, generator.integers(0, 50, 8)
    _, expected = exact(inputs, classes, 50)
    draws = [gradient(inputs, classes, UniformSampler(50), 40, seed)[1] for seed in range(60)]
    mean = np.mean(draws, axis=0)
    assert np.linalg.norm(mean - expected) < 0.1 * np.linalg.norm(expected)
