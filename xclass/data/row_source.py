"""A data source over rows that lie in files as they came, and the ranks that were made of their classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import Batch, Inputs, IntArray
from xclass.data.permutation import EpochOrder, Permutation
from xclass.data.set_store import SetStore
from xclass.data.text_store import map_array
from xclass.errors import ConfigError

_ORDER_KEY, _QUERIES_KEY = 0x20B5, 0x20B6


class RowSource(ABC):
    """Everything of :class:`xclass.data.base.DataSource` but the rows themselves.

    Memory: O(batch) anonymous, and 16/64 B per row where only the most frequent classes are kept.
    ``class_counts`` gives 8 C bytes to its caller. Mapped, reclaimable: per row 8 B (its number) and at least
    1 + 8/64 B (index of its classes).
    """

    group_noun = "group"

    def __init__(
        self, folder: Path, document: dict[str, Any], *, name: str, num_classes: int | None, seed: int
    ) -> None:
        """Open what :func:`xclass.data.ranking.rank_rows` wrote.

        Args:
            folder: checked against its manifest.
            document: the manifest.
            name: of the source, for errors.
            num_classes: keep only this many of the most frequent classes; None: all.
            seed: of the training order.

        Raises:
            ConfigError: more classes than there are, or fewer than 2.
        """
        existing = int(document["num_classes"])
        self.num_classes = existing if num_classes is None else num_classes
        if not 2 <= self.num_classes <= existing:
            raise ConfigError(
                "classes",
                num_classes,
                allowed=f"2 to {existing}, the classes of this data that have training examples",
                remedy=f"leave it out to take all, or use data=synthetic for more than data={name} has",
            )
        kept = None if self.num_classes == existing else self.num_classes
        self._document = document
        self._train, self._test = (
            SetStore(folder, f"{side}_sets", num_examples=document[f"num_{side}_rows"], num_classes=kept)
            for side in ("train", "test")
        )
        self._train_rows = map_array(folder / "train_rows.u8", np.int64)
        self._test_rows = map_array(folder / "test_rows.u8", np.int64)
        self._counts = map_array(folder / "class_counts.i8", np.int64)
        self._numbers = map_array(folder / "class_numbers.i8", np.int64)
        self.num_train, self.num_examples = self._train.num_pairs, self._train.num_examples
        self._order = EpochOrder(self.num_train, (_ORDER_KEY, seed))
        self.num_test = self._test.num_examples
        if not self.num_test:
            raise ConfigError(
                "classes",
                num_classes,
                allowed="so many that a test example has one of them; none has one of these",
                remedy="raise it or leave it out",
            )

    @abstractmethod
    def read(self, rows: IntArray) -> Inputs:
        """The rows with these numbers, shape (B,), int64, each 0 or more, in this order."""

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Pairs of example and class ``start <= i < stop`` of this epoch's pseudo-random order."""
        assert 0 <= start <= stop <= self.num_train
        return self._pairs(self._order.of(epoch)(np.arange(start, stop)))

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Pairs of example and class ``start <= i < stop`` in the order of the file."""
        assert 0 <= start <= stop <= self.num_train
        return self._pairs(np.arange(start, stop))

    def example_batch(self, start: int, stop: int) -> Batch:
        """Training examples ``start <= i < stop``, with all of their classes, in the order of the file."""
        assert 0 <= start <= stop <= self.num_examples
        return self._whole(self._train, self._train_rows, np.arange(start, stop))

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Rows of one class, in the order of the file."""
        return self._pairs(self._train.places_of(class_id, limit))

    def queries(self, num_queries: int, seed: int) -> Batch:
        """A seeded sample without replacement of held-out examples; at most ``num_test`` of them."""
        num_queries = min(num_queries, self.num_test)
        places: IntArray = np.arange(num_queries)
        if num_queries:
            places = Permutation(self.num_test, (_QUERIES_KEY, seed))(places)
        return self._whole(self._test, self._test_rows, places)

    def class_counts(self) -> IntArray:
        """Training examples per class, shape (C,), int64, non-increasing."""
        return self._counts[: self.num_classes].copy()

    def groups_of(self, classes: IntArray) -> IntArray:
        """All 0: the data knows no groups."""
        return np.zeros(len(classes), np.int64)

    def group_name(self, group: int) -> str:
        """The one group there is."""
        return "all classes"

    def class_name(self, class_id: int) -> str:
        """Its number in the files."""
        assert 0 <= class_id < self.num_classes
        return f"class {self._numbers[class_id]}"

    def class_names(self, start: int, stop: int) -> list[str]:
        """Their numbers in the files."""
        return [f"class {number}" for number in self._numbers[start:stop].tolist()]

    def facts(self) -> dict[str, Any]:
        """What a report says of the data, as far as it does not depend on what a row is."""
        existing, document = int(self._document["num_classes"]), self._document
        return {
            "num_classes": self.num_classes,
            "num_classes_existing": existing,
            "num_train": self.num_train,
            "num_examples": self.num_examples,
            "num_test": self.num_test,
            "classes_per_example": self.num_train / max(1, self.num_examples),
            "num_brought_back": document["num_brought_back"],
            "num_untrained_classes": document["num_untrained_classes"],
            "num_unseen_test_rows": document["num_unseen_test_rows"],
            "num_rows_without_class": document["num_rows_without_class"],
            "files": document["inputs"],
            "split": _split_words(document["test_share"]),
        }

    def _pairs(self, places: IntArray) -> Batch:
        if not len(places):
            return Batch(inputs=self.read(places), classes_B=places)
        positions, classes_B = self._train.pairs_at(places)
        return Batch(inputs=self.read(self._train_rows[positions]), classes_B=classes_B)

    def _whole(self, store: SetStore, rows: IntArray, places: IntArray) -> Batch:
        if not len(places):
            return Batch(inputs=self.read(places), classes_B=places)
        positions, sets = store.sets_at(places)
        is_single = len(sets.classes) == len(sets)
        return Batch(
            inputs=self.read(rows[positions]),
            classes_B=sets.classes[sets.starts[:-1]],
            several=None if is_single else sets,
        )


def _split_words(test_share: float | None) -> str:
    if test_share is None:
        return "as the files have it"
    return (
        f"rows whose hash falls below {test_share} are held out, equal rows on one side; of a class that "
        "would have no training row, those with the largest hash are trained on"
    )
