"""A saved model as it is served: opened, checked, with the names and the chances that belong to it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.class_names import open_class_names
from xclass.classifiers.model_folder import MANIFEST
from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.seal import SealLevel
from xclass.classifiers.served_facts import Posterior, open_served_facts, posterior_of
from xclass.data.base import Inputs
from xclass.encoders.base import Encoded
from xclass.errors import ModelError
from xclass.serving.bodies import BodyReader
from xclass.serving.confidence import Confidence, fit_confidence
from xclass.serving.inputs import InputReader
from xclass.serving.promise import read_promise
from xclass.serving.queries import Ask, Found, Search
from xclass.serving.seal_check import check_once
from xclass.serving.settings import ServeSettings, shared_folder

_ESTIMATOR = "estimator.json"
_PROBABILITY = {
    Posterior.none: "none: scores of this method are no probabilities",
    Posterior.softmax: "softmax over all classes, as the model was trained",
    Posterior.log: "of all classes, as the model was trained",
    Posterior.share: "share of the training examples",
}


class ServedModel:
    """One model that answers.

    Memory: that of :class:`xclass.classifiers.opened_model.OpenedModel`; while the chance is fitted, the
    answers of its run.
    """

    def __init__(self, settings: ServeSettings, path: Path | None = None) -> None:
        """Open it: links are followed now.

        Args:
            settings: of the service.
            path: of the model; None: that of the settings.

        Raises:
            ModelError: the folder is incomplete, damaged, or does not say what a query is.
        """
        begun = time.perf_counter()
        self.folder = _folder(path or settings.path)
        check_once(
            self.folder,
            seen=fingerprint(self.folder),
            level=SealLevel(settings.check),
            shared=shared_folder(),
        )
        _refuse_estimators(self.folder)
        self._facts = open_served_facts(self.folder)
        self._opened = OpenedModel(self.folder, threads=settings.threads_per_worker, check=None)
        self._names = open_class_names(self.folder)
        self.kind = self._opened.kind
        self.num_classes = self._opened.num_classes
        self._posterior = posterior_of(self.kind, is_softmax=self._facts.is_softmax)
        self.promise = read_promise(self.folder, settings)
        """What the RAM of the service was promised to stay below, or why nothing was."""
        self._confidence = fit_confidence(self.folder)
        self.bodies = BodyReader(
            inputs=InputReader(
                kind=self._facts.inputs,
                dim=self._opened.dim,
                num_features=self._facts.num_features,
                contexts=self._facts.contexts,
                max_chars=settings.max_chars,
            ),
            settings=settings,
            num_classes=self.num_classes,
        )
        self.opened_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._try_one(settings)
        self.opening_seconds = time.perf_counter() - begun

    def find(self, inputs: Inputs, search: Search) -> Found:
        """Answers to some queries, on the calling thread."""
        return Found(
            answers=self._opened.answer(inputs, search.k),
            totals_Q=self._opened.log_totals(inputs) if search.wants_totals else None,
        )

    def search_for(self, ask: Ask) -> Search:
        """What a request takes: with a chance one answer more, where it needs the lead over the second."""
        k = ask.k
        if ask.wants_probability and isinstance(self._confidence, Confidence):
            k = min(self.num_classes, max(k, self._confidence.least_k))
        return Search(k=k, wants_totals=ask.wants_probability and self._posterior is Posterior.softmax)

    def _names_of(self, class_ids: list[int]) -> Sequence[str | None]:
        return [None] * len(class_ids) if self._names is None else self._names.names(class_ids)

    def encode(self, inputs: Inputs) -> Encoded:
        """Queries, or examples to compare them with, as the method takes them."""
        return self._opened.encode(inputs)

    def describe(self) -> dict[str, Any]:
        """What clients are told of it."""
        return {
            "folder": self.folder.name,
            "method": self._facts.method or None,
            "kind": self.kind,
            "classes": self.num_classes,
            "inputs": str(self._facts.inputs),
            "contexts": list(self._facts.contexts),
            "opened_at": self.opened_at,
        }

    def identity(self) -> dict[str, Any]:
        """Which model answered: another one has another time."""
        return {"folder": self.folder.name, "opened_at": self.opened_at}

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes once every page was touched."""
        return self._opened.held_bytes() | (self._names.held_bytes() if self._names else {})

    def to_json(self, ask: Ask, found: Found) -> dict[str, Any]:
        """The answers to one request, with what is known of the chance that they are right."""
        answers = found.answers
        classes, scores = answers.classes_QK[:, : ask.k].tolist(), answers.scores_QK[:, : ask.k].tolist()
        names = iter(self._names_of([one for classes_K in classes for one in classes_K if one >= 0]))
        rows = [
            [
                {"class": class_id, "name": next(names), "score": score}
                for class_id, score in zip(classes_K, scores_K, strict=True)
                if class_id >= 0
            ]
            for classes_K, scores_K in zip(classes, scores, strict=True)
        ]
        if not ask.wants_probability:
            return {"answers": rows}
        for row, shares_K in zip(rows, self._shares(found), strict=True):
            for answer, share in zip(row, shares_K, strict=False):
                answer["probability"] = share
        return {
            "answers": rows,
            "probability": _PROBABILITY[self._posterior],
            "confidence": self._chances(answers),
            "confidence_kind": self._confidence_words(),
        }

    def _shares(self, found: Found) -> list[list[float | None]]:
        """Probability of each answer by the model itself, None where it has none."""
        scores_QK = found.answers.scores_QK.astype(np.float64)
        if self._posterior is Posterior.none:
            return [[None] * scores_QK.shape[1]] * len(scores_QK)
        if found.totals_Q is not None:
            scores_QK -= found.totals_Q[:, None]
        if self._posterior is not Posterior.share:
            scores_QK = np.exp(scores_QK)
        shares: list[list[float | None]] = np.clip(scores_QK, 0.0, 1.0).tolist()
        return shares

    def _chances(self, answers: Answers) -> list[float | None]:
        """That each first answer is right; None where nobody knows."""
        if not isinstance(self._confidence, Confidence):
            return [None] * len(answers.classes_QK)
        chances = self._confidence.of_first(answers).tolist()
        return [
            chance if found >= 0 and np.isfinite(chance) else None
            for chance, found in zip(chances, answers.classes_QK[:, 0].tolist(), strict=True)
        ]

    def _confidence_words(self) -> str:
        if not isinstance(self._confidence, Confidence):
            return f"none: {self._confidence}"
        return (
            "chance that the first answer is right, by its score and its lead over the second, fitted on "
            f"{self._confidence.num_queries} held-out queries of the run that made the model"
        )

    def _try_one(self, settings: ServeSettings) -> None:
        """Answer one query before the first client does: a model that cannot is not served."""
        body = json.dumps(self.bodies.example()).encode()
        ask = self.bodies.read("application/json", body, {})
        self.to_json(ask, self.find(ask.inputs, self.search_for(ask)))


def fingerprint(path: Path) -> str:
    """What changes when a model does: the folder behind a link, and size and time of each file below it.

    Empty where there is nothing.
    """
    try:
        folder = path.resolve(strict=True)
        stats = [(str(entry), entry.stat()) for entry in sorted(folder.rglob("*"))]
    except (OSError, RuntimeError):  # RuntimeError: a link to itself, before Python 3.13
        return ""
    return f"{folder}: {[(name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats]}"


def _refuse_estimators(folder: Path) -> None:
    if (folder / _ESTIMATOR).exists():
        raise ModelError(
            f"{folder / _ESTIMATOR}: saved by an estimator, whose classes are the caller's own; load it with "
            "xclass.estimators, or serve a model of a run"
        )


def _folder(path: Path) -> Path:
    try:
        folder = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path}: no such folder; give a folder of a run's models/") from error
    if not (folder / MANIFEST).is_file():
        raise ModelError(f"{folder}: no {MANIFEST} in it; give a folder of a run's models/")
    return folder
