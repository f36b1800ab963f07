"""Hashes can be counted back, a step follows the gradient, and a search finds exactly the best classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.classifiers.mach.hashing import BucketHashes
from xclass.classifiers.mach.search import best_classes
from xclass.classifiers.mach.step import heads_step, softmax


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 3000), st.integers(2, 100), st.integers(0, 99))
def test_the_members_of_all_buckets_are_all_classes_each_in_its_own(num_classes, num_buckets, seed):
    hashes = BucketHashes(num_classes=num_classes, num_heads=2, num_buckets=num_buckets, seed=seed)
    for head in range(2):
        buckets = hashes.buckets(head, np.arange(num_classes))
        for bucket in {0, int(buckets[-1]), num_buckets - 1}:
            members = hashes.members(head, np.array([bucket]))
            np.testing.assert_array_equal(np.sort(members), np.flatnonzero(buckets == bucket))


def test_the_largest_number_of_classes_does_not_overflow():
    hashes = BucketHashes(num_classes=(1 << 31) - 1, num_heads=3, num_buckets=1 << 20, seed=0)
    classes = np.array([0, 1, (1 << 31) - 2])
    for head in range(3):
        buckets = hashes.buckets(head, classes)
        assert ((buckets >= 0) & (buckets < 1 << 20)).all()
        assert all(c in hashes.members(head, buckets[i : i + 1]) for i, c in enumerate(classes))


def test_two_classes_share_a_bucket_about_as_often_as_by_chance():
    hashes = BucketHashes(num_classes=5000, num_heads=400, num_buckets=50, seed=1)
    buckets = hashes.all_buckets(np.array([3, 4, 1999]))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        share = float((buckets[:, first] == buckets[:, second]).mean())
        assert share < 0.02 + 4 * (0.02 * 0.98 / 400) ** 0.5


@pytest.mark.parametrize("scale", [0.0, 0.3, 12.0], ids="scale {}".format)
@pytest.mark.parametrize("k", [1, 5, 700])
def test_a_search_finds_exactly_what_scoring_all_classes_does(scale, k):
    """Also where all buckets are about equal, so that nothing can be left out, and where all are."""
    hashes = BucketHashes(num_classes=700, num_heads=4, num_buckets=64, seed=2)
    logits = scale * np.random.default_rng(0).normal(size=(20, 4, 64))
    for shares in softmax(logits.astype(np.float32)):
        scores = np.zeros(700, np.float32)
        for head in range(4):
            scores += shares[head][hashes.buckets(head, np.arange(700))]
        expected = np.lexsort((np.arange(700), -scores))[:k]
        classes, found = best_classes(shares, hashes, k)
        np.testing.assert_array_equal(classes, expected)
        np.testing.assert_array_equal(found, scores[expected])


def test_a_step_follows_the_gradient():
    """Against central differences of the loss in float64; Adagrad's first step has a known length."""
    generator = np.random.default_rng(5)
    weights = generator.normal(size=(3, 6, 4)).astype(np.float32)
    inputs = generator.normal(size=(10, 4)).astype(np.float32)
    buckets = generator.integers(0, 6, (3, 10))

    def loss(weights, inputs):
        logits = np.einsum("rmd,bd->rbm", weights.astype(np.float64), inputs.astype(np.float64))
        own = np.take_along_axis(logits, buckets[:, :, None], axis=2)[:, :, 0]
        return float((np.log(np.exp(logits).sum(axis=2)) - own).sum())

    def slope(array, of):
        result = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            higher, lower = array.astype(np.float64), array.astype(np.float64)
            higher[at] += 1e-5
            lower[at] -= 1e-5
            result[at] = (of(higher) - of(lower)) / 2e-5
        return result

    after, state = weights.copy(), np.zeros((3, 6), np.float32)
    stated, gradient = heads_step(after, state, inputs, buckets, learning_rate=0.5, needs_input_gradient=True)
    assert stated * 10 == pytest.approx(loss(weights, inputs), rel=1e-5)
    np.testing.assert_allclose(gradient, slope(inputs, lambda one: loss(weights, one)), rtol=1e-3, atol=1e-3)
    expected = slope(weights, lambda one: loss(one, inputs))
    lengths = np.sqrt((expected**2).mean(axis=2, keepdims=True))
    np.testing.assert_allclose((weights - after) * lengths / 0.5, expected, rtol=1e-3, atol=1e-3)
