"""Examples in memory as a data source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xclass.data.base import Batch, ClassSets, Inputs, IntArray, slice_inputs
from xclass.data.permutation import EpochOrder
from xclass.data.picking import take_inputs


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
