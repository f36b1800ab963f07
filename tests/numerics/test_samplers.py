"""Samplers of negatives draw what they say they draw, also at many millions of classes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xclass.classifiers.nearest_neighbour.index_kind import parse_index_kind
from xclass.classifiers.sampled_softmax.alias import AliasTable
from xclass.classifiers.sampled_softmax.hard import HardNegatives
from xclass.classifiers.sampled_softmax.negatives import InBatchNegatives, MixedNegatives, RandomNegatives
from xclass.classifiers.sampled_softmax.samplers import FrequencySampler, LogUniformSampler, UniformSampler
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency

MILLIONS = (5_000_000, 2**24 + 1)
SMALLEST_P = 1e-4
"""Seeds are fixed, so a test below this fails for ever or never."""


def zipf_counts(num_classes):
    return np.ceil(num_classes / np.arange(1, num_classes + 1)).astype(np.int64)


def make(kind, num_classes):
    if kind == "uniform":
        return UniformSampler(num_classes)
    if kind == "log_uniform":
        return LogUniformSampler(num_classes)
    return FrequencySampler(zipf_counts(num_classes), 1.0)


@pytest.fixture(scope="module", params=MILLIONS)
def millions(request):
    """(number of classes, its Zipf counts), made once."""
    return request.param, zipf_counts(request.param)


KINDS = ["uniform", "log_uniform", "frequency"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_classes", [2, 3, 50])
def test_few_classes_are_drawn_with_the_stated_probabilities(kind, num_classes):
    sampler = make(kind, num_classes)
    drawn = sampler.sample(200_000, np.random.default_rng(1))
    assert drawn.dtype == np.int64
    expected = np.exp(sampler.log_probability(np.arange(num_classes)))
    expected *= len(drawn) / expected.sum()  # float32 in the table: 1 to seven digits
    assert stats.chisquare(np.bincount(drawn, minlength=num_classes), expected).pvalue > SMALLEST_P


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_classes", [1, 2, 1000, 5_000_000])
def test_probabilities_sum_to_one(kind, num_classes):
    total = np.exp(make(kind, num_classes).log_probability(np.arange(num_classes))).sum()
    assert total == pytest.approx(1.0, abs=1e-7)


def test_stated_probabilities_are_the_textbook_ones():
    classes = np.arange(1000)
    np.testing.assert_allclose(UniformSampler(1000).log_probability(classes), -np.log(1000))
    expected = np.log((np.log(classes + 2) - np.log(classes + 1)) / np.log(1001))
    np.testing.assert_allclose(LogUniformSampler(1000).log_probability(classes), expected, rtol=1e-9)
    counts = np.random.default_rng(0).integers(1, 100, 1000)
    expected = np.log(counts**0.75 / (counts**0.75).sum())
    np.testing.assert_allclose(FrequencySampler(counts, 0.75).log_probability(classes), expected, rtol=1e-7)


def test_log_uniform_keeps_its_digits_at_a_billion_classes():
    """The difference of two logarithms would be right to six digits only."""
    last = 10**9 - 1
    expected = -np.log(last + 1.5) - np.log(np.log(10**9 + 1))
    assert LogUniformSampler(10**9).log_probability(np.array([last]))[0] == pytest.approx(expected, abs=1e-12)


def binned(sampler, num_classes, *, draws):
    """Chi-square p of draws in bins of equal ratio of ranks: every part of the range, tail included."""
    edges = np.unique(np.geomspace(1, num_classes + 1, 60).astype(np.int64)) - 1
    drawn = sampler.sample(draws, np.random.default_rng(7))
    assert drawn.min() >= 0
    assert drawn.max() < num_classes
    observed = np.histogram(drawn, edges)[0]
    expected = np.array(
        [np.exp(sampler.log_probability(np.arange(start, stop))).sum() for start, stop in pairwise(edges)]
    )
    assert expected.sum() == pytest.approx(1.0, abs=1e-7)
    keep = expected * draws >= 5
    observed = np.append(observed[keep], observed[~keep].sum())
    expected = np.append(expected[keep], expected[~keep].sum()) * draws
    if expected[-1] < 5:
        observed[0], expected[0] = observed[0] + observed[-1], expected[0] + expected[-1]
        observed, expected = observed[:-1], expected[:-1]
    return stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("kind", ["uniform", "log_uniform"])
@pytest.mark.parametrize("num_classes", MILLIONS)
def test_millions_of_classes_are_drawn_as_stated_in_every_part(kind, num_classes):
    assert binned(make(kind, num_classes), num_classes, draws=400_000) > SMALLEST_P


def test_the_frequency_sampler_is_right_at_millions_of_classes_where_multinomial_fails(millions):
    """torch.multinomial refuses more than 2**24 classes and, in float32, never draws the tail of 5e6."""
    num_classes, counts = millions
    sampler = FrequencySampler(counts, 1.0)
    assert sampler.held_bytes() == 12 * num_classes
    assert binned(sampler, num_classes, draws=400_000) > SMALLEST_P

    draws = 200_000
    drawn = sampler.sample(draws, np.random.default_rng(11))
    tail = counts[num_classes // 2 :].sum() / counts.sum()
    assert tail > 0.04
    seen = int((drawn >= num_classes // 2).sum())
    assert abs(seen - draws * tail) < 5 * np.sqrt(draws * tail * (1 - tail))


@given(
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=40).filter(any),
    power=st.sampled_from([0.3, 0.75, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_classes_without_examples_are_never_drawn(counts, power, seed):
    counts = np.array(counts)
    sampler = FrequencySampler(counts, power)
    drawn = sampler.sample(500, np.random.default_rng(seed))
    assert (counts[drawn] > 0).all()
    assert np.isneginf(sampler.log_probability(np.flatnonzero(counts == 0))).all()


class Fixed:
    """A generator whose every uniform number is the given one."""

    def __init__(self, value):
        self._value = value

    def random(self, size):
        return np.full(size, self._value)

    def integers(self, low, high, size, dtype):
        return np.arange(low, low + size, dtype=dtype)


@pytest.mark.parametrize("value", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_of_the_unit_interval_give_classes_that_exist(value):
    generator = Fixed(value)
    expected = 0 if value == 0.0 else 10**9 - 1
    assert LogUniformSampler(10**9).sample(1, generator)[0] == expected
    counts = np.array([0, 0, 5, 1, 0, 7, 0])
    drawn = FrequencySampler(counts, 1.0).sample(7, generator)
    assert (counts[drawn] > 0).all()


def test_power_zero_is_uniform_and_power_one_is_the_frequency():
    counts = np.array([1, 10, 100])
    np.testing.assert_allclose(
        np.exp(FrequencySampler(counts, 0.0).log_probability(np.arange(3))), 1 / 3, rtol=1e-6
    )
    np.testing.assert_allclose(
        np.exp(FrequencySampler(counts, 1.0).log_probability(np.arange(3))), counts / 111, rtol=1e-6
    )


def test_counts_are_left_untouched_and_none_at_all_is_refused():
    counts = np.array([3, 1, 2])
    FrequencySampler(counts, 0.5)
    np.testing.assert_array_equal(counts, [3, 1, 2])
    with pytest.raises(ValueError, match="at least one class with examples"):
        FrequencySampler(np.zeros(4, dtype=np.int64), 0.75)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_draws(kind):
    sampler = make(kind, 1000)
    first, second = (sampler.sample(100, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != sampler.sample(100, np.random.default_rng(6))).any()


def law_of(table):
    """The probabilities that an alias table really gives, from its buckets."""
    own = np.minimum(table._threshold_C.astype(np.float64), 1.0)
    return (own + np.bincount(table._alias_C, 1.0 - own, minlength=len(own))) / len(own)


@given(
    weights=st.lists(st.just(0.0) | st.floats(1e-9, 1e12), min_size=1, max_size=60).filter(
        lambda values: sum(values) > 0
    )
)
@settings(deadline=None, max_examples=200)
def test_an_alias_table_gives_the_law_it_was_built_from(weights):
    weights = np.array(weights)
    table = AliasTable(weights.copy())
    np.testing.assert_allclose(law_of(table), weights / weights.sum(), atol=1e-7)
    np.testing.assert_allclose(table.probability_C, weights / weights.sum(), rtol=1e-6)
    assert (law_of(table)[weights == 0] == 0).all()


def test_an_alias_table_of_millions_gives_every_class_its_probability_to_six_digits(millions):
    _, counts = millions
    weights = counts.astype(np.float64) ** 0.75
    expected = weights / weights.sum()
    assert (np.abs(law_of(AliasTable(weights)) / expected - 1) < 2e-6).all()


def test_too_many_classes_for_an_alias_table_are_refused():
    class Long:
        def __len__(self):
            return 1 << 31

    with pytest.raises(ValueError, match="at most 2147483647"):
        AliasTable(Long())


def zipf_batches(num_classes, *, batch, steps, seed=0):
    law = LogUniformSampler(num_classes)
    generator = np.random.default_rng(seed)
    return law, (law.sample(batch, generator) for _ in range(steps))


@pytest.mark.parametrize("num_classes", MILLIONS)
def test_in_batch_negatives_are_expected_as_often_as_they_come_at_millions_of_classes(num_classes):
    """Frequent classes, each: one over the estimate against 1 - (1 - q)^B, by the spread of a mean of
    geometric gaps. Rare ones, together: seen in a batch, their expected counts must add to what is drawn."""
    batch, steps, rate = 512, 4000, 0.01
    law, batches = zipf_batches(num_classes, batch=batch, steps=steps)
    frequency = StreamingFrequency(num_classes, rate)
    negatives = InBatchNegatives(frequency)
    assert negatives.held_bytes() == {"streaming frequencies": 8 * num_classes}
    generator = np.random.default_rng(1)
    for classes in batches:
        drawn = negatives.draw(classes, np.empty((batch, 1)), generator)
        np.testing.assert_array_equal(drawn, np.unique(classes))
    head = np.arange(60)
    inclusion = -np.expm1(batch * np.log1p(-np.exp(law.log_probability(head))))
    gaps = np.exp(-frequency.log_inclusion(head))
    # Variance of a geometric gap, times rate / (2 - rate) of a moving average.
    deviation = np.sqrt((1 - inclusion) / inclusion**2 * rate / (2 - rate))
    is_rare = deviation > 0.02
    z = (gaps - 1 / inclusion)[is_rare] / deviation[is_rare]
    assert is_rare.sum() > 30
    assert stats.chi2.sf((z**2).sum(), len(z)) > SMALLEST_P


@pytest.mark.parametrize("num_classes", MILLIONS)
@pytest.mark.parametrize("kind", ["uniform", "frequency"])
def test_mixed_negatives_are_expected_as_often_as_they_come(kind, num_classes):
    """Chi-square over bins: the random part by its law, and every class of the batch once more."""
    random = RandomNegatives(make(kind, num_classes), 200_000)
    negatives = MixedNegatives(InBatchNegatives(StreamingFrequency(num_classes, 0.05)), random)
    classes = np.arange(0, 5000, 7)
    drawn = negatives.draw(classes, np.empty((len(classes), 1)), np.random.default_rng(2))
    edges = np.unique(np.geomspace(1, num_classes + 1, 40).astype(np.int64)) - 1
    expected = np.histogram(classes, edges)[0] + 0.0
    observed = np.histogram(drawn, edges)[0]
    by_law = np.array(
        [np.exp(random.log_expected_counts(np.arange(start, stop))).sum() for start, stop in pairwise(edges)]
    )
    keep = by_law >= 5
    pairs = (observed - expected)[keep], by_law[keep]
    assert stats.chi2.sf(((pairs[0] - pairs[1]) ** 2 / pairs[1]).sum(), keep.sum()) > SMALLEST_P
    # In the first batch a class of it is certain, so it is expected once more than at random.
    np.testing.assert_allclose(
        np.exp(negatives.log_expected_counts(classes)), 1 + np.exp(random.log_expected_counts(classes))
    )
    others = np.array([1, 2, num_classes - 1])
    np.testing.assert_allclose(negatives.log_expected_counts(others), random.log_expected_counts(others))


class Nearest:
    """An index of 16 million classes that answers at once."""

    def __init__(self, found):
        self._found = found

    def search(self, queries, k):
        shape = len(queries), k
        return np.zeros(shape, np.float32), np.broadcast_to(self._found, shape)


@pytest.mark.parametrize("num_classes", MILLIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_beside_hard_negatives_the_others_are_drawn_by_their_law(kind, num_classes):
    hard = np.array([0, 1, 2, 3, 50, 1000, 10**6, num_classes - 1])
    random = RandomNegatives(make(kind, num_classes), 200_000)
    negatives = HardNegatives(
        random, None, factory="Flat", kind=parse_index_kind("Flat"), num_hard=8, refresh_steps=10,
        num_probes=1, seed=0,
    )  # fmt: skip
    negatives._index, negatives._step = Nearest(hard), 1
    drawn = negatives.draw(np.array([5]), np.zeros((1, 2)), np.random.default_rng(3))
    np.testing.assert_array_equal(np.sort(drawn[np.isin(drawn, hard)]), hard)
    assert (negatives.log_expected_counts(hard) == 0).all()
    edges = np.unique(np.geomspace(1, num_classes + 1, 40).astype(np.int64)) - 1
    observed = np.histogram(drawn[~np.isin(drawn, hard)], edges)[0]
    expected = []
    for start, stop in pairwise(edges):
        inside = np.setdiff1d(np.arange(start, stop), hard, assume_unique=True)
        expected.append(np.exp(negatives.log_expected_counts(inside)).sum())
    keep = np.array(expected) >= 5
    observed, expected = observed[keep], np.array(expected)[keep]
    assert stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), keep.sum()) > SMALLEST_P
