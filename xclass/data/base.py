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


@dataclass(frozen=True, kw_only=True, slots=True)
class SparseRows:
    """B sparse rows of numbered features, in compressed form (CSR).

    Attributes:
        starts: shape (B + 1,), int64; row i has the entries ``starts[i]:starts[i + 1]``.
        columns: shape (total,), int32; numbers of features, each at most once per row.
        values: shape (total,), float32.
        num_columns: M, features that there are.
    """

    starts: IntArray
    columns: npt.NDArray[np.int32]
    values: FloatArray
    num_columns: int

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.starts) - 1


Inputs = FloatArray | Texts | SparseRows
"""Raw examples: vectors of shape (B, D), or texts or sparse rows for an encoder to turn into such."""


def slice_inputs(inputs: Inputs, start: int, stop: int) -> Inputs:
    """Inputs ``start <= i < stop``; what is large is looked at and not copied."""
    if isinstance(inputs, Texts):
        first, last = inputs.offsets[start], inputs.offsets[stop]
        return Texts(
            bytes_=inputs.bytes_[first:last],
            offsets=inputs.offsets[start : stop + 1] - first,
            contexts=inputs.contexts[start:stop],
        )
    if isinstance(inputs, SparseRows):
        first, last = inputs.starts[start], inputs.starts[stop]
        return SparseRows(
            starts=inputs.starts[start : stop + 1] - first,
            columns=inputs.columns[first:last],
            values=inputs.values[first:last],
            num_columns=inputs.num_columns,
        )
    return inputs[start:stop]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassSets:
    """The true classes of B examples, one or several each.

    Attributes:
        starts: shape (B + 1,), int64; example i has the classes ``classes[starts[i]:starts[i + 1]]``.
        classes: shape (total,), int64; at least one per example, each once, rising.
    """

    starts: IntArray
    classes: IntArray

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.starts) - 1

    @classmethod
    def of_single(cls, classes_B: IntArray) -> ClassSets:
        """One class each."""
        return cls(starts=np.arange(len(classes_B) + 1, dtype=np.int64), classes=classes_B)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some examples and the class of each.

    Of data with several classes per example a batch for gradient steps or for means holds an example once
    for each of its classes; a batch of whole examples or of queries holds it once, with all of them.

    Source: "pick all labels", Menon et al., "Multilabel reductions: what is my loss optimising?", NeurIPS
    2019, section 3.
    """

    inputs: Inputs
    classes_B: IntArray
    """Of whole examples with several classes the first."""
    several: ClassSets | None = None
    """All true classes of each; None: ``classes_B`` are all."""

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.classes_B)

    @property
    def sets(self) -> ClassSets:
        """All true classes of each, also where it is one."""
        return self.several or ClassSets.of_single(self.classes_B)


class DataSource(Protocol):
    """A classification data set read in bounded memory.

    Classes are 0 .. num_classes - 1 in order of falling training frequency, so that keeping the
    most frequent N is keeping ids below N and a log-uniform sampler needs no permutation.
    Every method that returns batches computes them by position: any range of any pass can be read by any
    thread without reading what lies before it.
    """

    num_classes: int
    num_train: int
    """Training examples, each counted once for each of its classes."""
    num_examples: int
    """Training examples, each counted once."""
    num_test: int
    group_noun: str
    """What a group of classes is here, in one word: ``language``."""

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Examples ``start <= i < stop`` (at most num_train) of this epoch's pseudo-random order."""
        ...

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Training examples ``start <= i < stop`` in the cheapest order to read."""
        ...

    def example_batch(self, start: int, stop: int) -> Batch:
        """Whole training examples ``start <= i < stop`` (at most num_examples), in the cheapest order."""
        ...

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Training examples of one class, at most ``limit``, in the order that is cheapest to find them in.

        For people who look at single answers: where nothing is sorted by class, every class is read.
        """
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

    def class_name(self, class_id: int) -> str:
        """What people call a class; text from the data, which may be hostile."""
        ...

    def class_names(self, start: int, stop: int) -> list[str]:
        """What people call classes ``start <= i < stop``, read in one go."""
        ...


def batch_ranges(num_examples: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Consecutive (start, stop) of at most ``batch_size`` that cover ``num_examples``."""
    for start in range(0, num_examples, batch_size):
        yield start, min(start + batch_size, num_examples)
