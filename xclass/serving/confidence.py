"""The chance that a method's first answer is right, fitted on the answers of the run that made the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xclass.classifiers.base import Answers
from xclass.errors import DataError, ModelError
from xclass.evaluate.confidence import LEAST_QUERIES, Logistic, fit_logistic, score_features
from xclass.evaluate.places import Float64Array, find_places
from xclass.evaluate.saved_answers import SavedAnswers


class Confidence:
    """A logistic function of the first score and its lead over the second.

    Fitted on every second query, as :func:`xclass.evaluate.confidence.confidence_metrics` does: the
    calibration error in the run's record is that of this very function on the other half.
    """

    def __init__(self, fit: Logistic, *, num_queries: int, num_answers: int) -> None:
        """Keep the fit.

        Args:
            fit: of the chance.
            num_queries: that it was fitted on.
            num_answers: K that it was fitted with: with one answer there is no lead.
        """
        self._fit = fit
        self.num_queries = num_queries
        self._num_answers = num_answers

    @property
    def least_k(self) -> int:
        """Answers that must be asked for, so that the function has what it was fitted on."""
        return min(2, self._num_answers)

    def of_first(self, answers: Answers) -> Float64Array:
        """Chance that each query's first answer is right, shape (Q,); nan where its scores are not finite."""
        features_QF = score_features(answers.scores_QK[:, : self.least_k])
        is_finite_QF = np.isfinite(features_QF)
        chance_Q: Float64Array = self._fit.confidence(np.where(is_finite_QF, features_QF, 0.0))
        chance_Q[~is_finite_QF.all(axis=1)] = np.nan
        return chance_Q


def fit_confidence(folder: Path) -> Confidence | str:
    """From ``answers/<method>.npz`` of the run that a model lies in.

    Args:
        folder: ``RUN/models/METHOD``.

    Returns:
        The function, or in words why there is none.
    """
    path = folder.parent.parent / "answers" / f"{folder.name}.npz"
    if folder.parent.name != "models" or not path.is_file():
        return "no answers of the run that made this model lie beside it, on which a chance could be fitted"
    try:
        saved = SavedAnswers.load(path)
        is_right_Q = np.asarray(find_places(saved.classes_QK[:, :1], saved.truth).first_places() == 0)
    except (DataError, ValueError, IndexError) as error:
        raise ModelError(f"{path}: damaged ({error}); repeat the run, or copy the model alone") from error
    if len(is_right_Q) < LEAST_QUERIES:
        return f"the run asked fewer than {LEAST_QUERIES} queries: too few to fit a chance on"
    features_QF = score_features(saved.scores_QK)
    if not np.isfinite(features_QF).all():
        return "some scores of the run are not finite: no chance can be fitted to them"
    fit = fit_logistic(features_QF[::2], is_right_Q[::2])
    return Confidence(fit, num_queries=len(is_right_Q[::2]), num_answers=saved.scores_QK.shape[1])
