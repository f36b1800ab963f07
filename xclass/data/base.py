"""What every data source offers: examples in bounded memory, by position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """B texts in one flat buffer, each with a context (for lemmas: its language).

    Attributes:
        bytes_: shape (total,), uint8; UTF-8 of all texts behind each other.
        offsets: shape (B + 1,), int64; text i is ``bytes_[offsets[i]:offsets[i + 1]]``.
        contexts: shape (B,), uint32; small id of each text's context.
    """

    bytes_: npt.NDArray[np.uint8]
    offsets: IntArray
    contexts: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.contexts)


Inputs = FloatArray | Texts
"""Raw examples: vectors of shape (B, D), or texts for an encoder to turn into such vectors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some examples and the class of each."""

    inputs: Inputs
    classes_B: IntArray

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.classes_B)


class DataSource(Protocol):
    """A classification data set read in bounded memory.

    Classes are 0 .. num_classes - 1 in order of falling training frequency, so that keeping the
    most frequent N is keeping ids below N and a log-uniform sampler needs no permutation.
    Every method that returns batches computes them by position: any range of any pass can be read by any
    thread without reading what lies before it.
    """

    num_classes: int
    num_train: int
    num_test: int
    group_noun: str
    """What a group of classes is here, in one word: ``language``."""

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Examples ``start <= i < stop`` (at most num_train) of this epoch's pseudo-random order."""
        ...

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Training examples ``start <= i < stop`` in the cheapest order to read."""
        ...

    def queries(self, num_queries: int, seed: int) -> Batch:
        """A seeded random sample of held-out examples, never a prefix; at most num_test of them."""
        ...

    def class_counts(self) -> IntArray:
        """Training examples per class, shape (C,), int64, non-increasing."""
        ...

    def groups_of(self, classes: IntArray) -> IntArray:
        """The group of each class, int64, 0 or more; all 0 where the data knows no groups.

        Classes of one group belong together, so that taking one for another is the lesser mistake.
        """
        ...

    def group_name(self, group: int) -> str:
        """What people call it; text from the data, which may be hostile."""
        ...


def batch_ranges(num_examples: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Consecutive (start, stop) of at most ``batch_size`` that cover ``num_examples``."""
    for start in range(0, num_examples, batch_size):
        yield start, min(start + batch_size, num_examples)
