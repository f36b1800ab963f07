"""Texts -> vectors: hashed character n-grams times a table with one row per bucket.

Source: hashing of features, Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML
2009; subword n-grams with ``<`` and ``>``, Bojanowski et al., "Enriching Word Vectors with Subword
Information", TACL 2017.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.data.base import FloatArray, Inputs, IntArray, Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.base import Features
from xclass.encoders.config import ENCODER_JSON, FORMAT_VERSION, NGRAMS, NgramConfig
from xclass.encoders.idf import held_idf, learn_idf, save_idf, unit_rows
from xclass.encoders.idf_config import Weighting
from xclass.encoders.table import TableEncoder

UintArray = npt.NDArray[np.uint32]
Int32Array = npt.NDArray[np.int32]

# Odd multipliers of murmur3's finaliser and of the golden ratio, and FNV's prime for the rolling part.
_MIX_1, _MIX_2, _ROLL = np.uint32(0x85EBCA6B), np.uint32(0x9E3779B1), np.uint32(0x01000193)


class NgramEncoder(TableEncoder):
    """Linear map of the L2-normalised bag of hashed n-grams; ``|x|`` is about 1.

    Memory: ``4 M D`` (table) + ``8 M`` if trainable (optimiser, slots); per call see
    :meth:`NgramConfig.memory_terms`.
    """

    def __init__(
        self,
        config: NgramConfig,
        *,
        dim: int,
        seed: int,
        is_trainable: bool,
        table_MD: FloatArray | None = None,
        idf_M: FloatArray | None = None,
    ) -> None:
        """Draw the table, or take one.

        Args:
            config: n-gram range, buckets, learning rate.
            dim: D.
            seed: of the table.
            is_trainable: whether :meth:`apply_gradient` changes the table.
            table_MD: a table to use as it is; a memory-mapped one stays mapped and cannot be trained.
            idf_M: weights of the buckets, where they are learnt already.
        """
        super().__init__(
            num_rows=config.num_buckets,
            dim=dim,
            seed=seed,
            learning_rate=config.learning_rate,
            is_trainable=is_trainable,
            component=NGRAMS,
            table_MD=table_MD,
        )
        self.config = config
        self._idf_M = idf_M

    def learn(self, inputs: Iterator[Inputs]) -> None:
        """How common each bucket is, with ``weighting=idf`` and unless it was opened with its weights."""
        if self.config.weighting is Weighting.idf and self._idf_M is None:
            batches = (self._bags(texts) for texts in inputs)
            self._idf_M = learn_idf(batches, self.config.num_buckets, self.config.idf_examples)

    def features(self, inputs: Inputs) -> Features:
        """Bags of hashed n-grams.

        Args:
            inputs: B texts.

        Returns:
            CSR of shape (B, M), float32. An n-gram that occurs twice in a text is stored twice. Each
            stored value is ``1 / sqrt(n-grams of the text)``, or with idf that of its bucket, divided by
            what gives the stored values of a text length 1.
        """
        bags = self._bags(inputs)
        if self.config.weighting is Weighting.idf:
            assert self._idf_M is not None, "learn() comes first"
            bags.data = self._idf_M[bags.indices]
        unit_rows(bags.data, bags.indptr)
        return bags

    def _bags(self, inputs: Inputs) -> csr_array:
        assert isinstance(inputs, Texts)
        buckets, row_starts = hash_ngrams(inputs, self.config)
        ones = np.ones(len(buckets), np.float32)
        return csr_array((ones, buckets, row_starts), shape=(len(inputs), self.config.num_buckets))

    def held_bytes(self) -> dict[str, int]:
        """Bytes of the table and the weights (file pages if they were loaded) and of the optimiser."""
        return super().held_bytes() | held_idf(self._idf_M)

    def save(self, folder: Path) -> None:
        """Write ``encoder.json``, ``encoder_table.npy`` and the weights; the optimiser is not saved."""
        save_idf(folder, self._idf_M)
        self._save_table(folder)
        document = {
            "format_version": FORMAT_VERSION,
            "kind": "ngrams",
            "dim": self.dim,
            "seed": self._seed,
            "config": asdict(self.config),
        }
        (folder / ENCODER_JSON).write_text(json.dumps(document, indent=1))


def hash_ngrams(texts: Texts, config: NgramConfig | BagConfig) -> tuple[Int32Array, Int32Array]:
    """Buckets of all character n-grams of ``<text>``.

    All n are hashed in one sweep: the hash of n+1 characters extends that of n. Text i has a grid of
    (position, n) cells of which those that fit into it are kept, so that the result is in text order.

    Returns:
        ``buckets``: shape (total,), int32; ``row_starts``: shape (B + 1,), int32.
    """
    symbols, sizes_B = _symbols(texts, padding=config.max_n)
    num_positions = len(symbols) - config.max_n
    ends_B = np.cumsum(sizes_B, dtype=np.int32)
    remaining = np.repeat(ends_B, sizes_B) - np.arange(num_positions, dtype=np.int32)
    lengths_N = np.arange(config.min_n, config.max_n + 1, dtype=np.int32)
    # Not 0 without contexts: the hash of a prefix must not be that of its extension by a zero.
    context_seeds_B = _mix(
        texts.contexts + np.uint32(1) if config.use_context else np.ones_like(texts.contexts)
    )
    hashes = np.repeat(context_seeds_B, sizes_B)
    grid = np.empty((num_positions, len(lengths_N)), np.int32)
    shift = np.uint32(33 - config.num_buckets.bit_length())
    for n in range(1, config.max_n + 1):
        hashes *= _ROLL
        hashes ^= symbols[n - 1 : n - 1 + num_positions]
        if n >= config.min_n:
            grid[:, n - config.min_n] = _mix(hashes) >> shift
    row_starts = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.maximum(sizes_B[:, None] - (lengths_N - 1), 0).sum(axis=1), out=row_starts[1:])
    return grid[remaining[:, None] >= lengths_N], row_starts


def _symbols(texts: Texts, *, padding: int) -> tuple[UintArray, Int32Array]:
    """One scrambled uint32 per character of ``<text>``, texts behind each other.

    Returns:
        ``symbols``: shape (total + padding,), the padding zero; ``sizes_B``: characters per text with both
        boundaries, int32.
    """
    characters, ends_B = _characters(texts)
    sizes_B = np.diff(ends_B, prepend=0).astype(np.int32)
    shifts_B = 2 * np.arange(len(texts))
    symbols = np.zeros(len(characters) + 2 * len(texts) + padding, np.uint32)
    symbols[np.arange(1, len(characters) + 1) + np.repeat(shifts_B, sizes_B)] = characters
    symbols[ends_B - sizes_B + shifts_B] = ord("<")
    symbols[ends_B + shifts_B + 1] = ord(">")
    symbols *= _MIX_2
    symbols ^= symbols >> np.uint32(15)
    return symbols, sizes_B + np.int32(2)


def _characters(texts: Texts) -> tuple[UintArray, IntArray]:
    """The UTF-8 bytes of each character packed into a uint32, and where each text ends."""
    offsets = texts.offsets - texts.offsets[0]
    bytes_ = texts.bytes_[texts.offsets[0] : texts.offsets[-1]]
    leads = np.flatnonzero(_is_lead(bytes_))
    if len(leads) == len(bytes_):
        return bytes_.astype(np.uint32), offsets[1:]
    padded = np.concatenate([bytes_, np.zeros(3, np.uint8)])
    characters = padded[leads].astype(np.uint32)
    goes_on = np.ones(len(leads), np.bool_)
    for number in (1, 2, 3):
        following = padded[leads + number]
        goes_on &= ~_is_lead(following)
        characters |= (following * goes_on).astype(np.uint32) << np.uint32(8 * number)
    return characters, np.searchsorted(leads, offsets[1:])


def _is_lead(bytes_: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    is_lead: npt.NDArray[np.bool_] = (bytes_ & np.uint8(0xC0)) != np.uint8(0x80)
    return is_lead


def _mix(x: UintArray) -> UintArray:
    """A permutation of uint32 whose high bits depend on all bits."""
    x = (x ^ (x >> np.uint32(15))) * _MIX_1
    x ^= x >> np.uint32(13)
    x *= _MIX_2
    return x
