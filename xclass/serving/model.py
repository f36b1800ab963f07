"""A saved model as it is served: opened, checked, with the names and the chances that belong to it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.served_facts import open_served_facts
from xclass.data.base import Inputs
from xclass.encoders.base import Encoded
from xclass.errors import ModelError
from xclass.serving.bodies import BodyReader
from xclass.serving.confidence import Confidence, fit_confidence
from xclass.serving.inputs import InputReader
from xclass.serving.queries import Ask
from xclass.serving.settings import ServeSettings

_MODEL_JSON = "model.json"


class ServedModel:
    """One model that answers.

    Memory: that of :class:`xclass.classifiers.opened_model.OpenedModel`; while the chance is fitted, the
    answers of its run.
    """

    def __init__(self, settings: ServeSettings) -> None:
        """Open it: links are followed now.

        Raises:
            ModelError: the folder is incomplete, damaged, or does not say what a query is.
        """
        begun = time.perf_counter()
        self.folder = _folder(settings.path)
        self._facts = open_served_facts(self.folder)
        self._opened = OpenedModel(self.folder, threads=settings.threads_per_worker)
        self.kind = self._opened.kind
        self.num_classes = self._opened.num_classes
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

    def answer(self, inputs: Inputs, k: int) -> Answers:
        """The k best classes of each query, on the calling thread."""
        return self._opened.answer(inputs, k)

    def encode(self, inputs: Inputs) -> Encoded:
        """Queries, or examples to compare them with, as the method takes them."""
        return self._opened.encode(inputs)

    def searched_k(self, ask: Ask) -> int:
        """Answers that are searched for: one more where a chance needs the lead over the second."""
        if ask.wants_probability and isinstance(self._confidence, Confidence):
            return min(self.num_classes, max(ask.k, self._confidence.least_k))
        return ask.k

    def name_of(self, class_id: int) -> str | None:
        """What people call a class, where the model has names."""
        return None

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
        return self._opened.held_bytes()

    def to_json(self, ask: Ask, answers: Answers) -> dict[str, Any]:
        """The answers to one request.

        Args:
            ask: the request.
            answers: to its queries, with :meth:`searched_k` classes each.
        """
        classes, scores = answers.classes_QK[:, : ask.k].tolist(), answers.scores_QK[:, : ask.k].tolist()
        rows = [
            [
                {"class": class_id, "name": self.name_of(class_id), "score": score}
                for class_id, score in zip(classes_K, scores_K, strict=True)
                if class_id >= 0
            ]
            for classes_K, scores_K in zip(classes, scores, strict=True)
        ]
        document: dict[str, Any] = {"answers": rows}
        if ask.wants_probability:
            document["probability"] = self._add_chances(rows, answers)
        return document

    def _add_chances(self, rows: list[list[dict[str, Any]]], answers: Answers) -> dict[str, Any]:
        """Write a chance beside every answer that has one, and say what it is."""
        for row in rows:
            for answer in row:
                answer["probability"] = None
        if not isinstance(self._confidence, Confidence):
            return {"kind": None, "reason": self._confidence}
        for row, chance in zip(rows, self._confidence.of_first(answers).tolist(), strict=True):
            if row and np.isfinite(chance):
                row[0]["probability"] = chance
        return {
            "kind": "chance that the first answer is right",
            "reason": f"fitted on {self._confidence.num_queries} queries of the run that made the model; of "
            "the other answers it says nothing",
        }

    def _try_one(self, settings: ServeSettings) -> None:
        """Answer one query before the first client does: a model that cannot is not served."""
        body = json.dumps(self.bodies.example()).encode()
        ask = self.bodies.read("application/json", body, {})
        self.answer(ask.inputs, self.searched_k(ask))


def fingerprint(path: Path) -> str:
    """What changes when a model does: the folder behind a link, and size and time of each file in it.

    Empty where there is nothing.
    """
    try:
        folder = path.resolve(strict=True)
        stats = [(entry.name, entry.stat()) for entry in sorted(folder.iterdir())]
    except OSError:
        return ""
    return f"{folder}: {[(name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats]}"


def _folder(path: Path) -> Path:
    try:
        folder = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path}: no such folder; give a folder of a run's models/") from error
    if not (folder / _MODEL_JSON).is_file():
        raise ModelError(f"{folder}: no {_MODEL_JSON} in it; give a folder of a run's models/")
    return folder
