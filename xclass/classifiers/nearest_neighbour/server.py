"""Answers queries from a saved FAISS index, memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.class_ids import ClassIds, open_class_ids
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.nearest_neighbour.index_config import EXACT_MAPPED, INDEX_COPIED, INDEX_MAPPED
from xclass.classifiers.nearest_neighbour.index_kind import LEVEL_BYTES
from xclass.classifiers.nearest_neighbour.second_stage import SecondStage
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError
from xclass.shapes import INT64_BYTES, MAPPED

INDEX_FILE = "index.faiss"
LISTS_FILE = "lists.ivfdata"
"""Inverted lists that were built on the disk."""

ADDED_LENGTH = "added_length"
"""Fact of the manifest: length that a class which is added later is given; null: its own."""
_FAST_SCAN = (b"IPfs", b"IwPf")
"""First bytes of such a file, without and with lists. Source: faiss/impl/index_write.cpp, ``fourcc`` of
IndexPQFastScan and IndexIVFPQFastScan."""


class FaissServer:
    """Search in a FAISS index whose codes are mapped from the file, not copied into memory.

    Memory:
        the files' bytes as file pages once all were touched; O(Q k) per call, and 8 MiB where a second stage
        ranks again.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._index: faiss.Index | None = None
        self._normalise = False
        self._file_bytes = 0
        self._is_copied = False
        self._class_ids = ClassIds(ids_C=None, next_id=0)
        self._second_stage: SecondStage | None = None
        self._num_candidates = 0

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._threads)

    def load(self, folder: Path) -> None:
        """Map the index.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind="faiss", facts=("normalise", "num_probes", "search_width"))
        path = folder / INDEX_FILE
        # Lists built on the disk are found beside the index, wherever the folder was moved to.
        is_on_disk = LISTS_FILE in manifest["files"]
        try:
            flags = _open_flags(path, is_on_disk=is_on_disk)
            index = faiss.read_index(str(path), flags)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"{path}: FAISS cannot read it ({reason}); build the index again") from error
        if (index.ntotal, index.d) != (manifest["num_classes"], manifest["dim"]):
            raise ModelError(
                f"{path}: {index.ntotal} vectors of {index.d} values, not {manifest['num_classes']} of "
                f"{manifest['dim']}; build the index again"
            )
        self._index = index
        self._class_ids = open_class_ids(folder, manifest)
        self._is_copied = flags == 0
        self._file_bytes = path.stat().st_size
        if is_on_disk:
            self._file_bytes += (folder / LISTS_FILE).stat().st_size
        facts = manifest["facts"]
        self._normalise = bool(facts["normalise"])
        self._num_candidates = int(facts.get("rerank", 0))
        if self._num_candidates:
            shape = (manifest["num_classes"], manifest["dim"])
            is_l2 = index.metric_type == faiss.METRIC_L2
            is_mapped = bool(facts.get("is_rerank_mapped", True))
            self._second_stage = SecondStage(folder, shape, is_l2=is_l2, is_mapped=is_mapped)
        self.set_effort({"num_probes": facts["num_probes"], "search_width": facts["search_width"]})

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k nearest class means, best first; scores rise with nearness (negated L2 distances)."""
        assert self._index is not None, "load() comes first"
        queries_QD = np.ascontiguousarray(queries_QD)
        if self._normalise:
            lengths = np.sqrt(np.einsum("qd,qd->q", queries_QD, queries_QD))
            queries_QD = queries_QD / np.maximum(lengths, 1e-12)[:, None]
        if self._second_stage is not None:
            candidates = min(max(k, self._num_candidates), self._index.ntotal)
            _, rows_QR = self._index.search(queries_QD, candidates)
            scores_QK, classes_QK = self._second_stage.rank(queries_QD, rows_QR, k)
        else:
            scores_QK, classes_QK = self._index.search(queries_QD, k)
            if self._index.metric_type == faiss.METRIC_L2:
                scores_QK = -scores_QK
        return Answers(classes_QK=self._class_ids.name(classes_QK), scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> FloatArray:
        """What the codes say of each vector, or the exact ones where a second stage has them; shape (B, D).

        Memory: 4 B D bytes; inverted lists besides 8 C while it runs, to find a class in them.
        """
        assert self._index is not None, "load() comes first"
        rows_B = self._class_ids.rows(classes_B)
        if self._second_stage is not None:
            return self._second_stage.vectors(rows_B)
        return decode_rows(self._index, rows_B)

    def held_bytes(self) -> dict[str, int]:
        """The index file, mapped or copied, and what lies beside it."""
        if self._index is None:
            return {}
        copied = self._copied_bytes()
        held = {INDEX_MAPPED: 0 if self._is_copied else self._file_bytes, INDEX_COPIED: copied}
        held = {name: size for name, size in held.items() if size} | self._class_ids.held_bytes()
        exact = self._second_stage.held_bytes() if self._second_stage is not None else 0
        return held | ({EXACT_MAPPED: exact} if exact else {})

    def _copied_bytes(self) -> int:
        """All of the file where nothing can be mapped; of a mapped graph, levels and offsets once more."""
        inner = innermost(self._index)
        if isinstance(inner, faiss.IndexHNSW) and not self._is_copied:
            return LEVEL_BYTES * int(inner.ntotal)
        return self._file_bytes if self._is_copied else 0

    def efforts(self) -> list[dict[str, int]]:
        """Search efforts that this kind of index knows, least first; ``{}`` alone where there are none."""
        inner = innermost(self._index)
        if isinstance(inner, faiss.IndexIVF):
            powers = (1 << power for power in range(inner.nlist.bit_length()))
            return [
                {"num_probes": probes} for probes in (*(p for p in powers if p < inner.nlist), inner.nlist)
            ]
        if isinstance(inner, faiss.IndexHNSW):
            return [{"search_width": 1 << power} for power in range(4, 13)]
        return [{}]

    def set_effort(self, effort: dict[str, int]) -> None:
        """Lists probed and graph width, for the kinds that have them."""
        inner, parameters = innermost(self._index), faiss.ParameterSpace()
        if isinstance(inner, faiss.IndexIVF) and "num_probes" in effort:
            parameters.set_index_parameter(self._index, "nprobe", effort["num_probes"])
        if isinstance(inner, faiss.IndexHNSW) and "search_width" in effort:
            parameters.set_index_parameter(self._index, "efSearch", effort["search_width"])


def _open_flags(path: Path, *, is_on_disk: bool) -> int:
    """How to open an index so that as little as possible is copied into memory."""
    if is_on_disk:
        return int(faiss.IO_FLAG_ONDISK_SAME_DIR | faiss.IO_FLAG_READ_ONLY)
    with path.open("rb") as file:
        kind = file.read(4)
    # The codes of fast-scan indexes are always copied; copied from a map, they would be resident twice.
    return 0 if kind in _FAST_SCAN else int(faiss.IO_FLAG_MMAP_IFC)


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
