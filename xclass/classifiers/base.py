"""What every classifier offers, and what it is given. numpy at the boundary; no engine is loaded here.

A classifier knows nothing of measurement: it receives a :class:`Feed` that ends when the budget is spent.
Training (:class:`Classifier`) and answering (:class:`Server`) are different programs: the second opens what
the first saved, in a fresh process, without torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from xclass.data.base import ClassSets, FloatArray, IntArray
from xclass.encoders.base import Encoded, Encoder, Features
from xclass.shapes import ProblemShape


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The best classes of some queries.

    Attributes:
        classes_QK: shape (Q, K), int64, best first; -1 where an index found fewer than K.
        scores_QK: shape (Q, K), float32, falling; their scale belongs to the method.
    """

    classes_QK: IntArray
    scores_QK: FloatArray


def listed_answers(found: Iterable[Iterable[tuple[int, float]]], num_queries: int, k: int) -> Answers:
    """Answers of a library that lists (class, score) per query, best first and at most k of them."""
    classes_QK = np.full((num_queries, k), -1, dtype=np.int64)
    scores_QK = np.full((num_queries, k), -np.inf, dtype=np.float32)
    for at, pairs in enumerate(found):
        for rank, (class_id, score) in enumerate(pairs):
            classes_QK[at, rank], scores_QK[at, rank] = class_id, score
    return Answers(classes_QK=classes_QK, scores_QK=scores_QK)


@dataclass(kw_only=True, slots=True)
class FitReport:
    """What a fit says of itself, for the record."""

    examples_seen: int
    """Examples consumed by gradient steps; for a method without steps, by the means pass."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values: steps, seconds of the means pass, last loss."""


class Feed(Protocol):
    """Examples as a classifier may have them."""

    num_scan: int
    """Examples that one full scan yields, each counted once for each of its classes."""
    num_examples: int
    """Examples that :meth:`examples` yields."""

    def scan(self, classes: range | None = None) -> Iterator[tuple[Encoded, IntArray]]:
        """Every training example once for each of its classes: encoded (B, D) and classes (B,). For means.

        Args:
            classes: whose examples are wanted, as one of several ranks does; None: those of all.
        """
        ...

    def examples(self) -> Iterator[tuple[Encoded, ClassSets]]:
        """Every training example once, encoded, with all of its classes."""
        ...

    def steps(self) -> Iterator[tuple[Features, IntArray]]:
        """Batches in pseudo-random order for gradient steps; ends when the budget is spent."""
        ...

    def share_spent(self) -> float:
        """Share of the budget that steps have spent so far, 0 to 1: for learning-rate schedules."""
        ...

    def seconds_spent(self) -> float:
        """Of the budget, by steps so far; the same on all ranks that share a clock."""
        ...

    def start_at(self, *, steps: int, seconds: float) -> None:
        """Have :meth:`steps` begin behind so many batches, with so many seconds of the budget spent."""
        ...

    def class_counts(self) -> IntArray:
        """Training examples per class, shape (C,), int64."""
        ...

    def sample(self, num_examples: int) -> Encoded:
        """Encoded training examples in pseudo-random order, at most so many, shape (N, D)."""
        ...


class Classifier(Protocol):
    """One method while it learns."""

    def __init__(
        self, config: Any, *, shape: ProblemShape, encoder: Encoder, seed: int, **sections: Any
    ) -> None:
        """Keep the settings and root sections; allocate nothing that grows with the number of classes.

        What can be sharded also takes ``ranks`` and ``checkpoints``, each with a default: alone, and none.
        """
        ...

    def warm_up(self) -> None:
        """Run the engine once on a toy size, so that the base holds what every run of it costs."""
        ...

    def fit(self, feed: Feed) -> FitReport:
        """Learn from the feed."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into an existing empty folder."""
        ...

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes of what this object owns now."""
        ...


class Server(Protocol):
    """A saved model that answers queries. Loads neither torch nor anything it does not need."""

    def __init__(self, *, threads: int) -> None:
        """Keep the settings; open nothing."""
        ...

    def warm_up(self) -> None:
        """Run the engine once on a toy size."""
        ...

    def load(self, folder: Path) -> None:
        """Open the model, memory-mapped where its format allows."""
        ...

    def search(self, queries_QD: Encoded, k: int) -> Answers:
        """The k best classes of each encoded query. The input is left untouched."""
        ...

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """Class vectors as they are searched, shape (B, D); None where this kind cannot give them back.

        Not for a phase that is measured: it may allocate.

        Args:
            classes_B: class ids, each of them in the model.
        """
        ...

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes this model occupies when every page of it is resident."""
        ...


@runtime_checkable
class NormalisingServer(Protocol):
    """A server whose scores become probabilities when each query's total is taken off."""

    def log_totals(self, queries_QD: Encoded) -> FloatArray:
        """Log of the sum of exponentials of the scores of all classes, shape (Q,)."""
        ...


def import_object(path: str) -> Any:
    """Import ``package.module:name``; only class variables of config classes are ever given to it."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
