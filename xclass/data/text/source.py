"""``data=text`` as a data source: batches from the prepared folder in O(batch) memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import Batch, ClassSets, IntArray, Texts
from xclass.data.feature_growth import growth_over_classes
from xclass.data.manifest import read_manifest_document
from xclass.data.permutation import EpochOrder, Permutation
from xclass.data.set_store import SetStore
from xclass.data.text.config import CLASS_STARTS, FORMAT_VERSION
from xclass.data.text_store import TextStore, map_array
from xclass.errors import ConfigError

_ORDER_KEY, _QUERIES_KEY = 0x7E87DA, 0x7E8704


class TextSource:
    """Text -> its classes. Implements :class:`xclass.data.base.DataSource`.

    Memory: O(batch) anonymous, and 1/4 B per example where classes are left out. Mapped, reclaimable pages:
    at most ``facts()["index_mapped_bytes"]``.
    """

    group_noun = "group"

    def __init__(self, folder: Path, *, num_classes: int | None, seed: int) -> None:
        """Open a prepared folder.

        Args:
            folder: what :func:`xclass.data.text.prepare.prepare` returned.
            num_classes: keep only this many of the most frequent classes; None: all.
            seed: of the training order.

        Raises:
            ConfigError: more classes than there are, or fewer than 2.
            DataError: the folder is damaged.
        """
        self._manifest = read_manifest_document(folder, version=FORMAT_VERSION)
        num_existing = int(self._manifest["num_classes"])
        self.num_classes = num_existing if num_classes is None else num_classes
        if not 2 <= self.num_classes <= num_existing:
            raise ConfigError(
                "classes",
                self.num_classes,
                allowed=f"2 to {num_existing} in {self._manifest['sources'][0]['path']}",
                remedy="leave it out to have all of them",
            )
        kept = None if self.num_classes == num_existing else self.num_classes
        num_train, num_test = int(self._manifest["num_examples"]), int(self._manifest["num_test"])
        self._train = TextStore(folder, "train", num_texts=num_train)
        self._test = TextStore(folder, "test", num_texts=num_test)
        self._names = TextStore(folder, "names", num_texts=num_existing)
        self._train_sets = SetStore(folder, "train_sets", num_examples=num_train, num_classes=kept)
        self._test_sets = SetStore(folder, "test_sets", num_examples=num_test, num_classes=kept)
        self._class_starts = map_array(folder / CLASS_STARTS, np.int64)
        self.num_train, self.num_examples = self._train_sets.num_pairs, self._train_sets.num_examples
        self._order = EpochOrder(self.num_train, (_ORDER_KEY, seed))
        self.num_test = self._test_sets.num_examples

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Pairs ``start <= i < stop`` of this epoch's pseudo-random order."""
        assert 0 <= start <= stop <= self.num_train
        return self._pairs(self._order.of(epoch)(np.arange(start, stop)))

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Pairs ``start <= i < stop`` in the order of the file."""
        assert 0 <= start <= stop <= self.num_train
        return self._pairs(np.arange(start, stop))

    def example_batch(self, start: int, stop: int) -> Batch:
        """Whole examples ``start <= i < stop`` in the order of the file."""
        assert 0 <= start <= stop <= self.num_examples
        positions, sets = self._train_sets.sets_at(np.arange(start, stop))
        return _whole(_texts(self._train, positions), sets)

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Texts of one class, in the order of the file."""
        return self._pairs(self._train_sets.places_of(class_id, limit))

    def queries(self, num_queries: int, seed: int) -> Batch:
        """A seeded sample without replacement of held-out examples; at most ``num_test`` of them."""
        num_queries = min(num_queries, self.num_test)
        places = np.zeros(0, np.int64)
        if num_queries:
            places = Permutation(self.num_test, (_QUERIES_KEY, seed))(np.arange(num_queries))
        positions, sets = self._test_sets.sets_at(places)
        return _whole(_texts(self._test, positions), sets)

    def class_counts(self) -> IntArray:
        """Training examples per class, shape (C,), int64, non-increasing."""
        return np.diff(self._class_starts[: self.num_classes + 1])

    def class_name(self, class_id: int) -> str:
        """As the table has it."""
        assert 0 <= class_id < self.num_classes
        return self._names.text(class_id)

    def class_names(self, start: int, stop: int) -> list[str]:
        """As the table has them."""
        return self._names.texts(start, stop)

    def groups_of(self, classes: IntArray) -> IntArray:
        """All 0: a table knows no groups."""
        return np.zeros(len(classes), np.int64)

    def group_name(self, group: int) -> str:
        """Of the only one."""
        return "all"

    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        manifest = self._manifest
        sources = manifest["sources"]
        mapped = (self._train, self._test, self._train_sets, self._test_sets)
        return {
            "name": "text",
            "task": "text -> its class" if self.num_train == self.num_examples else "text -> its classes",
            "num_classes": self.num_classes,
            "num_classes_existing": manifest["num_classes"],
            "num_train": self.num_train,
            "num_examples": self.num_examples,
            "num_test": self.num_test,
            "num_test_left_out": manifest["num_test_left_out"],
            "num_brought_back": manifest["num_brought_back"],
            "num_rows_skipped": manifest["num_skipped"],
            "characters_per_text": manifest["characters_per_text"],
            "feature_growth": growth_over_classes(
                manifest["feature_growth"],
                self.num_classes,
                lambda start, stop: np.diff(self._class_starts[start : stop + 1]),
            ),
            "classes_per_example": self.num_train / max(1, self.num_examples),
            "index_mapped_bytes": self._class_starts.nbytes + sum(store.mapped_bytes for store in mapped),
            "source": ", ".join(source["path"] for source in sources[:3])
            + (f" and {len(sources) - 3} more" if len(sources) > 3 else ""),
            "source_sha256": {source["path"]: source["sha256"] for source in sources},
            "split": manifest["split"],
        }

    def _pairs(self, places: IntArray) -> Batch:
        positions, classes = self._train_sets.pairs_at(places)
        return Batch(inputs=_texts(self._train, positions), classes_B=classes)


def _texts(store: TextStore, positions: IntArray) -> Texts:
    num = len(positions)
    if num and (np.diff(positions) == 1).all():
        bytes_, offsets = store.slice(int(positions[0]), int(positions[-1]) + 1)
    else:
        bytes_, offsets = store.gather(positions)
    return Texts(bytes_=bytes_, offsets=offsets, contexts=np.zeros(num, np.uint32))


def _whole(texts: Texts, sets: ClassSets) -> Batch:
    is_single = len(sets.classes) == len(sets)
    return Batch(inputs=texts, classes_B=sets.classes[sets.starts[:-1]], several=None if is_single else sets)
