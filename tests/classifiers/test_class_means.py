"""Class means against a brute-force group-by, and what is read off their spread."""

import numpy as np
import pytest

from xclass.classifiers.class_means import Spread, accumulate_means, scale_rows


def batches_of(vectors, classes, size):
    for start in range(0, len(classes), size):
        yield vectors[start : start + size], classes[start : start + size]


def group_means(vectors, classes, num_classes):
    means = np.zeros((num_classes, vectors.shape[1]))
    for wanted in np.unique(classes):
        means[wanted] = vectors[classes == wanted].astype(np.float64).mean(axis=0)
    return means


@pytest.mark.parametrize("batch_size", [1, 7, 100, 5000])
def test_means_and_counts_equal_a_group_by(batch_size):
    generator = np.random.default_rng(0)
    classes = np.minimum(generator.zipf(1.5, 3000), 60) - 1
    classes[classes == 17] = 3
    vectors = generator.normal(2.0, 1.0, (3000, 5)).astype(np.float32)
    before = vectors.copy()
    sums = np.zeros((70, 5), dtype=np.float32)
    counts, spread = accumulate_means(sums, batches_of(vectors, classes, batch_size))
    np.testing.assert_array_equal(counts, np.bincount(classes, minlength=70))
    np.testing.assert_allclose(sums, group_means(vectors, classes, 70), rtol=1e-4, atol=1e-5)
    assert not sums[17].any()
    assert not sums[60:].any()
    assert spread.num_examples == 3000
    assert spread.num_seen_classes == len(np.unique(classes))
    np.testing.assert_array_equal(vectors, before)


def test_more_classes_than_one_block_are_all_divided():
    num_classes = (1 << 15) + 3
    classes = np.repeat(np.arange(num_classes), 2)
    vectors = (
        np.repeat(np.arange(num_classes, dtype=np.float32)[:, None], 2, axis=0) + [[1.0], [3.0]] * num_classes
    )
    sums = np.zeros((num_classes, 1), dtype=np.float32)
    accumulate_means(sums, batches_of(vectors.astype(np.float32), classes, 4096))
    np.testing.assert_allclose(sums[:, 0], np.arange(num_classes) + 2.0)


def test_means_of_a_given_length_have_the_same_directions_and_spread():
    generator = np.random.default_rng(0)
    classes, vectors = generator.integers(0, 50, 900), generator.normal(size=(900, 6)).astype(np.float32)
    free, scaled = (np.zeros((60, 6), dtype=np.float32) for _ in range(2))
    _, expected = accumulate_means(free, batches_of(vectors, classes, 100))
    _, spread = accumulate_means(scaled, batches_of(vectors, classes, 100), length=2.0)
    scale_rows(free, 2.0)
    np.testing.assert_allclose(scaled, free, rtol=1e-6)
    assert spread == expected
    assert not scaled[50:].any()


@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("examples_per_class", [2, 8])
def test_the_spread_recovers_the_known_noise_and_length(sigma, examples_per_class):
    generator = np.random.default_rng(1)
    num_classes, dim, length = 4000, 16, 3.0
    means = generator.normal(size=(num_classes, dim))
    means *= length / np.linalg.norm(means, axis=1, keepdims=True)
    classes = generator.permutation(np.repeat(np.arange(num_classes), examples_per_class))
    vectors = (means[classes] + sigma * generator.normal(size=(len(classes), dim))).astype(np.float32)
    sums = np.zeros((num_classes, dim), dtype=np.float32)
    _, spread = accumulate_means(sums, batches_of(vectors, classes, 1000))
    freedom = dim * num_classes * (examples_per_class - 1)
    assert spread.within_variance == pytest.approx(sigma**2, rel=5 * (2 / freedom) ** 0.5)
    assert spread.mean_length == pytest.approx(length, rel=0.02)
    assert spread.softmax_scale == pytest.approx(length / sigma**2, rel=0.03)


def test_with_one_example_per_class_the_scale_is_that_of_a_confident_softmax_not_infinite():
    vectors = np.random.default_rng(2).normal(size=(500, 8)).astype(np.float32)
    vectors *= 2.0 / np.linalg.norm(vectors, axis=1, keepdims=True)
    sums = np.zeros((600, 8), dtype=np.float32)
    _, spread = accumulate_means(sums, batches_of(vectors, np.arange(500), 64))
    assert spread.within_variance == 0.0
    assert spread.mean_length == pytest.approx(2.0, rel=1e-6)
    # The logit of an example at its own class, |mean| x scale, against C - 1 logits of zero.
    logit = spread.mean_length * spread.softmax_scale
    assert np.exp(logit) / (np.exp(logit) + 499) == pytest.approx(0.9, rel=1e-6)


def test_no_examples_at_all_leave_zeros():
    sums = np.zeros((5, 3), dtype=np.float32)
    counts, spread = accumulate_means(sums, iter(()))
    assert not sums.any()
    assert not counts.any()
    assert np.isfinite(spread.softmax_scale)


def test_inner_products_at_the_softmax_scale_are_log_posteriors():
    """The scale is checked by what it is for: calibrated probabilities on data that obeys the model."""
    generator = np.random.default_rng(3)
    num_classes, dim, sigma, length = 30, 8, 0.6, 1.0
    means = generator.normal(size=(num_classes, dim))
    means *= length / np.linalg.norm(means, axis=1, keepdims=True)
    truth = generator.integers(0, num_classes, 20_000)
    examples = means[truth] + sigma * generator.normal(size=(20_000, dim))
    spread = Spread(num_examples=100, num_seen_classes=30, within_variance=sigma**2, mean_length=length)
    logits = examples @ means.T * spread.softmax_scale
    posteriors = np.exp(logits - logits.max(axis=1, keepdims=True))
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    is_right = posteriors.argmax(axis=1) == truth
    assert abs(is_right.mean() - posteriors.max(axis=1).mean()) < 4 * is_right.std() / 20_000**0.5


@pytest.mark.parametrize("num_classes", [5, (1 << 15) + 1])
def test_rows_get_the_asked_length_and_empty_ones_stay_empty(num_classes):
    vectors = np.random.default_rng(4).normal(size=(num_classes, 6)).astype(np.float32)
    vectors[3] = 0.0
    directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scale_rows(vectors, 2.5)
    np.testing.assert_allclose(vectors, 2.5 * directions, rtol=1e-5, atol=1e-6)
    assert not vectors[3].any()
