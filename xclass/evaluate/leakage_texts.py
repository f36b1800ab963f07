"""Which queries are, or nearly are, training texts: equal once folded, or alike in their n-grams."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.data.base import Inputs, IntArray, Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.ngrams import hash_ngrams
from xclass.evaluate.leakage_found import Matches, cap_pairs

NEAR_JACCARD = 0.8
"""Two texts are near copies from this share of common n-grams on: a letter changed in forty, not an inflected
form of one word."""
_NGRAMS = BagConfig(min_n=3, max_n=4, num_buckets=1 << 30)
_NUM_BANDS, _BAND_ROWS = 8, 3
"""A pair with a Jaccard similarity s shares a band with probability ``1 - (1 - s ** 3) ** 8``: 99.7 % at 0.8,
all but always above, 20 % at 0.3.

Source: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3rd edition, section 3.4.2.
"""
_SEEDS = np.random.default_rng(0x3A5).integers(1 << 32, size=(_NUM_BANDS, _BAND_ROWS), dtype=np.uint32)
_MIX_1, _MIX_2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
"""Source: hash-prospector's ``lowbias32``, github.com/skeeto/hash-prospector."""
_WORD = np.uint64(0x9E3779B97F4A7C15)
_FILTER_BITS = 18
"""A table of bits spares 97 % of the binary searches in 2000 queries: a third of all time without it."""
_FILTER_SHIFT = np.uint64(64 - _FILTER_BITS)
_MAX_EQUAL = 8
"""Examples of a batch that one text is reported to equal: more would say no more."""
_SPACES = re.compile(" {2,}")
_TO_SPACE = np.arange(256, dtype=np.uint8)
_TO_SPACE[9:14] = ord(" ")


class TextMatcher:
    """Looks for some queries in batches of training texts. A context (a language) is part of a text.

    Memory: about 200 bytes per query and n-gram held; in :meth:`look` about 60 per character.
    """

    def __init__(self, queries: Texts) -> None:
        """Fold and sketch the queries."""
        folded, lines = fold(queries)
        self._wanted: dict[str, dict[int, list[int]]] = {}
        for place, (line, context) in enumerate(zip(lines, queries.contexts.tolist(), strict=True)):
            if line:
                self._wanted.setdefault(line, {}).setdefault(context, []).append(place)
        bags = _gram_bags(folded)
        keys_QB = _band_keys(bags)
        self._sets = _distinct(bags)
        self._order = np.argsort(keys_QB, axis=0, kind="stable")
        self._keys = np.take_along_axis(keys_QB, self._order, axis=0)
        self._may_be_met = np.zeros((_NUM_BANDS, 1 << _FILTER_BITS), np.bool_)
        for band in range(_NUM_BANDS):
            self._may_be_met[band, keys_QB[:, band] >> _FILTER_SHIFT] = True

    def look(self, inputs: Inputs) -> Matches:
        """Pairs of a query and an example of this batch."""
        assert isinstance(inputs, Texts)
        folded, lines = fold(inputs)
        equal = self._equal(lines, inputs)
        near = self._near(folded)
        return Matches(
            queries=np.concatenate([equal[0], near[0]]),
            examples=np.concatenate([equal[1], near[1]]),
            is_exact=np.arange(len(equal[0]) + len(near[0])) < len(equal[0]),
        )

    def _equal(self, lines: list[str], texts: Texts) -> tuple[IntArray, IntArray]:
        wanted, seen = self._wanted, Counter[int]()
        pairs: list[tuple[int, int]] = []
        for example in [place for place, line in enumerate(lines) if line in wanted]:
            queries = wanted[lines[example]].get(int(texts.contexts[example]), [])
            seen.update(queries[:1])
            if queries and seen[queries[0]] <= _MAX_EQUAL:
                pairs += [(query, example) for query in queries]
        found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _near(self, folded: Texts) -> tuple[IntArray, IntArray]:
        """Pairs that share a band and, counted exactly, enough n-grams; equal texts are among them."""
        bags = _gram_bags(folded)
        keys_BB = _band_keys(bags)
        has_grams = np.diff(bags.indptr) > 0
        pairs = []
        for band in range(_NUM_BANDS):
            keys_B = keys_BB[:, band]
            met = np.flatnonzero(self._may_be_met[band, keys_B >> _FILTER_SHIFT] & has_grams)
            first = np.searchsorted(self._keys[:, band], keys_B[met], side="left")
            last = np.searchsorted(self._keys[:, band], keys_B[met], side="right")
            examples, at = cap_pairs(met, first, last)
            pairs.append(np.stack([self._order[at, band], examples]))
        query, example = np.unique(np.concatenate(pairs, axis=1), axis=1)
        is_near = _jaccard(self._sets[query], _distinct(bags[example])) >= NEAR_JACCARD
        return query[is_near], example[is_near]


def fold(texts: Texts) -> tuple[Texts, list[str]]:
    """Texts without what copying changes: compatibility forms (NFKC), letter case, repeated white space.

    Returns:
        The folded texts, as bytes for hashing and as strings.
    """
    ends = texts.offsets[1:] - texts.offsets[0]
    buffer = _TO_SPACE[texts.bytes_[texts.offsets[0] : texts.offsets[-1]]]
    joined = np.insert(buffer, ends, ord("\n")).tobytes().decode(errors="replace")
    joined = unicodedata.normalize("NFKC", joined).casefold()
    joined = _SPACES.sub(" ", joined).replace(" \n", "\n").replace("\n ", "\n").removeprefix(" ")
    bytes_ = np.frombuffer(joined.encode(), np.uint8)
    is_end = bytes_ == ord("\n")
    offsets = np.zeros(len(texts) + 1, np.int64)
    offsets[1:] = np.flatnonzero(is_end) - np.arange(len(texts))
    lines = joined.split("\n")[:-1]
    return Texts(bytes_=bytes_[~is_end], offsets=offsets, contexts=texts.contexts), lines


def _gram_bags(texts: Texts) -> csr_array:
    """The n-grams of each text, repeated ones too: shape (B, buckets), float32, each 1."""
    buckets, row_starts = hash_ngrams(texts, _NGRAMS)
    ones = np.ones(len(buckets), np.float32)
    return csr_array((ones, buckets, row_starts), shape=(len(texts), _NGRAMS.num_buckets))


def _distinct(bags: csr_array) -> csr_array:
    """Each n-gram once; in place."""
    bags.sum_duplicates()
    bags.data[:] = 1
    return bags


def _jaccard(ours: csr_array, theirs: csr_array) -> npt.NDArray[np.float64]:
    """Row by row, the share of n-grams that both have."""
    common = np.asarray(ours.multiply(theirs).sum(axis=1)).ravel()
    shares: npt.NDArray[np.float64] = common / (np.diff(ours.indptr) + np.diff(theirs.indptr) - common)
    return shares


def _band_keys(bags: csr_array) -> npt.NDArray[np.uint64]:
    """MinHash of each text, its bands mixed into one word each: shape (B, bands); 0 without n-grams.

    Source: A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997.
    """
    keys_BB = np.zeros((bags.shape[0], _NUM_BANDS), np.uint64)
    has_grams = np.flatnonzero(np.diff(bags.indptr))
    if not len(has_grams):
        return keys_BB
    starts, grams = bags.indptr[has_grams], bags.indices.astype(np.uint32)
    for band, seeds in enumerate(_SEEDS):
        key = np.zeros(len(has_grams), np.uint64)
        for seed in seeds:
            key *= _WORD
            key += np.minimum.reduceat(_mix(grams ^ seed), starts)
        keys_BB[has_grams, band] = key
    return keys_BB


def _mix(x: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A permutation of uint32 whose low and high bits depend on all bits; in place."""
    x ^= x >> np.uint32(16)
    x *= _MIX_1
    x ^= x >> np.uint32(15)
    x *= _MIX_2
    x ^= x >> np.uint32(16)
    return x
