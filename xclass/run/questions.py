"""What a saved model is asked: all queries in batches, for accuracy and throughput, then some one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Answers, Server
from xclass.config import RunConfig
from xclass.data.base import DataSource, slice_inputs
from xclass.encoders.base import Encoder
from xclass.evaluate.metrics import accuracy, latency
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.records.record import SHORT_BATCHES, SHORT_SINGLES
from xclass.run.events import EventWriter


class Questions:
    """Held-out queries, and a server that answers them from their raw inputs, encoding included."""

    def __init__(
        self,
        server: Server,
        encoder: Encoder,
        source: DataSource,
        config: RunConfig,
        events: EventWriter,
    ) -> None:
        """Keep the settings; queries are drawn when they are asked."""
        self._server = server
        self._encoder = encoder
        self._source = source
        self._settings = config.evaluate
        self._seed = config.seed
        self._events = events
        self._k = min(self._settings.top_k, source.num_classes)

    def ask_few(self) -> None:
        """Two batches and two single queries: every buffer has been allocated after as many.

        Times under a tracer and the accuracy of a few queries are no results.
        """
        size = self._settings.batch_size
        self._draw(min(SHORT_BATCHES * size, self._source.num_test))
        self._answer(0, 1)
        for start, stop in self._batches():
            self._answer(start, stop)
        for at in range(min(SHORT_SINGLES, self._num_queries)):
            self._answer(at, at + 1)

    def ask_all(self, answers: Path) -> dict[str, Any]:
        """Every query in batches, then some alone.

        Args:
            answers: file for the raw answers: a new metric needs no new run.

        Returns:
            ``latencies``, ``accuracy`` and ``details`` of the outcome.
        """
        self._draw(min(self._settings.num_queries, self._source.num_test))
        self._events.send("mark", name="first answer")
        begun = time.perf_counter()
        self._answer(0, 1)
        first_answer_seconds = time.perf_counter() - begun
        classes_QK = np.full((self._num_queries, self._k), -1, dtype=np.int64)
        scores_QK = np.zeros((self._num_queries, self._k), dtype=np.float32)

        def ask(start: int, stop: int) -> None:
            found = self._answer(start, stop)
            classes_QK[start:stop], scores_QK[start:stop] = found.classes_QK, found.scores_QK
            self._events.progress(stop, self._num_queries, "queries")

        self._events.send("mark", name="batches")
        batch_seconds = _time_each(ask, self._batches())
        self._events.send("mark", name="single queries")
        singles = [(at, at + 1) for at in range(min(self._settings.single_queries, self._num_queries))]
        single_seconds = _time_each(ask, singles, self._settings.single_seconds)
        SavedAnswers.of_queries(self._queries, classes_QK=classes_QK, scores_QK=scores_QK).save(answers)
        return {
            "latencies": [
                latency(1, single_seconds),
                latency(self._settings.batch_size, batch_seconds, num_queries=self._num_queries),
            ],
            "accuracy": accuracy(classes_QK, self._queries.sets),
            "details": {"first_answer_seconds": first_answer_seconds},
        }

    def _draw(self, num_queries: int) -> None:
        self._num_queries = num_queries
        self._queries = self._source.queries(num_queries, self._seed)

    def _batches(self) -> list[tuple[int, int]]:
        size = self._settings.batch_size
        return [(at, min(at + size, self._num_queries)) for at in range(0, self._num_queries, size)]

    def _answer(self, start: int, stop: int) -> Answers:
        features = self._encoder.features(slice_inputs(self._queries.inputs, start, stop))
        return self._server.search(self._encoder.encode(features), self._k)


def _time_each(
    ask: Callable[[int, int], None], ranges: list[tuple[int, int]], max_seconds: float = float("inf")
) -> list[float]:
    """Seconds of each range, in order, until ``max_seconds`` are over; at least one."""
    seconds: list[float] = []
    begun = time.perf_counter()
    for start, stop in ranges:
        before = time.perf_counter()
        ask(start, stop)
        after = time.perf_counter()
        seconds.append(after - before)
        if after - begun > max_seconds:
            break
    return seconds
