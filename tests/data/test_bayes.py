"""The stated accuracy of the best possible classifier against that classifier itself, by Monte Carlo."""

import numpy as np
import pytest

from xclass.data.synthetic.bayes import bayes_accuracy, make_geometry, num_groups, solve_noise
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.frequencies import class_probabilities
from xclass.data.synthetic.source import SyntheticSource
from xclass.errors import ConfigError

CONFIGS = [
    # zipf_exponent, group_share, dim, bayes_accuracy
    pytest.param(1.0, 0.5, 64, 0.95, id="the defaults"),
    pytest.param(0.0, 0.5, 16, 0.80, id="even classes, 16 dimensions"),
    pytest.param(1.0, 0.0, 16, 0.60, id="no groups, 16 dimensions"),
    pytest.param(0.0, 0.0, 64, 0.30, id="neither, and much noise"),
    pytest.param(0.0, 0.7, 5, 0.50, id="close groups, 5 dimensions"),
    pytest.param(2.0, 0.5, 64, 0.70, id="steep frequencies"),
]


def map_accuracy(config, num_classes, dim, sigma, *, num_queries, seed=0):
    """Accuracy of the rule argmax x.mu + sigma^2 log p, over all classes, without the formula."""
    source = SyntheticSource(config, num_classes=num_classes, dim=dim, seed=seed, sigma=sigma)
    queries = source.queries(num_queries, seed)
    best = np.full(num_queries, -np.inf, dtype=np.float32)
    found = np.zeros(num_queries, dtype=np.int64)
    for start in range(0, num_classes, 2500):
        classes = np.arange(start, min(start + 2500, num_classes))
        prior = class_probabilities(
            classes.astype(np.float64), num_classes, config.zipf_exponent, config.uniform_share
        )
        scores = queries.inputs @ source.class_vectors(classes).T
        scores += (sigma**2 * np.log(prior)).astype(np.float32)
        top = scores.argmax(axis=1)
        values = scores[np.arange(num_queries), top]
        found = np.where(values > best, classes[top], found)
        best = np.maximum(values, best)
    return float((found == queries.classes_B).mean())


def assert_formula_is_right(
    zipf_exponent, group_share, dim, accuracy, *, num_classes, num_queries, draws=1, group_size=100
):
    config = SyntheticConfig(
        zipf_exponent=zipf_exponent,
        group_share=group_share,
        bayes_accuracy=accuracy,
        classes_per_group=group_size,
    )
    sigma, stated = solve_noise(config, num_classes, dim)
    assert stated == pytest.approx(accuracy, abs=1e-3)
    measured = np.mean(
        [
            map_accuracy(config, num_classes, dim, sigma, num_queries=num_queries, seed=at)
            for at in range(draws)
        ]
    )
    error = (stated * (1 - stated) / (num_queries * draws)) ** 0.5
    assert abs(measured - stated) < 3.5 * error + 0.002, f"{measured:.4f} against {stated:.4f}"


@pytest.mark.parametrize(("zipf_exponent", "group_share", "dim", "accuracy"), CONFIGS)
def test_the_formula_is_the_accuracy_of_the_best_rule_at_ten_thousand_classes(
    zipf_exponent, group_share, dim, accuracy
):
    assert_formula_is_right(zipf_exponent, group_share, dim, accuracy, num_classes=10_000, num_queries=2000)


@pytest.mark.slow
@pytest.mark.parametrize(("zipf_exponent", "group_share", "dim", "accuracy"), CONFIGS[:3])
def test_the_formula_is_the_accuracy_of_the_best_rule_at_a_hundred_thousand_classes(
    zipf_exponent, group_share, dim, accuracy
):
    assert_formula_is_right(zipf_exponent, group_share, dim, accuracy, num_classes=100_000, num_queries=3000)


@pytest.mark.parametrize("num_classes", [2, 3, 30])
def test_few_classes_are_no_rivals_of_themselves(num_classes):
    """Averaged over many draws of the class vectors, since few classes are no average by themselves."""
    assert_formula_is_right(1.0, 0.5, 16, 0.8, num_classes=num_classes, num_queries=200, draws=60)


def test_rivals_of_one_group_differ_in_one_dimension_less():
    """All classes in one group of few dimensions, where that dimension tells."""
    assert_formula_is_right(0.0, 0.5, 4, 0.5, num_classes=500, num_queries=500, draws=16, group_size=500)


def test_the_best_rule_is_what_is_measured():
    """The Monte Carlo must tell a wrong sigma: half and double the noise are far off."""
    config = SyntheticConfig(bayes_accuracy=0.8)
    sigma, stated = solve_noise(config, 2000, 16)
    for factor, sign in ((0.8, 1), (1.25, -1)):
        measured = map_accuracy(config, 2000, 16, sigma * factor, num_queries=1000)
        assert sign * (measured - stated) > 0.05


def test_more_noise_is_never_better():
    geometry = make_geometry(SyntheticConfig(), 100_000, 64)
    accuracies = [bayes_accuracy(geometry, sigma) for sigma in np.geomspace(0.02, 2.0, 15)]
    assert accuracies[0] > 0.999
    assert accuracies[-1] < 0.05
    assert (np.diff(accuracies) <= 1e-9).all()


@pytest.mark.parametrize(("accuracy", "num_classes"), [(0.05, 5_000_000), (0.999, 1000)])
def test_the_asked_accuracy_is_met(accuracy, num_classes):
    _, stated = solve_noise(SyntheticConfig(bayes_accuracy=accuracy), num_classes, 64)
    assert stated == pytest.approx(accuracy, abs=1e-3)


def test_equal_settings_give_equal_bits():
    first, second = (solve_noise(SyntheticConfig(), 300, 16) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("accuracy", "num_classes", "dim"), [(0.3, 2, 64), (0.999, 10**9, 4)], ids=["too low", "too high"]
)
def test_an_accuracy_that_no_noise_gives_is_refused(accuracy, num_classes, dim):
    """Two classes are guessed right half the time; a billion in four dimensions lie too close."""
    with pytest.raises(ConfigError, match=rf"^data\.bayes_accuracy={accuracy}: allowed is ") as caught:
        solve_noise(SyntheticConfig(bayes_accuracy=accuracy), num_classes, dim)
    assert caught.value.key == "data.bayes_accuracy"


def test_groups_hold_about_the_stated_number_of_classes():
    assert num_groups(SyntheticConfig(classes_per_group=100), 10_050) == 100
    assert num_groups(SyntheticConfig(classes_per_group=100), 50) == 1
    assert num_groups(SyntheticConfig(classes_per_group=1), 50) == 50


@pytest.mark.parametrize("num_classes", [2, 7, 100, 5_000_000])
def test_the_bins_hold_every_class_once_and_every_point_a_bin(num_classes):
    geometry = make_geometry(SyntheticConfig(), num_classes, 16)
    assert geometry.bin_count.sum() == num_classes
    assert geometry.bin_count.min() >= 1
    assert geometry.own_bin.min() >= 0
    assert geometry.own_bin.max() < len(geometry.bin_count)
