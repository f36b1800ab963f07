"""What every estimator does: fit with the method's own classifier, answer with its own server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import SealLevel, check_seal
from xclass.config import usable_cores
from xclass.data.base import FloatArray, Inputs, IntArray, batch_ranges, slice_inputs
from xclass.encoders.kinds import InputKind, Takes
from xclass.errors import ModelError
from xclass.estimators.fitting import QUERY_BATCH, FitSettings, fit_model
from xclass.estimators.inputs import encode_texts, is_texts, kind_of, to_inputs
from xclass.estimators.model_files import appearing, json_value, open_owned, read_files, write_files
from xclass.estimators.targets import read_targets, true_places
from xclass.json_object import read_json_object
from xclass.npy_file import map_npy

_CLASSES_FILE, _ORDER_FILE, _DOCUMENT = "classes.npy", "class_order.npy", "estimator.json"
_FORMAT_VERSION = 1


class Estimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no type hints
    """A method of xclass on data in memory.

    ``X`` is a sequence of texts, a dense or a sparse matrix of shape (N, M); ``y`` one class per example, or
    several (a list of lists, or a 0/1 matrix). A fitted estimator may be asked by several threads.

    Memory: names of classes have the width of the longest in ``classes_`` and, while y is read, per example:
    4 bytes per character, as numpy's arrays of str do.

    Attributes:
        classes_: shape (C,), sorted.
        n_features_in_: columns of X; texts have none.
    """

    _method: ClassVar[str]

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from examples.

        Args:
            X: texts, or a matrix with N rows.
            y: their classes.

        Raises:
            ValueError: X and y of different length, values that are no numbers, fewer than two classes.
            ConfigError: a setting outside its range, by its name.
        """
        inputs, y = self._read_training(X, y)
        self.classes_, self._order_C, targets = read_targets(y)
        if len(targets.sets) != len(inputs):
            raise ValueError(f"X has {len(inputs)} examples and y {len(targets.sets)}: one y per example")
        self._input_kind = kind_of(inputs)
        settings = FitSettings(
            method=self._method,
            params=self.get_params(deep=False),
            seed=self._seed(),
            threads=self._threads(),
        )
        self._model = fit_model(settings, inputs, targets)
        return self

    def predict_topk(self, X: Any, k: int = 5) -> tuple[npt.NDArray[Any], FloatArray]:
        """The k best classes of each example, best first.

        Args:
            X: as for ``fit``.
            k: 1 to the number of classes; more are cut.

        Returns:
            ``classes``: shape (N, k), of the kind of ``classes_``; ``scores``: shape (N, k), float32,
            falling. Where a method found fewer than k the score is -inf, and the class means
            nothing. The scale of scores belongs to the method: they are no probabilities.
        """
        places, scores = self._answer(X, k)
        return self.classes_[np.maximum(places, 0)], np.where(places < 0, -np.inf, scores).astype(np.float32)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The best class of each example, shape (N,)."""
        places, _ = self._answer(X, 1)
        best: npt.NDArray[Any] = self.classes_[np.maximum(places[:, 0], 0)]
        return best

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of examples whose best class is true; with several true classes that is precision at 1."""
        places, _ = self._answer(X, 1)
        sets = true_places(y, self.classes_)
        if len(sets) != len(places):
            raise ValueError(f"X has {len(places)} examples and y {len(sets)}: one y per example")
        owners = np.repeat(np.arange(len(sets)), np.diff(sets.starts))
        right = np.zeros(len(sets))
        np.maximum.at(right, owners, (sets.classes == places[owners, 0]) & (sets.classes >= 0))
        return float(np.average(right, weights=sample_weight))

    def save(self, folder: str | Path) -> None:
        """Write the fitted model into a new folder: .npy, JSON and files of the engine, never pickle.

        The folder appears complete and sealed (``checksums.json``), or not at all.

        Raises:
            FileExistsError: the folder is there already.
        """
        check_is_fitted(self)
        params = {name: json_value(value) for name, value in self.get_params(deep=False).items()}
        document = {
            "format_version": _FORMAT_VERSION,
            "estimator": type(self).__name__,
            "params": params,
            "inputs": self._input_kind.value,
            "n_features_in": getattr(self, "n_features_in_", None),
        }
        with appearing(Path(folder)) as partial:
            shutil.copytree(self._model.folder, partial, dirs_exist_ok=True)
            np.save(partial / _CLASSES_FILE, self.classes_, allow_pickle=False)
            np.save(partial / _ORDER_FILE, self._order_C, allow_pickle=False)
            (partial / _DOCUMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path, *, check: str = "contents") -> Self:
        """Open a saved model, memory-mapped where its format allows; the folder must stay where it is.

        Args:
            folder: what :meth:`save` made.
            check: ``contents`` compares every byte with the folder's seal before anything is opened,
                ``sizes`` only which files there are and their sizes: for models that take minutes to read.

        Raises:
            ModelError: it is no model of this estimator, not sealed, or damaged.
            ValueError: check is neither.
        """
        folder = Path(folder)
        check_seal(folder, level=SealLevel(check))
        try:
            document = read_json_object(folder / _DOCUMENT)
            if (document["format_version"], document["estimator"]) != (_FORMAT_VERSION, cls.__name__):
                raise ModelError(
                    f"{folder / _DOCUMENT}: {document['estimator']} of format {document['format_version']}, "
                    f"not {cls.__name__} of format {_FORMAT_VERSION}"
                )
            self = cls(**document["params"])
            self.classes_ = np.array(map_npy(folder / _CLASSES_FILE))
            self._order_C = np.array(map_npy(folder / _ORDER_FILE))
            self._input_kind = InputKind(document["inputs"])
            if document["n_features_in"] is not None:
                self.n_features_in_ = int(document["n_features_in"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder}: not a saved {cls.__name__} ({error}); save it again") from error
        self._model = OpenedModel(folder, threads=self._threads(), check=None)  # it was, above
        places_C = np.arange(self._model.num_classes)
        if self.classes_.shape != places_C.shape or not np.array_equal(np.sort(self._order_C), places_C):
            raise ModelError(
                f"{folder / _CLASSES_FILE}: not the names of {len(places_C)} classes; save it again"
            )
        return self

    def __getstate__(self) -> dict[str, Any]:
        """With the model's files, so that a copy or a pickle stands alone."""
        state: dict[str, Any] = super().__getstate__().copy()
        if "_model" in state:
            state["_model"] = read_files(state["_model"].folder)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Write the files into a folder of its own and open them."""
        super().__setstate__(state)
        if "_model" in self.__dict__:
            folder = write_files(state["_model"])
            self._model = open_owned(folder, threads=self._threads())

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.target_tags.multi_output = False
        tags.classifier_tags.multi_label = False
        config = METHOD_CONFIGS[self._method]
        tags.classifier_tags.poor_score = config.takes is Takes.inputs or config.learns_by_encoder
        tags.non_deterministic = not config.is_seeded
        return tags

    def _read_training(self, X: Any, y: Any) -> tuple[Inputs, Any]:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        if is_texts(X):
            self.__dict__.pop("n_features_in_", None)  # of a matrix fitted before
            return encode_texts(X), y
        checked = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        return to_inputs(checked), y

    def _read_queries(self, X: Any) -> Inputs:
        if self._input_kind is InputKind.texts:
            if not is_texts(X) and (issparse(X) or len(X)):
                raise ValueError(f"{type(self).__name__} was fitted on texts: X must be a sequence of str")
            return encode_texts(X)
        checked = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        inputs = to_inputs(checked)
        if kind_of(inputs) is not self._input_kind:
            raise ValueError(
                f"{type(self).__name__} was fitted on {self._input_kind}, X is {kind_of(inputs)}: "
                "give X as in fit"
            )
        return inputs

    def _answer(self, X: Any, k: int) -> tuple[IntArray, FloatArray]:
        """Places in ``classes_``, shape (N, k), -1 where there is none, and scores."""
        check_is_fitted(self)
        if k < 1:
            raise ValueError(f"k={k}: allowed is 1 to {len(self.classes_)}, the number of classes")
        k = min(k, len(self.classes_))
        inputs = self._read_queries(X)
        places = np.empty((len(inputs), k), dtype=np.int64)
        scores = np.empty((len(inputs), k), dtype=np.float32)
        for start, stop in batch_ranges(len(inputs), QUERY_BATCH):
            found = self._model.answer(slice_inputs(inputs, start, stop), k)
            ranks = found.classes_QK
            if ranks.max(initial=-1) >= len(self._order_C):
                raise ModelError("the model answers with a class that it was not fitted on: it is damaged")
            places[start:stop] = np.where(ranks < 0, -1, self._order_C[np.maximum(ranks, 0)])
            scores[start:stop] = found.scores_QK
        return places, scores

    def _threads(self) -> int:
        n_jobs = self.n_jobs
        return usable_cores() if n_jobs in (None, -1) else max(1, int(n_jobs))

    def _seed(self) -> int:
        state = self.random_state
        if state is None or isinstance(state, np.random.RandomState):
            return int(check_random_state(state).randint(1 << 31))
        return int(state)
