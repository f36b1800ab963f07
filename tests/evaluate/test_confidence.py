"""A confidence made from scores: the fit against scikit-learn's, and what is said of it."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from xclass.evaluate.confidence import calibration_error, confidence_metrics, fit_logistic, score_features
from xclass.records.metric import MetricName


def scored(num_queries, seed=0, scale=1.0):
    """Scores whose lead tells how likely the first answer is right, and whether it was."""
    rng = np.random.default_rng(seed)
    lead_Q = rng.exponential(1.0, num_queries)
    is_right_Q = rng.random(num_queries) < 1 / (1 + np.exp(1.0 - 2.5 * lead_Q))
    first_Q = 5 + rng.standard_normal(num_queries)
    return (scale * np.stack([first_Q, first_Q - lead_Q], axis=1)).astype(np.float32), is_right_Q


def by_name(metrics):
    return {one.name: one for one in metrics}


def test_the_fit_is_that_of_scikit_learn():
    scores_QK, is_right_Q = scored(800)
    features = score_features(scores_QK)
    fitted = fit_logistic(features, is_right_Q)
    plus, minus = is_right_Q.sum(), (~is_right_Q).sum()
    target = np.where(is_right_Q, (plus + 1) / (plus + 2), 1 / (minus + 2))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    # A target between 0 and 1 is an example of each outcome with that weight.
    theirs = LogisticRegression(C=1 / 1e-2, tol=1e-9, max_iter=1000).fit(
        np.concatenate([standard, standard]), np.repeat([1, 0], 800),
        sample_weight=np.concatenate([target, 1 - target]),
    )  # fmt: skip
    np.testing.assert_allclose(fitted.weights_F, theirs.coef_[0], rtol=1e-4)
    assert fitted.bias == pytest.approx(theirs.intercept_[0], rel=1e-4)


def test_the_calibration_error_is_that_of_scikit_learns_bins():
    rng = np.random.default_rng(2)
    confidence_Q = rng.random(3000)
    is_right_Q = rng.random(3000) < confidence_Q**2
    share, mean = calibration_curve(is_right_Q, confidence_Q, n_bins=15, strategy="uniform")
    sizes, _ = np.histogram(confidence_Q, bins=15, range=(0, 1))
    expected = np.abs(share - mean) @ sizes[sizes > 0] / 3000
    found = calibration_error(confidence_Q, is_right_Q, seed=0)
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value <= found.high
    assert found.low > 0.1, "so far off is no chance"


@pytest.mark.parametrize("scale", [1.0, -3.0, 1e6], ids=["as it is", "falling", "large"])
def test_confidence_does_not_depend_on_the_scale_of_the_scores(scale):
    plain, scaled = (
        by_name(confidence_metrics(*scored(2000, scale=one), threshold=0.9, seed=0)) for one in (1.0, scale)
    )
    for name in (MetricName.COVERAGE, MetricName.COVERED_ACCURACY):
        assert scaled[name].value == pytest.approx(plain[name].value, abs=0.01)


def test_what_is_covered_is_as_often_right_as_was_asked():
    found = by_name(confidence_metrics(*scored(20_000), threshold=0.9, seed=0))
    covered = found[MetricName.COVERED_ACCURACY]
    assert covered.value > 0.9
    assert found[MetricName.CALIBRATION_ERROR].value < 0.03
    assert found[MetricName.COVERAGE].num_queries == 10_000, "judged on the half that nothing was fitted on"
    assert covered.num_queries == round(found[MetricName.COVERAGE].value * 10_000)


def test_scores_that_say_nothing_cover_nothing():
    rng = np.random.default_rng(5)
    scores_QK, is_right_Q = rng.random((1000, 3)).astype(np.float32), rng.random(1000) < 0.5
    found = by_name(confidence_metrics(scores_QK, is_right_Q, threshold=0.9, seed=0))
    assert found[MetricName.COVERAGE].value == 0.0
    assert found[MetricName.COVERED_ACCURACY].value is None
    assert "no first answer" in found[MetricName.COVERED_ACCURACY].note


@pytest.mark.parametrize("right", [True, False])
def test_a_method_that_is_always_or_never_right_is_no_error(right):
    scores_QK, _ = scored(600)
    found = by_name(confidence_metrics(scores_QK[:, :1], np.full(600, right), threshold=0.9, seed=0))
    assert found[MetricName.COVERAGE].value == float(right)
    error = found[MetricName.CALIBRATION_ERROR]
    assert error.value < 0.02
    assert error.high - error.low > 0.005, "300 queries without an error are no certainty"


@pytest.mark.parametrize("spoiled", ["few", "nan"])
def test_where_nothing_can_be_fitted_the_reason_is_said(spoiled):
    scores_QK, is_right_Q = scored(100 if spoiled == "few" else 400)
    if spoiled == "nan":
        scores_QK[7, 1] = np.nan
    found = confidence_metrics(scores_QK, is_right_Q, threshold=0.9, seed=0)
    assert [one.value for one in found] == [None] * 3
    assert all(("fewer than 200" if spoiled == "few" else "not finite") in one.note for one in found)
