"""A data source that lies in lists, for what is looked for in data."""

from __future__ import annotations

import numpy as np

from xclass.data.base import Batch, ClassSets, Texts


def make_texts(lines, contexts=None):
    encoded = [line.encode() for line in lines]
    return Texts(
        bytes_=np.frombuffer(b"".join(encoded), np.uint8),
        offsets=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        contexts=np.array(contexts if contexts is not None else [0] * len(lines), np.uint32),
    )


def make_sets(classes):
    """``[3, (1, 2)]``: one class of the first example, two of the second."""
    several = [sorted(one) if isinstance(one, tuple) else [one] for one in classes]
    starts = np.cumsum([0, *map(len, several)], dtype=np.int64)
    return ClassSets(starts=starts, classes=np.array([c for one in several for c in one], np.int64))


class ListSource:
    """(inputs, classes) pairs; inputs are texts, or rows of one matrix."""

    group_noun = "group"

    def __init__(self, train, test, num_classes):
        self._train, self._test = train, test
        self.num_classes = num_classes
        self.num_examples = self.num_train = len(train)
        self.num_test = len(test)
        self.num_read = 0

    def example_batch(self, start, stop):
        self.num_read += stop - start
        return self._batch(self._train[start:stop])

    def queries(self, num_queries, seed):
        return self._batch(self._test[:num_queries])

    def class_name(self, class_id):
        return f"class {class_id}"

    def _batch(self, pairs):
        inputs, classes = [pair[0] for pair in pairs], make_sets([pair[1] for pair in pairs])
        raw = make_texts(inputs) if isinstance(inputs[0], str) else np.array(inputs, np.float32)
        return Batch(inputs=raw, classes_B=classes.classes[classes.starts[:-1]], several=classes)
