"""What lies inside a FAISS index: the one below a rotation, bytes by part, rows as vectors."""

from __future__ import annotations

from typing import Any

import faiss

from xclass.data.base import FloatArray, IntArray
from xclass.shapes import INT64_BYTES, MAPPED


def faiss_index_bytes(index: faiss.Index) -> int:
    """Bytes a FAISS index holds, counted by writing it to a sink that keeps nothing.

    Source: faiss/impl/io.h ``IOWriter``; the serialised form holds codes, ids, links and centroids, and
    leaves out what is rebuilt on load (PQ's precomputed tables).
    """
    writer = _CountingWriter()
    faiss.write_index(index, faiss.PyCallbackIOWriter(writer.write, 1 << 20))
    return writer.num_bytes


def faiss_index_parts(index: faiss.Index) -> dict[str, int]:
    """The same bytes by part, under the names of :meth:`IndexKind.parts`: what is left is structure."""
    inner, total = innermost(index), faiss_index_bytes(index)
    codes, parts = inner, {}
    if isinstance(inner, faiss.IndexHNSW):
        hnsw, codes = inner.hnsw, faiss.downcast_index(inner.storage)
        links_bytes = 4 * hnsw.neighbors.size()
        parts["index graph"] = links_bytes + 4 * hnsw.levels.size() + INT64_BYTES * hnsw.offsets.size()
    is_on_disk = isinstance(inner, faiss.IndexIVF) and isinstance(
        faiss.downcast_InvertedLists(inner.invlists), faiss.OnDiskInvertedLists
    )
    suffix = MAPPED if is_on_disk else ""
    if isinstance(inner, faiss.IndexIVF):
        parts[f"index ids{suffix}"] = INT64_BYTES * int(inner.ntotal)
    parts[f"index codes{suffix}"] = int(codes.code_size) * int(inner.ntotal)
    structure = total if is_on_disk else total - sum(parts.values())
    return parts | {"index structure": structure}


def decode_rows(index: faiss.Index, rows_B: IntArray) -> FloatArray:
    """Vectors of these rows as an index stores them, shape (B, D); every kind of :class:`IndexKind` can.

    Of RaBitQ with more than one bit only the signs come back, although a search uses the other bits too
    (cosine with the vector 0.82 at 1 to 8 bits; faiss 1.15.1).

    Source: faiss/IndexIVF.h, ``make_direct_map``: to find a row in inverted lists.
    """
    inner = innermost(index)
    is_inverted = isinstance(inner, faiss.IndexIVF)
    if isinstance(inner, faiss.IndexIVFPQFastScan):
        # faiss 1.15.1 leaves it null when it reads such a file, and decoding then ends the process.
        inner.fine_quantizer = inner.pq
    if is_inverted:
        inner.make_direct_map(True)
    vectors_BD: FloatArray = index.reconstruct_batch(rows_B)
    if is_inverted:
        inner.make_direct_map(False)
    return vectors_BD


class _CountingWriter:
    """Counts bytes and forgets them."""

    def __init__(self) -> None:
        self.num_bytes = 0

    def write(self, data: bytes) -> None:
        """Take one piece."""
        self.num_bytes += len(data)


def innermost(index: Any) -> Any:
    """The index below a rotation."""
    inner = faiss.downcast_index(index)
    while isinstance(inner, faiss.IndexPreTransform):
        inner = faiss.downcast_index(inner.index)
    return inner
