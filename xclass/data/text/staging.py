"""Rows on their way into the store: classes numbered as they come, the held-out rows set aside."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray
from xclass.data.feature_growth import GrowthSample, ngram_hashes
from xclass.data.names import NameTable
from xclass.data.split import HashArray, hash_texts, is_held_out
from xclass.data.text.rows import Rows
from xclass.data.text_store import TextStore, TextWriter, gather_pieces

_FIRST_ROOM = 1 << 12
_CHUNK_EXAMPLES = 1 << 12


class SplitWriter:
    """Takes rows and writes training texts, held-out texts, their sets of classes, and names.

    Ids of classes are those of their first appearance; :mod:`xclass.data.text.ranking` gives the final ones.

    Memory: of :class:`xclass.data.names.NameTable`, and 16 bytes per class here (32 while they grow).
    """

    def __init__(self, folder: Path, *, test_share: float) -> None:
        """Create the files.

        Args:
            folder: of the store.
            test_share: of the training rows, to be held out; 0: test rows come on their own.
        """
        self._folder = folder
        self._test_share = test_share
        self._names = NameTable()
        self._open = ExitStack()
        self._texts = {side: self._writer(f"{side}") for side in ("train", "test")}
        self._sets = {side: self._writer(f"{side}_staged", np.uint32) for side in ("train", "test")}
        self._name_writer = self._writer("names_staged")
        self._hashes = self._open.enter_context((folder / "test_hashes.u8").open("xb"))
        self._num_train_C = np.zeros(_FIRST_ROOM, np.int64)
        self._largest_hash_C = np.zeros(_FIRST_ROOM, np.uint64)
        self.growth = GrowthSample()
        self.num_characters = 0
        self.num_left_out = 0
        """Test rows whose classes no training row has."""
        self.num_brought_back = 0
        """Rows that would have been held out, had their class another."""

    @property
    def num_classes(self) -> int:
        """Classes so far."""
        return self._names.num_names

    @property
    def class_counts(self) -> IntArray:
        """Pairs of training example and class, of each class."""
        return self._num_train_C[: self.num_classes]

    @property
    def num_examples(self) -> dict[str, int]:
        """Of both sides; of a finished writer."""
        return {side: writer.num_texts for side, writer in self._texts.items()}

    def add(self, rows: Rows) -> None:
        """Rows of the table that trains, of which a part is held out if there is no other."""
        ids, sizes = self._ids(rows, is_new_allowed=True)
        self.num_characters += sum(map(len, rows.texts))
        self._sample(rows, ids, sizes)
        if not self._test_share:
            self._write("train", _encoded(rows.texts), ids, sizes)
            self._count(ids)
            return
        hashes = hash_texts(rows.texts)
        is_test = is_held_out(hashes, self._test_share)
        texts = _encoded(rows.texts)
        is_test_id = np.repeat(is_test, sizes)
        for side, rows_of_side, ids_of_side in (
            ("train", ~is_test, ~is_test_id),
            ("test", is_test, is_test_id),
        ):
            chosen = [texts[row] for row in np.flatnonzero(rows_of_side)]
            self._write(side, chosen, ids[ids_of_side], sizes[rows_of_side])
        self._count(ids[~is_test_id])
        np.maximum.at(self._largest_hash_C, ids[is_test_id], np.repeat(hashes, sizes)[is_test_id])
        self._hashes.write(hashes[is_test].tobytes())

    def add_test(self, rows: Rows) -> None:
        """Rows of the table that tests; a class that nothing trained cannot be an answer."""
        ids, sizes = self._ids(rows, is_new_allowed=False)
        is_known = ids >= 0
        row_of = np.repeat(np.arange(len(sizes)), sizes)[is_known]
        sizes = np.bincount(row_of, minlength=len(sizes))
        chosen = np.flatnonzero(sizes)
        self.num_left_out += len(sizes) - len(chosen)
        self.num_characters += sum(len(rows.texts[row]) for row in chosen)
        self._write("test", _encoded([rows.texts[row] for row in chosen]), ids[is_known], sizes[chosen])

    def finish(self) -> None:
        """Give every class a training example, and close the files."""
        self._hashes.close()
        for writer in (self._texts["test"], self._sets["test"], self._name_writer):
            writer.finish()
        if self._test_share:
            self._keep_one_each()
        for writer in (self._texts["train"], self._sets["train"]):
            writer.finish()

    def close(self) -> None:
        """Close what is open, as on a failure."""
        self._open.close()

    def _keep_one_each(self) -> None:
        """Of a class whose rows were all held out, that with the largest hash goes back, copies too."""
        # Files that were written are moved aside; a row at a time decides for itself where it belongs.
        folder = self._folder
        num_test = self._texts["test"].num_texts
        for path in [*folder.glob("test.*"), *folder.glob("test_staged.*")]:
            path.rename(path.with_name(f"all_{path.name}"))
        texts = TextStore(folder, "all_test", num_texts=num_test)
        sets = TextStore(folder, "all_test_staged", num_texts=num_test, dtype=np.uint32)
        is_empty_C = self.class_counts == 0
        self._texts["test"] = self._writer("test")
        self._sets["test"] = self._writer("test_staged", np.uint32)
        with (folder / "test_hashes.u8").open("rb") as hashes:
            for start in range(0, num_test, _CHUNK_EXAMPLES):
                stop = min(num_test, start + _CHUNK_EXAMPLES)
                part = np.frombuffer(hashes.read(8 * (stop - start)), np.uint64)
                self._settle(texts.slice(start, stop), sets.slice(start, stop), part, is_empty_C)
        for writer in (self._texts["test"], self._sets["test"]):
            writer.finish()
        for path in folder.glob("all_test*"):
            path.unlink()

    def _settle(self, texts: Any, sets: Any, hashes: HashArray, is_empty_C: npt.NDArray[np.bool_]) -> None:
        (elements, text_starts), (ids, set_starts) = texts, sets
        sizes = np.diff(set_starts)
        goes_back = is_empty_C[ids] & (self._largest_hash_C[ids] == np.repeat(hashes, sizes))
        is_train = np.logical_or.reduceat(goes_back, set_starts[:-1])
        self.num_brought_back += int(is_train.sum())
        for side, rows in (("train", np.flatnonzero(is_train)), ("test", np.flatnonzero(~is_train))):
            lengths = np.diff(text_starts)[rows]
            self._texts[side].append(gather_pieces(elements, text_starts[rows], lengths), lengths)
            kept = gather_pieces(ids, set_starts[rows], sizes[rows])
            self._sets[side].append(kept, sizes[rows])
            if side == "train":
                self._count(kept.astype(np.int64))

    def _writer(self, stem: str, dtype: type[np.generic] = np.uint8) -> TextWriter:
        return self._open.enter_context(closing(TextWriter(self._folder, stem, dtype=dtype)))

    def _write(self, side: str, texts: list[bytes], ids: IntArray, sizes: IntArray) -> None:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        self._texts[side].append(np.frombuffer(b"".join(texts), np.uint8), lengths)
        self._sets[side].append(ids.astype(np.uint32), sizes)

    def _sample(self, rows: Rows, ids: IntArray, sizes: IntArray) -> None:
        places = self.growth.wanted(ids)
        owners = np.repeat(np.arange(len(sizes)), sizes)[places] if len(places) else places
        for id_, row in zip(ids[places].tolist(), owners.tolist(), strict=True):
            self.growth.add(id_, ngram_hashes(rows.texts[row]))

    def _count(self, ids: IntArray) -> None:
        np.add.at(self._num_train_C, ids, 1)

    def _ids(self, rows: Rows, *, is_new_allowed: bool) -> tuple[IntArray, IntArray]:
        """The classes of these rows (those of one row distinct), and how many each row has."""
        known = list(dict.fromkeys(rows.classes))
        names = [name.encode() for name in known]
        before = self._names.num_names
        ids = self._names.add(names) if is_new_allowed else self._names.find(names)
        if is_new_allowed:
            new = [name for name, id_ in zip(names, ids.tolist(), strict=True) if id_ >= before]
            lengths = np.fromiter(map(len, new), np.int64, len(new))
            self._name_writer.append(np.frombuffer(b"".join(new), np.uint8), lengths)
            self._make_room()
        id_of = dict(zip(known, ids.tolist(), strict=True))
        flat = np.fromiter(map(id_of.__getitem__, rows.classes), np.int64, len(rows.classes))
        if rows.counts is None:
            return flat, np.ones(len(flat), np.int64)
        return _distinct(flat, np.array(rows.counts, np.int64))

    def _make_room(self) -> None:
        while len(self._num_train_C) < self.num_classes:
            self._num_train_C = np.concatenate([self._num_train_C, np.zeros_like(self._num_train_C)])
            self._largest_hash_C = np.concatenate([self._largest_hash_C, np.zeros_like(self._largest_hash_C)])


def _encoded(texts: list[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _distinct(ids: IntArray, sizes: IntArray) -> tuple[IntArray, IntArray]:
    """Each class of a row once; unknown ones (-1) may become one."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((ids, rows))
    rows, ids = rows[order], ids[order]
    is_first = np.ones(len(ids), np.bool_)
    is_first[1:] = (np.diff(rows) != 0) | (np.diff(ids) != 0)
    return ids[is_first], np.bincount(rows[is_first], minlength=len(sizes))
