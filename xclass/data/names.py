"""Names of classes numbered in the order in which they come, in bounded memory per class."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

_FIRST_SLOTS = 1 << 12
_FULL_SHARE = 0.6
_REHASH_SLOTS = 1 << 18
_MAX_NAMES = (1 << 32) - 1

_Keys = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]


class NameTable:
    """Name -> id by open addressing over 96 bits of a hash; the names themselves are not kept.

    Two of 1e8 names share 96 bits with a chance of 6e-14, so that a name is never compared.

    Memory: 16 B per slot, 27 to 54 B per name; once more the half of it while the table grows. A ``dict`` of
    Python with its keys and values takes about 170 B for a name of 20 bytes.
    """

    def __init__(self) -> None:
        """An empty table."""
        self.num_names = 0
        self._allocate(_FIRST_SLOTS)

    def find(self, names: Sequence[bytes]) -> IntArray:
        """The id of each name, -1 where it is unknown; shape (len(names),), int64."""
        return self._find(_hash(names))

    def add(self, names: Sequence[bytes]) -> IntArray:
        """The id of each name, new ones numbered in the order of ``names``, each of which occurs once."""
        keys, checks = _hash(names)
        ids = self._find((keys, checks))
        is_new = np.flatnonzero(ids < 0)
        ids[is_new] = self.num_names + np.arange(len(is_new))
        self.num_names += len(is_new)
        assert self.num_names <= _MAX_NAMES
        self._grow()
        self._insert((keys[is_new], checks[is_new]), ids[is_new].astype(np.uint32))
        return ids

    def _allocate(self, num_slots: int) -> None:
        self._keys = np.zeros(num_slots, np.uint64)
        self._checks = np.zeros(num_slots, np.uint32)
        self._ids = np.zeros(num_slots, np.uint32)
        self._mask = np.uint64(num_slots - 1)

    def _grow(self) -> None:
        """More slots, where the share of full ones would be too large to find an empty one soon."""
        num_slots = len(self._keys)
        while self.num_names > _FULL_SHARE * num_slots:
            num_slots *= 2
        if num_slots == len(self._keys):
            return
        keys, checks, ids = self._keys, self._checks, self._ids
        self._allocate(num_slots)
        for start in range(0, len(keys), _REHASH_SLOTS):
            full = start + np.flatnonzero(keys[start : start + _REHASH_SLOTS])
            self._insert((keys[full], checks[full]), ids[full])

    def _find(self, hashes: _Keys) -> IntArray:
        keys, checks = hashes
        ids = np.full(len(keys), -1, np.int64)
        places = (keys & self._mask).astype(np.int64)
        waiting = np.arange(len(keys))
        while len(waiting):
            here = places[waiting]
            is_hit = (self._keys[here] == keys[waiting]) & (self._checks[here] == checks[waiting])
            ids[waiting[is_hit]] = self._ids[here[is_hit]]
            waiting = waiting[~is_hit & (self._keys[here] != 0)]
            places[waiting] = (places[waiting] + 1) & int(self._mask)
        return ids

    def _insert(self, hashes: _Keys, ids: npt.NDArray[np.uint32]) -> None:
        """Names that are not in the table yet, each once."""
        keys, checks = hashes
        places = (keys & self._mask).astype(np.int64)
        waiting = np.arange(len(keys))
        while len(waiting):
            claims = waiting[self._keys[places[waiting]] == 0]
            here = places[claims]
            self._ids[here] = ids[claims]  # of several that claim one slot the last stays
            winners = claims[self._ids[here] == ids[claims]]
            self._keys[places[winners]] = keys[winners]
            self._checks[places[winners]] = checks[winners]
            is_in = np.zeros(len(keys), np.bool_)
            is_in[winners] = True
            waiting = waiting[~is_in[waiting]]
            places[waiting] = (places[waiting] + 1) & int(self._mask)


def _hash(names: Sequence[bytes]) -> _Keys:
    digests = b"".join([blake2b(name, digest_size=12).digest() for name in names])
    parts = np.frombuffer(digests, np.dtype([("key", "<u8"), ("check", "<u4")]))
    # 0 marks an empty slot.
    return np.maximum(parts["key"], np.uint64(1)), parts["check"].copy()
