"""The held-out queries of a run, sorted by whether the model got them right, and shown alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xclass.data.base import DataSource, IntArray
from xclass.errors import DataError
from xclass.evaluate.places import find_places
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.serving.page.queries_shown import body_of, words_of

MAX_SHOWN = 10


class HeldOut:
    """Queries that the model had never seen, with what it answered and what is right.

    Memory: the inputs of all of them, and 12 K bytes of answers each.
    """

    def __init__(
        self, source: DataSource, answers: SavedAnswers, *, seed: int, contexts: Sequence[str]
    ) -> None:
        """Draw the queries of the run again.

        Args:
            source: data of the run.
            answers: of the run.
            seed: of the run.
            contexts: names of the contexts of texts.

        Raises:
            DataError: these are not the queries that were answered: the data has changed.
        """
        self._source, self._answers, self._contexts = source, answers, contexts
        self._queries = source.queries(len(answers.truth_Q), seed)
        if not np.array_equal(self._queries.classes_B, answers.truth_Q):
            raise DataError(
                "the data on this machine is not that of the run: its held-out queries are others"
            )
        is_right_Q = find_places(answers.classes_QK[:, :1], answers.truth).first_places() == 0
        self._places = {True: np.flatnonzero(is_right_Q), False: np.flatnonzero(~is_right_Q)}

    def count(self, *, is_right: bool) -> int:
        """How many of the queries were answered so."""
        return len(self._places[is_right])

    def some(self, *, is_right: bool, start: int, num: int) -> list[dict[str, Any]]:
        """Some of the queries that were answered so, beginning again after the last.

        Args:
            is_right: whether the first answer was right.
            start: place of the first among those.
            num: at most so many.
        """
        places: IntArray = self._places[is_right]
        num = min(num, len(places))
        return [self._shown(int(places[(start + step) % len(places)])) for step in range(num)]

    def _shown(self, query: int) -> dict[str, Any]:
        inputs, truth = self._queries.inputs, self._answers.truth
        right = truth.classes[truth.starts[query] : truth.starts[query + 1]].tolist()
        answered = int(self._answers.classes_QK[query, 0])
        return {
            "number": query,
            "words": words_of(inputs, query),
            "body": body_of(inputs, query, self._contexts),
            "answered": self._named(answered) if answered >= 0 else None,
            "right": [self._named(class_id) for class_id in right],
        }

    def _named(self, class_id: int) -> dict[str, Any]:
        return {"class": class_id, "name": self._source.class_name(class_id)}
