"""How features grow with examples: counted in a sample of classes that no order of the rows can bend."""

import numpy as np
import pytest

from xclass.data.feature_growth import GrowthSample, growth_over_classes, ngram_hashes


def sampled(pairs):
    sample = GrowthSample()
    for start in range(0, len(pairs), 100):
        part = pairs[start : start + 100]
        for place in sample.wanted(np.array([class_ for class_, _ in part])).tolist():
            class_, features = part[place]
            sample.add(class_, np.array(features, np.int32))
    return sample


@pytest.mark.parametrize(("num_new", "exponent"), [(0, 0.0), (10, 1.0)])
def test_examples_that_share_everything_or_nothing(num_new, exponent):
    pairs = [(class_, range(at * num_new, at * num_new + 10)) for at in range(20) for class_ in range(5)]
    assert sampled(pairs).exponent() == pytest.approx(exponent, abs=1e-3)


def test_what_was_promised_is_what_all_classes_have_whatever_their_order():
    rng = np.random.default_rng(0)
    pairs = [
        (class_, rng.integers(0, 40 + class_ % 400, 10).tolist()) for class_ in range(2000) for _ in range(30)
    ]
    distinct = len({(class_, feature) for class_, features in pairs for feature in features})
    for order in (np.arange(len(pairs)), rng.permutation(len(pairs)), np.arange(len(pairs))[::-1]):
        sample = sampled([pairs[place] for place in order])
        assert 2000 * 10 * 30 ** sample.exponent() == pytest.approx(distinct, rel=0.08)
        assert 64 <= len(sample._distinct) <= 256


def test_the_sample_is_bounded_by_its_features():
    sample = sampled(
        [(class_, range(at * 1000, at * 1000 + 1000)) for at in range(10) for class_ in range(200)]
    )
    assert sum(map(len, sample._distinct.values())) <= (1 << 16) + 1000


def test_one_example_a_class_says_nothing():
    assert sampled([(class_, [1, 2]) for class_ in range(300)]).exponent() == 0.5


def test_unequal_classes_have_fewer_features_than_their_mean_says():
    counts = np.array([1, 1, 1, 97] * 50_000)
    exponent = growth_over_classes(0.5, len(counts), lambda start, stop: counts[start:stop])
    assert 25**exponent == pytest.approx(np.sqrt(counts).mean())
    assert growth_over_classes(0.6, 9, lambda start, stop: np.full(stop - start, 7)) == pytest.approx(0.6)


def test_ngrams_have_both_boundaries():
    assert len(list(ngram_hashes("ab"))) == 3 + 2 + 1
