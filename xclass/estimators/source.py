"""Examples in memory as a data source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xclass.data.base import Batch, ClassSets, Inputs, IntArray, SparseRows, Texts, slice_inputs
from xclass.data.permutation import EpochOrder
from xclass.data.text_store import gather_pieces


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """What examples are to be answered with, classes numbered by falling frequency.

    Attributes:
        sets: true classes of each example.
        counts_C: shape (C,), int64; examples of each class.
        is_several: an example may have more than one.
    """

    sets: ClassSets
    counts_C: IntArray
    is_several: bool


class MemorySource:
    """A :class:`xclass.data.base.DataSource` over arrays that the caller holds.

    Memory: 16 bytes per example and class; a batch is a copy of its examples.
    """

    group_noun = "group"
    num_test = 0

    def __init__(self, inputs: Inputs, targets: Targets, *, seed: int) -> None:
        """Keep the arrays; nothing is copied."""
        sets = targets.sets
        self.num_classes = len(targets.counts_C)
        self.num_train = len(sets.classes)
        self.num_examples = len(sets)
        self._inputs, self._targets = inputs, targets
        self._order = EpochOrder(self.num_train, (seed,))
        self._examples = np.repeat(np.arange(len(sets), dtype=np.int64), np.diff(sets.starts))

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Examples, once for each of their classes, in this epoch's pseudo-random order."""
        return self._pairs(self._order.of(epoch)(np.arange(start, stop, dtype=np.int64)))

    def scan_batch(self, start: int, stop: int) -> Batch:
        """The same in the order they were given."""
        return self._pairs(np.arange(start, stop, dtype=np.int64))

    def example_batch(self, start: int, stop: int) -> Batch:
        """Whole examples in the order they were given."""
        sets = self._targets.sets
        first, last = sets.starts[start], sets.starts[stop]
        mine = ClassSets(starts=sets.starts[start : stop + 1] - first, classes=sets.classes[first:last])
        several = mine if self._targets.is_several else None
        return Batch(
            inputs=slice_inputs(self._inputs, start, stop),
            classes_B=mine.classes[mine.starts[:-1]],
            several=several,
        )

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Examples of one class in the order they were given."""
        return self._pairs(np.flatnonzero(self._targets.sets.classes == class_id)[:limit])

    def queries(self, num_queries: int, seed: int) -> Batch:
        """None are held out: the caller asks its own."""
        return self.example_batch(0, 0)

    def class_counts(self) -> IntArray:
        """Training examples per class."""
        return self._targets.counts_C

    def groups_of(self, classes: IntArray) -> IntArray:
        """No groups are known."""
        return np.zeros(len(classes), dtype=np.int64)

    def group_name(self, group: int) -> str:
        """The only one."""
        return "all"

    def class_name(self, class_id: int) -> str:
        """Its number: names are the estimator's."""
        return f"class {class_id}"

    def class_names(self, start: int, stop: int) -> list[str]:
        """Their numbers."""
        return [self.class_name(class_id) for class_id in range(start, stop)]

    def _pairs(self, positions: IntArray) -> Batch:
        inputs = take_inputs(self._inputs, self._examples[positions])
        return Batch(inputs=inputs, classes_B=self._targets.sets.classes[positions])


def take_inputs(inputs: Inputs, rows: IntArray) -> Inputs:
    """Copies of these inputs, in this order.

    Args:
        inputs: of N examples.
        rows: shape (B,), int64, each in [0, N).
    """
    if isinstance(inputs, Texts):
        sizes = inputs.offsets[rows + 1] - inputs.offsets[rows]
        bytes_ = gather_pieces(inputs.bytes_, inputs.offsets[rows], sizes)
        return Texts(bytes_=bytes_, offsets=_starts(sizes), contexts=inputs.contexts[rows])
    if isinstance(inputs, SparseRows):
        first, sizes = inputs.starts[rows], inputs.starts[rows + 1] - inputs.starts[rows]
        return SparseRows(
            starts=_starts(sizes),
            columns=gather_pieces(inputs.columns, first, sizes),
            values=gather_pieces(inputs.values, first, sizes),
            num_columns=inputs.num_columns,
        )
    return inputs[rows]


def _starts(sizes: IntArray) -> IntArray:
    """Where pieces of these sizes begin behind each other, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
