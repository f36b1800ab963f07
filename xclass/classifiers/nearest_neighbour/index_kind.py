"""FAISS factory strings: which are understood, and how many bytes they hold. Standard library only.

Source: faiss wiki "Faiss indexes" and "Guidelines to choose an index"; contrib/factory_tools.py
``get_code_size`` (which leaves out the 8-byte ids of inverted lists and calls its HNSW term rough).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES

_CODE = r"Flat|SQ8|SQ6|SQ4|SQfp16|SQbf16|PQ[1-9]\d*(?:x(?:[1-9]|1[0-6]))?"
_RABITQ = r"RaBitQ[1-8]?"
_FAST_SCAN = r"PQ[1-9]\d*x4fs"
_FORMAT = re.compile(
    r"(?:OPQ(?P<opq>[1-9]\d*)(?:_(?P<opq_dim>[1-9]\d*))?,)?"
    rf"(?:(?:IVF(?P<lists>[1-9]\d*),)?(?P<code>{_FAST_SCAN}|{_CODE}|{_RABITQ})"
    rf"|HNSW(?P<links>[2-9]|[1-9]\d+)(?:,(?P<node_code>{_CODE}))?)"
)
_BITS_PER_VALUE = {"Flat": 32, "SQ8": 8, "SQ6": 6, "SQ4": 4, "SQfp16": 16, "SQbf16": 16}
INDEX_KEY = "index.factory"
INDEX_STRUCTURE = "index structure"
"""Name of the part of an index that does not belong to one class."""
POINTS_PER_CENTROID = 256
"""Default ``max_points_per_centroid`` of faiss's k-means: more training points are not looked at."""
_ALLOWED = (
    "Flat, SQ8, SQ6, SQ4, SQfp16, PQ16, PQ64x4fs, RaBitQ4, IVF1024,<one of these>, OPQ16,<...>, "
    "HNSW32[,Flat|,SQ8]"
)
_MAX_TABLE_BYTES = 1 << 31
"""Source: ``precomputed_table_max_bytes`` in faiss/IndexIVFPQ.cpp."""
LEVEL_BYTES = 4 + INT64_BYTES
"""Level and offset of one vector in a graph, beside its links. Source: faiss/impl/HNSW.h."""
_RABITQ_SIGN_BYTES, _RABITQ_EXTRA_BYTES = 8, 20
"""Floats beside a RaBitQ code of one bit, and of more. Source: ``code_size`` of faiss 1.15."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexKind:
    """A parsed factory string."""

    num_lists: int
    """Inverted lists; 0 where there are none."""
    num_links: int
    """M of HNSW; 0 where there is no graph."""
    code: str
    """Flat, SQ8, ..., PQ or RaBitQ."""
    num_segments: int
    """Sub-quantisers of PQ; 0 for other codes."""
    bits: int
    """Bits of one PQ sub-quantiser, or of one value of RaBitQ."""
    num_rotation_segments: int
    """Segments an OPQ rotation is trained for; 0 where there is no rotation."""
    rotated_dim: int
    """Dimensions after the rotation; 0: as many as before."""
    is_fast_scan: bool
    """PQ of 4 bits in blocks of 32 codes whose tables stay in registers: 20 times as fast as PQ of 8 bits.

    Source: Andre, Kermarrec, Le Scouarnec, "Quicker ADC", 2018; faiss wiki "Fast accumulation of PQ and AQ
    codes (FastScan)".
    """

    @property
    def has_rotation(self) -> bool:
        """An OPQ rotation comes first."""
        return self.num_rotation_segments > 0

    @property
    def is_flat(self) -> bool:
        """Plain float32 vectors in one array."""
        return self.code == "Flat" and not (self.num_lists or self.num_links or self.has_rotation)

    @property
    def is_reserved(self) -> bool:
        """Room for every code can be taken before adding: not in blocks of fast-scan codes, one per list."""
        return not (self.num_lists and self.is_fast_scan)

    @property
    def needs_distances(self) -> bool:
        """Inner products serve it badly: it wants L2, which on vectors of equal length is the same order.

        Graphs need a metric: HNSW on raw inner products finds 6 % of what it should (milvus #51821, hnswlib
        #74). RaBitQ in inverted lists estimates inner products too coarsely: among the best 500 of 1e5 class
        means, all 64 lists searched, 51 % of the first ten by inner product and 81 % by L2 (faiss 1.15.1),
        which is what RaBitQ finds without lists.
        """
        return bool(self.num_links) or (self.code == "RaBitQ" and bool(self.num_lists))

    @property
    def needs_training(self) -> bool:
        """The index must see vectors before it can take them."""
        return self.code != "Flat" or bool(self.num_lists) or self.has_rotation

    def code_bytes(self, dim: int) -> int:
        """Bytes of one class's code, its id in an inverted list and its graph links included."""
        code = self._own_code_bytes(self.rotated_dim or dim)
        return code + (INT64_BYTES if self.num_lists else 0) + round(self._links_bytes())

    def parts(self, num_classes: int, dim: int) -> dict[str, int]:
        """Bytes of each part of the full index, under the names that a built one is counted by.

        What is left of a file is structure: of some kinds nothing but a header, for which 0 is stated.
        """
        parts = {
            "index codes": self._own_code_bytes(self.rotated_dim or dim) * num_classes,
            "index ids": INT64_BYTES * num_classes if self.num_lists else 0,
            "index graph": round(self._links_bytes() * num_classes),
            INDEX_STRUCTURE: self.structure_bytes(num_classes, dim),
        }
        return {name: size for name, size in parts.items() if size or name == INDEX_STRUCTURE}

    def _links_bytes(self) -> float:
        """Of one class in a graph: 2 M links of 4 bytes at level 0, M at each level above, level and offset.

        A vector is at ``1 / (M - 1)`` levels above 0 on average.

        Source: faiss/impl/HNSW.cpp, ``set_default_probas``: level l with probability ``M**-l (1 - 1/M)``.
        """
        links = self.num_links
        return 4 * (2 * links + links / (links - 1)) + LEVEL_BYTES if links else 0.0

    def _own_code_bytes(self, dim: int) -> int:
        if self.code == "PQ":
            return -(-self.num_segments * self.bits // 8)
        if self.code == "RaBitQ":
            extra = -(-(self.bits - 1) * dim // 8)
            return -(-dim // 8) + extra + (_RABITQ_EXTRA_BYTES if extra else _RABITQ_SIGN_BYTES)
        return -(-_BITS_PER_VALUE[self.code] * dim // 8)

    def structure_bytes(self, num_classes: int, dim: int) -> int:
        """Bytes that do not belong to one class: centroids, codebooks, rotation, PQ tables."""
        coded_dim = self.rotated_dim or dim
        centroids = self.num_lists * coded_dim * FLOAT32_BYTES
        codebook = (1 << self.bits) * coded_dim * FLOAT32_BYTES if self.code == "PQ" else 0
        rotation = dim * coded_dim * FLOAT32_BYTES if self.has_rotation else 0
        centre = coded_dim * FLOAT32_BYTES if self.code == "RaBitQ" else 0
        # Each list ends in a block of 32 codes that is half empty on average.
        padding = self.num_lists * 16 * self._own_code_bytes(coded_dim) if self.is_fast_scan else 0
        return centroids + codebook + rotation + centre + padding

    def table_terms(self, *, is_l2: bool) -> dict[str, int]:
        """The table that PQ in lists keeps where it is searched by L2: ``4 lists M 2**bits``, else none."""
        size = FLOAT32_BYTES * self.num_lists * self.num_segments << self.bits
        has_table = is_l2 and self.code == "PQ" and 0 < size <= _MAX_TABLE_BYTES
        return {"distance tables": size} if has_table else {}

    def training_points(self, num_classes: int, wanted: int | None = None) -> int:
        """Class vectors that training looks at.

        Args:
            num_classes: C, the most there are.
            wanted: a bound, raised to one point per centroid, which FAISS demands; None: what k-means can
                use, at least 65536 (PQ's 256 x 256).
        """
        if wanted is None:
            wanted = max(self.num_lists * POINTS_PER_CENTROID, 1 << 16)
        return min(num_classes, max(wanted, self._num_centroids))

    @property
    def _num_centroids(self) -> int:
        """Of the largest k-means in it."""
        return max(self.num_lists, 1 << self.bits if self.code == "PQ" else 0)

    def misfit(self, num_classes: int, dim: int) -> str | None:
        """Why this index cannot be built over C vectors of D values; None: it can.

        Source: faiss refuses the same, but only after the class means are accumulated and without the key:
        ProductQuantizer.cpp ("multiple of the number of subquantizers"), Clustering.cpp ("at least as large
        as number of clusters").
        """
        coded_dim = self.rotated_dim or dim
        for num_segments in {self.num_segments, self.num_rotation_segments} - {0}:
            if coded_dim % num_segments:
                return f"a number of segments that divides {coded_dim} dimensions, not {num_segments}"
        if self._num_centroids > num_classes:
            return f"at most as many lists and centroids as classes: {num_classes}, not {self._num_centroids}"
        return None


@lru_cache(maxsize=256)
def parse_index_kind(factory: str, *, key: str = INDEX_KEY) -> IndexKind:
    """Read a FAISS factory string.

    Args:
        factory: the string.
        key: setting to blame.

    Raises:
        ConfigError: a kind without a closed form here.
    """
    match = _FORMAT.fullmatch(factory)
    if match is None:
        raise ConfigError(key, factory, allowed=_ALLOWED, remedy="Flat is exact and the default")
    code, _, bits = (match["code"] or match["node_code"] or "Flat").partition("x")
    is_fast_scan, bits = bits.endswith("fs"), bits.removesuffix("fs")
    is_pq = code.startswith("PQ")
    if code.startswith("RaBitQ"):
        code, bits = "RaBitQ", code.removeprefix("RaBitQ") or "1"
    return IndexKind(
        num_lists=int(match["lists"] or 0),
        num_links=int(match["links"] or 0),
        code="PQ" if is_pq else code,
        num_segments=int(code[2:]) if is_pq else 0,
        bits=int(bits or 8) if is_pq or bits else 0,
        num_rotation_segments=int(match["opq"] or 0),
        rotated_dim=int(match["opq_dim"] or 0),
        is_fast_scan=is_fast_scan,
    )
