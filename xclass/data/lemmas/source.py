"""``data=lemmas`` as a data source: batches from the prepared folder in O(batch) memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import Batch, IntArray, Texts
from xclass.data.feature_growth import growth_over_classes
from xclass.data.lemmas.manifest import read_manifest
from xclass.data.permutation import EpochOrder, Permutation
from xclass.data.text_store import ByteArray, TextStore, map_array
from xclass.errors import ConfigError

_PIECE_TEXTS = 256
_GROWTH = 0.53
"""See :mod:`xclass.data.feature_growth`."""
_ORDER_KEY, _QUERIES_KEY = 0x1E44A5, 0x0DE55A


class LemmasSource:
    """Word form, with its language as context -> lemma. Implements :class:`xclass.data.base.DataSource`.

    Memory: O(batch) anonymous. ``class_counts`` gives 8 C bytes to its caller. Mapped, reclaimable pages:
    at most ``facts()["index_mapped_bytes"]``.
    """

    group_noun = "language"

    def __init__(self, folder: Path, *, num_classes: int | None, seed: int) -> None:
        """Open a prepared folder.

        Args:
            folder: what :func:`xclass.data.lemmas.prepare.prepare` returned.
            num_classes: keep only this many of the most frequent classes; None: all.
            seed: of the training order.

        Raises:
            ConfigError: more classes than there are, or fewer than 2.
            DataError: the folder is damaged.
        """
        manifest = read_manifest(folder)
        num_classes = manifest.num_classes if num_classes is None else num_classes
        if not 2 <= num_classes <= manifest.num_classes:
            raise ConfigError(
                "classes",
                num_classes,
                allowed=f"2 to {manifest.num_classes} for data=lemmas",
                remedy="lower it, or use data=synthetic for more",
            )
        self._manifest = manifest
        self._train = TextStore(folder, "train", num_texts=manifest.num_train)
        self._test = TextStore(folder, "test", num_texts=manifest.num_test)
        self._names = TextStore(folder, "names", num_texts=manifest.num_classes)
        self._class_starts = map_array(folder / "class_starts.u4", np.uint32)
        self._test_classes = map_array(folder / "test_classes.u4", np.uint32)
        self._class_languages = map_array(folder / "class_languages.u1", np.uint8)
        self.num_classes = num_classes
        self.num_train = self.num_examples = int(self._class_starts[num_classes])
        self._order = EpochOrder(self.num_train, (_ORDER_KEY, seed))
        self.num_test = int(np.searchsorted(self._test_classes, np.uint32(num_classes)))

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Examples ``start <= i < stop`` of this epoch's pseudo-random order."""
        assert 0 <= start <= stop <= self.num_train
        positions = self._order.of(epoch)(np.arange(start, stop))
        # The key must have the type of the table: numpy would convert all of the table instead.
        classes = np.searchsorted(self._class_starts, positions.astype(np.uint32), side="right") - 1
        return self._batch(self._train.gather(positions), classes)

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Training examples ``start <= i < stop`` in the order of the file: by class id."""
        assert 0 <= start <= stop <= self.num_train
        first, last = (
            np.searchsorted(self._class_starts, np.array([start, stop], np.uint32), side="right") - 1
        )
        bounds = self._class_starts[first : last + 2].astype(np.int64).clip(start, stop)
        classes = np.repeat(np.arange(first, first + len(bounds) - 1), np.diff(bounds))
        return self._batch(self._train.slice(start, stop), classes)

    def example_batch(self, start: int, stop: int) -> Batch:
        """As for a scan: every form has one class."""
        return self.scan_batch(start, stop)

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Forms of one lemma, in the order of the file."""
        start, stop = self._class_starts[class_id : class_id + 2].tolist()
        return self.scan_batch(start, min(stop, start + limit))

    def queries(self, num_queries: int, seed: int) -> Batch:
        """A seeded sample without replacement of held-out forms; at most ``num_test`` of them."""
        num_queries = min(num_queries, self.num_test)
        if num_queries == 0:
            return self._batch(self._test.slice(0, 0), np.zeros(0, np.int64))
        positions = Permutation(self.num_test, (_QUERIES_KEY, seed))(np.arange(num_queries))
        return self._batch(self._test.gather(positions), self._test_classes[positions].astype(np.int64))

    def class_counts(self) -> IntArray:
        """Training forms per class, shape (C,), int64, non-increasing."""
        return self._counts(0, self.num_classes)

    def class_name(self, class_id: int) -> str:
        """Language and lemma, e.g. ``de:Haus``."""
        assert 0 <= class_id < self.num_classes
        return f"{self._manifest.languages[self._class_languages[class_id]]}:{self._names.text(class_id)}"

    def class_names(self, start: int, stop: int) -> list[str]:
        """Languages and lemmas."""
        lemmas = self._names.texts(start, stop)
        places = self._class_languages[start:stop].tolist()
        return [f"{self._manifest.languages[at]}:{lemma}" for at, lemma in zip(places, lemmas, strict=True)]

    def groups_of(self, classes: IntArray) -> IntArray:
        """Languages, by their place in the manifest."""
        return self._class_languages[classes].astype(np.int64)

    def group_name(self, group: int) -> str:
        """Code of the language, e.g. ``de``."""
        return self._manifest.languages[group]

    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        mapped = (self._class_starts, self._test_classes, self._class_languages)
        return {
            "name": "lemmas",
            "task": "word form, with its language -> lemma",
            "languages": list(self._manifest.languages),
            "num_classes": self.num_classes,
            "num_classes_existing": self._manifest.num_classes,
            "num_train": self.num_train,
            "num_examples": self.num_examples,
            "characters_per_text": self._characters_per_text(),
            "feature_growth": growth_over_classes(_GROWTH, self.num_classes, self._counts),
            "num_test": self.num_test,
            "num_test_classes": self.num_test,  # one form of each class that has two
            "num_texts_bytes": self._train.bytes_before(self.num_train)
            + self._test.bytes_before(self.num_test),
            "index_mapped_bytes": self._train.mapped_bytes
            + self._test.mapped_bytes
            + sum(array.nbytes for array in mapped),
            "source": self._manifest.source,
            "train_sha256": self._manifest.train_sha256,
            "licence": "code of simplemma: MIT; its word lists: several licences (ODbL, CC BY, CC BY-SA "
            "and others): derived on this machine, not redistributed",
            "split": "of each class with two forms or more, the form with the smallest CRC-32 is held out; "
            "classes are the most frequent ones by training forms",
        }

    def _counts(self, first: int, last: int) -> IntArray:
        starts = self._class_starts[first : last + 1]
        return np.subtract(starts[1:], starts[:-1], dtype=np.int64)

    def _characters_per_text(self) -> float:
        """Mean of 64 pieces of the training texts; who adds boundaries counts them."""
        starts = np.linspace(0, max(0, self.num_train - _PIECE_TEXTS), 64).astype(np.int64).tolist()
        pieces = [self._train.slice(start, min(start + _PIECE_TEXTS, self.num_train)) for start in starts]
        leads = sum(int(((bytes_ & 0xC0) != 0x80).sum()) for bytes_, _ in pieces)
        return leads / sum(len(offsets) - 1 for _, offsets in pieces)

    def _batch(self, texts: tuple[ByteArray, IntArray], classes_B: IntArray) -> Batch:
        bytes_, offsets = texts
        contexts = self._class_languages[classes_B].astype(np.uint32)
        return Batch(inputs=Texts(bytes_=bytes_, offsets=offsets, contexts=contexts), classes_B=classes_B)
