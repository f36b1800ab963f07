"""How sure a method may be of its first answer: a confidence made from its scores, and how far that holds.

Scores have a scale of the method's own, and a softmax over the few best is no probability. So a confidence
is fitted on one half of the queries, as the chance that the first answer is right given its score and its
lead over the second, and everything that is said of it is counted on the other half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray
from xclass.evaluate.bootstrap import Bootstrap, percentiles
from xclass.evaluate.intervals import wilson
from xclass.evaluate.places import Float64Array
from xclass.records.metric import IntervalKind, Metric, MetricName, untold

LEAST_QUERIES = 200
"""Of fewer, half fits no confidence and half judges none."""
_NUM_BINS = 15
_RIDGE = 1e-2
"""Pulls the slopes to 0: without it a half that is told apart without error has no finite fit."""
_NUM_STEPS = 50

BoolArray = npt.NDArray[np.bool_]

_NAMES = (MetricName.CALIBRATION_ERROR, MetricName.COVERAGE, MetricName.COVERED_ACCURACY)
_HALF = "fitted on the other half of the queries"


def confidence_metrics(
    scores_QK: FloatArray, is_right_Q: BoolArray, *, threshold: float, seed: int
) -> list[Metric]:
    """Calibration error, and what is answered with at least a threshold of confidence.

    Args:
        scores_QK: shape (Q, K); best first.
        is_right_Q: whether the first answer is right.
        threshold: confidence, 0.5 to 1.
        seed: of the bootstrap.

    Memory: about 100 bytes per query.
    """
    if len(is_right_Q) < LEAST_QUERIES:
        reason = f"fewer than {LEAST_QUERIES} queries: too few to fit a confidence and to judge it"
        return [untold(name, reason) for name in _NAMES]
    features_QF = score_features(scores_QK)
    if not np.isfinite(features_QF).all():
        return [untold(name, "some scores are not finite: nothing can be fitted to them") for name in _NAMES]
    confidence_Q = fit_logistic(features_QF[::2], is_right_Q[::2]).confidence(features_QF[1::2])
    is_right_Q = is_right_Q[1::2]
    return [
        calibration_error(confidence_Q, is_right_Q, seed=seed),
        *_covered(confidence_Q, is_right_Q, threshold),
    ]


def score_features(scores_QK: FloatArray) -> Float64Array:
    """What a confidence is made from: the first score, and its lead over the second where there is one."""
    first_Q = scores_QK[:, 0].astype(np.float64)
    if scores_QK.shape[1] == 1:
        return first_Q[:, None]
    return np.stack([first_Q, first_Q - scores_QK[:, 1]], axis=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic:
    """Chance of being right as a logistic function of standardised features."""

    mean_F: Float64Array
    spread_F: Float64Array
    weights_F: Float64Array
    bias: float

    def confidence(self, features_QF: Float64Array) -> Float64Array:
        """Between 0 and 1, shape (Q,)."""
        return _sigmoid((features_QF - self.mean_F) / self.spread_F @ self.weights_F + self.bias)


def fit_logistic(features_QF: Float64Array, is_right_Q: BoolArray) -> Logistic:
    """Ridge logistic regression by Newton's method.

    Our own dozen lines, because the import of scikit-learn's takes a second in every child that serves; the
    tests hold them to its result.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999: targets are (n+ + 1) / (n+ + 2)
    and 1 / (n- + 2) instead of 1 and 0, so that a half without errors gives no certainty.
    """
    mean_F, spread_F = features_QF.mean(axis=0), features_QF.std(axis=0)
    spread_F = np.where(spread_F > 0, spread_F, 1.0)
    design_QF = np.column_stack([(features_QF - mean_F) / spread_F, np.ones(len(features_QF))])
    num_right = int(is_right_Q.sum())
    num_wrong = len(is_right_Q) - num_right
    target_Q = np.where(is_right_Q, (num_right + 1) / (num_right + 2), 1 / (num_wrong + 2))
    ridge_F = np.append(np.full(features_QF.shape[1], _RIDGE), 0.0)
    weights_F = np.zeros(design_QF.shape[1])
    weights_F[-1] = np.log((num_right + 1) / (num_wrong + 1))
    for _ in range(_NUM_STEPS):
        chance_Q = _sigmoid(design_QF @ weights_F)
        gradient_F = design_QF.T @ (chance_Q - target_Q) + ridge_F * weights_F
        curvature_Q = np.maximum(chance_Q * (1 - chance_Q), 1e-10)
        curvature_FF = (design_QF * curvature_Q[:, None]).T @ design_QF + np.diag(ridge_F)
        step_F = np.linalg.solve(curvature_FF, gradient_F)
        # A far step from where the curve is flat overshoots; so short a one never does.
        weights_F -= step_F * min(1.0, 5.0 / max(float(np.abs(step_F).max()), 1e-12))
        if np.abs(step_F).max() < 1e-8:
            break
    return Logistic(mean_F=mean_F, spread_F=spread_F, weights_F=weights_F[:-1], bias=float(weights_F[-1]))


def calibration_error(confidence_Q: Float64Array, is_right_Q: BoolArray, *, seed: int) -> Metric:
    """Expected calibration error in 15 bins of equal width.

    Drawing queries again adds to an absolute value what noise adds, once more than the queries themselves
    did: the interval is turned round at the value, which takes that off.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, section 2 (ECE); Efron and
    Tibshirani, "An introduction to the bootstrap", 1993, section 10.6 (bias).
    """
    num_queries = len(is_right_Q)
    bins_Q = np.minimum((confidence_Q * _NUM_BINS).astype(np.int64), _NUM_BINS - 1)
    bootstrap = Bootstrap(num_queries, seed)
    gap_Q = confidence_Q - is_right_Q
    columns = [bootstrap.group(np.where(bins_Q == at, gap_Q, 0.0)) for at in range(_NUM_BINS)]
    columns_UM = np.stack([*columns, bootstrap.group(np.ones(num_queries))], axis=1)
    value = float(np.abs(columns_UM[:, :-1].sum(axis=0)).sum() / num_queries)
    sums = bootstrap.draw(columns_UM)
    low, high = percentiles(np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])
    low, high, kind = 2 * value - high, 2 * value - low, IntervalKind.BOOTSTRAP
    num_right = int(is_right_Q.sum())
    if num_right in (0, num_queries):
        ends = [abs(float(confidence_Q.mean()) - share) for share in wilson(num_right, num_queries)]
        low, high, kind = 0.0, max(ends), IntervalKind.WILSON
    return Metric(
        name=MetricName.CALIBRATION_ERROR,
        k=None,
        value=value,
        low=min(value, max(0.0, low)),
        high=min(1.0, max(value, high)),
        num_queries=num_queries,
        interval=kind,
        note=f"confidence {_HALF}; {_NUM_BINS} bins of equal width",
    )


def _covered(confidence_Q: Float64Array, is_right_Q: BoolArray, threshold: float) -> list[Metric]:
    """Share of queries at or above the threshold, and how many of these are right."""
    is_covered_Q = confidence_Q >= threshold
    num_covered = int(is_covered_Q.sum())
    words = f"a confidence of at least {threshold * 100:g} %, {_HALF}"
    coverage = _share(MetricName.COVERAGE, num_covered, len(confidence_Q), f"first answers with {words}")
    if not num_covered:
        return [coverage, untold(MetricName.COVERED_ACCURACY, f"no first answer with {words}")]
    num_right = int(is_right_Q[is_covered_Q].sum())
    return [coverage, _share(MetricName.COVERED_ACCURACY, num_right, num_covered, f"of answers with {words}")]


def _share(name: MetricName, successes: int, total: int, note: str) -> Metric:
    low, high = wilson(successes, total)
    return Metric(
        name=name, k=None, value=successes / total, low=low, high=high, num_queries=total,
        interval=IntervalKind.WILSON, note=note,
    )  # fmt: skip


def _sigmoid(x: Float64Array) -> Float64Array:
    # One that cannot overflow; at 40 the exponential is below a double's resolution of 1.
    sigmoid: Float64Array = 1.0 / (1.0 + np.exp(-np.clip(x, -40.0, 40.0)))
    return sigmoid
