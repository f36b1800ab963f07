"""What a checkpoint of the sampled softmax holds: class vectors, row state, frequencies and the generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from xclass.classifiers.ranks.checkpoints import TrainingState
from xclass.classifiers.ranks.sliced_file import SlicedArray
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency
from xclass.classifiers.weights.table import ClassVectors


class SampledState:
    """A :class:`xclass.classifiers.ranks.keeper.Resumable`.

    An index of hard negatives is not kept: it is built anew from the class vectors.
    """

    def __init__(
        self,
        vectors: ClassVectors,
        state_C: torch.Tensor,
        *,
        generator: np.random.Generator,
        frequency: StreamingFrequency | None,
        problem: dict[str, Any],
    ) -> None:
        """Keep what is to be saved.

        Args:
            vectors: of this rank.
            state_C: of row-wise Adagrad, of the same classes.
            generator: of draws, a Philox.
            frequency: of the classes in batches, where the sampler has it.
            problem: what must be equal for a checkpoint to be of use.
        """
        self._vectors = vectors
        self._state_C = state_C
        self._generator = generator
        self._frequency = frequency
        self._problem = problem

    def state(self) -> TrainingState:
        """The arrays themselves, and where the generator stands."""
        by_class = {"row_state": self._state_C.numpy()}
        by_class |= {} if self._frequency is None else self._frequency.arrays()
        first, num_rows = self._vectors.classes.start, self._vectors.num_classes
        sliced = {
            stem: SlicedArray(rows=rows, first_row=first, num_rows=num_rows)
            for stem, rows in by_class.items()
        }
        return TrainingState(
            sliced=self._vectors.sliced() | sliced,
            facts={"generator": _as_json(self._generator)},
            problem=self._problem,
        )

    def take_back(self, facts: dict[str, Any]) -> None:
        """Draw what would have been drawn next."""
        _set_from_json(self._generator, facts["generator"])
        if self._frequency is not None:
            self._frequency.num_batches = int(facts["steps"])

    def describe(self, folder: Path) -> None:
        """Write the manifest of the class vectors."""
        self._vectors.describe(folder)


def _as_json(generator: np.random.Generator) -> dict[str, Any]:
    """Its state in whole numbers: arrays of uint64, and a buffer of values drawn already.

    Source: numpy's reference, ``numpy.random.Philox.state``.
    """
    state: dict[str, Any] = dict(generator.bit_generator.state)
    state["state"] = {name: values.tolist() for name, values in state["state"].items()}
    return state | {"buffer": state["buffer"].tolist()}


def _set_from_json(generator: np.random.Generator, document: dict[str, Any]) -> None:
    state = {name: np.array(values, dtype=np.uint64) for name, values in document["state"].items()}
    buffer = np.array(document["buffer"], dtype=np.uint64)
    generator.bit_generator.state = document | {"state": state, "buffer": buffer}
