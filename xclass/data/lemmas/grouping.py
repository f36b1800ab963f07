"""One language: its forms grouped by lemma, and one form of each lemma held out.

The rule of the split: of each class with at least two forms, the form with the smallest zlib.crc32 over
its UTF-8 bytes is held out (equal checksums: the smaller bytes); all else is training data.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray
from xclass.data.text_store import ByteArray, gather_pieces
from xclass.errors import DataError

MAX_TEXT_BYTES = 255
"""Lengths are kept in one byte."""
_CHUNK = 1 << 16
_CRC_BITS = np.uint64(32)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedForms:
    """F forms of one language in order of (class, crc32, bytes); classes are its lemmas, sorted."""

    lemmas: list[bytes]
    """The L lemmas, sorted by bytes."""
    buffer: ByteArray
    """UTF-8 of all forms, in the order in which they were read."""
    starts: IntArray
    """Shape (F,): where in ``buffer`` the form of this rank begins."""
    lengths: ByteArray
    """Shape (F,), uint8."""
    counts: IntArray
    """Shape (L,): forms of each lemma."""

    def held_out(self) -> npt.NDArray[np.bool_]:
        """Shape (F,): True for the one form that each class of two or more forms gives up."""
        mask = np.zeros(len(self.starts), np.bool_)
        mask[(np.cumsum(self.counts) - self.counts)[self.counts >= 2]] = True
        return mask

    def texts(self, chosen: IntArray) -> Iterator[tuple[ByteArray, ByteArray]]:
        """The forms of the ranks ``chosen``, as chunks of (bytes, lengths)."""
        for first in range(0, len(chosen), _CHUNK):
            ranks = chosen[first : first + _CHUNK]
            lengths = self.lengths[ranks]
            yield gather_pieces(self.buffer, self.starts[ranks], lengths.astype(np.int64)), lengths


def group_forms(pairs: Iterator[tuple[bytes, bytes]], *, language: str) -> GroupedForms:
    """Read all pairs of a language.

    Args:
        pairs: distinct forms, each with its lemma.
        language: for error messages.

    Memory: about 45 bytes per form + its text, twice while sorting, and one dictionary of the lemmas
    (never of the forms).

    Raises:
        DataError: a form or a lemma is longer than 255 bytes.
    """
    ids_of: dict[bytes, int] = {}
    texts: list[bytes] = []
    lengths: list[ByteArray] = []
    keys: list[npt.NDArray[np.uint64]] = []
    while chunk := list(islice(pairs, _CHUNK)):
        forms = [form for form, _ in chunk]
        if max(max(len(form), len(lemma)) for form, lemma in chunk) > MAX_TEXT_BYTES:
            raise DataError(f"lemmas: {language} has a word of more than {MAX_TEXT_BYTES} bytes")
        ids = np.array([ids_of.setdefault(lemma, len(ids_of)) for _, lemma in chunk], np.uint64)
        keys.append((ids << _CRC_BITS) | np.array([zlib.crc32(form) for form in forms], np.uint64))
        lengths.append(np.array([len(form) for form in forms], np.uint8))
        texts.append(b"".join(forms))
    if not keys:
        raise DataError(f"lemmas: {language} has no words")
    lemmas = list(ids_of)
    buffer, all_keys = np.frombuffer(b"".join(texts), np.uint8), np.concatenate(keys)
    # The sort is the peak of the whole preparation: what it does not need goes first.
    for parts in (ids_of, texts, keys):
        parts.clear()
    return _sort(lemmas=lemmas, buffer=buffer, lengths=np.concatenate(lengths), keys=all_keys)


def _sort(
    *, lemmas: list[bytes], buffer: ByteArray, lengths: ByteArray, keys: npt.NDArray[np.uint64]
) -> GroupedForms:
    """Order by (lemma bytes, crc32, form bytes); ``keys``, (id of lemma << 32 | crc32), is overwritten."""
    by_bytes = sorted(range(len(lemmas)), key=lemmas.__getitem__)
    rank_of = np.empty(len(lemmas), np.uint64)
    rank_of[by_bytes] = np.arange(len(lemmas), dtype=np.uint64)
    ranks = rank_of[(keys >> _CRC_BITS).view(np.int64)]
    ranks <<= _CRC_BITS
    keys &= np.uint64(0xFFFFFFFF)
    keys |= ranks
    del ranks
    order = np.argsort(keys)
    keys = keys[order]
    starts = np.cumsum(lengths, dtype=np.int64)
    starts -= lengths
    _order_equal_keys(order, keys, starts, lengths, buffer)
    keys >>= _CRC_BITS
    return GroupedForms(
        lemmas=[lemmas[index] for index in by_bytes],
        buffer=buffer,
        starts=starts[order],
        lengths=lengths[order],
        counts=np.bincount(keys.view(np.int64), minlength=len(lemmas)),
    )


def _order_equal_keys(
    order: IntArray, keys: npt.NDArray[np.uint64], starts: IntArray, lengths: ByteArray, buffer: ByteArray
) -> None:
    """Sort forms of one class with equal crc32 by their bytes, in place; there is about one such pair."""
    equal = np.flatnonzero(keys[1:] == keys[:-1])
    for run in np.split(equal, np.flatnonzero(np.diff(equal) > 1) + 1):
        if len(run):
            place = slice(int(run[0]), int(run[-1]) + 2)
            forms = {int(i): buffer[starts[i] : starts[i] + int(lengths[i])].tobytes() for i in order[place]}
            order[place] = sorted(forms, key=forms.__getitem__)
