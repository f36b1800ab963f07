"""What a checkpoint of the streamed dense softmax holds: its class vectors; plain SGD has no state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xclass.classifiers.dense_softmax.streamed import StreamedHead
from xclass.classifiers.ranks.checkpoints import TrainingState
from xclass.classifiers.weights.table import ClassVectors


class DenseState:
    """A :class:`xclass.classifiers.ranks.keeper.Resumable`."""

    def __init__(self, vectors: ClassVectors, head: StreamedHead, problem: dict[str, Any]) -> None:
        """Keep what is to be saved.

        Args:
            vectors: of this rank.
            head: that trains them.
            problem: what must be equal for a checkpoint to be of use.
        """
        self._vectors = vectors
        self._head = head
        self._problem = problem

    def state(self) -> TrainingState:
        """The class vectors, and rounding errors where they are kept."""
        return TrainingState(sliced=self._vectors.sliced(), problem=self._problem)

    def take_back(self, facts: dict[str, Any]) -> None:
        """The number of steps is part of the key of stochastic rounding."""
        self._head.num_steps = int(facts["steps"])

    def describe(self, folder: Path) -> None:
        """Write the manifest of the class vectors."""
        self._vectors.describe(folder)
