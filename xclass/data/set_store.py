"""The classes of every example of a prepared folder: one or several each, restricted to the most frequent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from xclass.data.base import ClassSets, IntArray, batch_ranges
from xclass.data.text_store import BLOCK, TextStore, gather_pieces

_PART_BLOCKS = 1 << 6
"""Blocks read at a time: with 20 classes per example 1.6 MB of positions and classes."""
_SEARCHED_PAIRS = 1 << 16


class SetStore:
    """Read-only access to sets of class ids in a :class:`xclass.data.text_store.TextStore` of uint32.

    Classes are numbered by falling frequency, so that keeping the N most frequent is keeping ids below N.
    Of fewer classes, an example without any of them is left out, and of the others what is kept of their set.
    Examples stay in the order of the file: no order has to be made, for any N.

    Memory: O(batch) anonymous, and ``16 / 64`` bytes per example where classes are left out. Mapped: the
    index of the store, at least ``(1 + 8 / 64)`` bytes per example; none of it where every example has one
    class and all are kept.
    """

    def __init__(self, folder: Path, stem: str, *, num_examples: int, num_classes: int | None) -> None:
        """Open the files; of fewer classes, read all of the sets once to count what is kept.

        Args:
            folder: checked against its manifest.
            stem: of the store.
            num_examples: in the files.
            num_classes: keep only ids below it; None: all.
        """
        self._store = TextStore(folder, stem, num_texts=num_examples, dtype=np.uint32)
        self._num_classes = num_classes
        self._example_starts: IntArray | None = None
        self._pair_starts = self._store.block_starts()
        self.num_examples = num_examples
        self.num_pairs = self._store.bytes_before(num_examples) // 4
        self.mapped_bytes = self._store.mapped_bytes
        if num_classes is not None:
            self._count_kept()
        self.is_plain = num_classes is None and self.num_pairs == self.num_examples

    def pairs_at(self, places: IntArray) -> tuple[IntArray, IntArray]:
        """Pairs of example and one of its classes, numbered through in the order of the examples.

        Args:
            places: shape (B,), int64, in any order, each below ``num_pairs``.

        Returns:
            Positions of the examples in the files, and classes: shape (B,), int64.
        """
        if self.is_plain:
            return places, self._store.elements_at(places).astype(np.int64)
        blocks, inverse = self._blocks_of(self._pair_starts, places)
        found_rows, found_classes = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
        # In parts: a random batch lies in nearly as many blocks as it has pairs, each of 64 examples.
        for first in range(0, len(blocks), _PART_BLOCKS):
            part = blocks[first : first + _PART_BLOCKS]
            mine = np.flatnonzero((inverse >= first) & (inverse < first + len(part)))
            rows, classes = self._part(part)
            bases = np.searchsorted(rows, part * BLOCK) - self._pair_starts[part]
            chosen = bases[inverse[mine] - first] + places[mine]
            found_rows[mine], found_classes[mine] = rows[chosen], classes[chosen]
        return found_rows, found_classes

    def places_of(self, class_id: int, limit: int) -> IntArray:
        """The first pairs of one class, int64, rising, at most ``limit``: for :meth:`pairs_at`.

        Reads the classes of every pair before the last that is found: of 20 million pairs it takes 20 ms,
        where examples have several classes or classes are left out 0.9 s.

        Memory: 1.5 MB.
        """
        found: IntArray = np.zeros(0, np.int64)
        for start, stop in batch_ranges(self.num_pairs, _SEARCHED_PAIRS):
            classes = self.pairs_at(np.arange(start, stop))[1]
            found = np.concatenate([found, start + np.flatnonzero(classes == class_id)])
            if len(found) >= limit:
                break
        return found[:limit]

    def sets_at(self, places: IntArray) -> tuple[IntArray, ClassSets]:
        """Whole examples, those kept numbered through.

        Args:
            places: shape (B,), int64, in any order, each below ``num_examples``.

        Returns:
            Positions of the examples in the files, shape (B,), int64, and their sets.
        """
        if self.is_plain:
            return places, ClassSets.of_single(self.pairs_at(places)[1])
        if self._example_starts is None:
            blocks, inverse = np.unique(places // BLOCK, return_inverse=True)
            before = blocks * BLOCK
        else:
            blocks, inverse = self._blocks_of(self._example_starts, places)
            before = self._example_starts[blocks]
        rows, classes = self._entries(blocks)
        firsts = np.flatnonzero(np.diff(rows, prepend=-1))
        sizes = np.diff(firsts, append=len(rows))
        examples = rows[firsts]
        chosen = (np.searchsorted(examples, blocks * BLOCK) - before)[inverse] + places
        starts = np.zeros(len(places) + 1, np.int64)
        np.cumsum(sizes[chosen], out=starts[1:])
        kept = gather_pieces(classes, firsts[chosen], sizes[chosen])
        return examples[chosen], ClassSets(starts=starts, classes=kept)

    def _blocks_of(self, starts: IntArray, places: IntArray) -> tuple[IntArray, IntArray]:
        """Distinct blocks, rising, and which of them each place lies in."""
        return np.unique(np.searchsorted(starts, places, side="right") - 1, return_inverse=True)

    def _entries(self, blocks: IntArray) -> tuple[IntArray, IntArray]:
        """Position of the example and class, of every kept pair of these blocks."""
        # In parts: of few classes, a batch of kept examples may lie in a million blocks.
        parts = [
            self._part(blocks[first : first + _PART_BLOCKS])
            for first in range(0, max(1, len(blocks)), _PART_BLOCKS)
        ]
        rows, classes = zip(*parts, strict=True)
        return np.concatenate(rows), np.concatenate(classes).astype(np.int64)

    def _part(self, blocks: IntArray) -> tuple[IntArray, npt.NDArray[np.uint32]]:
        classes, lengths = self._store.read_blocks(blocks)
        rows = np.repeat((blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel(), lengths.ravel())
        if self._num_classes is None:
            return rows, classes
        is_kept = classes < self._num_classes
        return rows[is_kept], classes[is_kept]

    def _count_kept(self) -> None:
        num_blocks = -(-self.num_examples // BLOCK)
        pairs, examples = np.zeros(num_blocks + 1, np.int64), np.zeros(num_blocks + 1, np.int64)
        for first in range(0, num_blocks, _PART_BLOCKS):
            last = min(num_blocks, first + _PART_BLOCKS)
            rows, _ = self._part(np.arange(first, last))
            for counts, kept in ((pairs, rows), (examples, np.unique(rows))):
                counts[first + 1 : last + 1] = np.bincount(kept // BLOCK - first, minlength=last - first)
        np.cumsum(pairs, out=pairs)
        np.cumsum(examples, out=examples)
        self.num_pairs, self.num_examples = int(pairs[-1]), int(examples[-1])
        self._pair_starts, self._example_starts = pairs[:-1], examples[:-1]
