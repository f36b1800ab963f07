"""Answers queries from a saved FAISS index, memory-mapped."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.class_ids import ClassIds, open_class_ids
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import read_manifest
from xclass.data.base import FloatArray
from xclass.errors import ModelError

INDEX_FILE = "index.faiss"


class FaissServer:
    """Search in a FAISS index whose codes are mapped from the file, not copied into memory.

    Memory:
        the file's bytes as file pages once all were touched; O(Q k) per call.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._index: faiss.Index | None = None
        self._normalise = False
        self._file_bytes = 0
        self._class_ids = ClassIds(ids_C=None, next_id=0)

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
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
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
        self._file_bytes = path.stat().st_size
        facts = manifest["facts"]
        self._normalise = bool(facts["normalise"])
        _set_search_effort(self._index, facts["num_probes"], facts["search_width"])

    def search(self, vectors_QD: FloatArray, k: int) -> Answers:
        """The k nearest class means, best first; scores rise with nearness (negated L2 distances)."""
        assert self._index is not None, "load() comes first"
        vectors_QD = np.ascontiguousarray(vectors_QD)
        if self._normalise:
            lengths = np.sqrt(np.einsum("qd,qd->q", vectors_QD, vectors_QD))
            vectors_QD = vectors_QD / np.maximum(lengths, 1e-12)[:, None]
        scores_QK, classes_QK = self._index.search(vectors_QD, k)
        if self._index.metric_type == faiss.METRIC_L2:
            scores_QK = -scores_QK
        return Answers(classes_QK=self._class_ids.name(classes_QK), scores_QK=scores_QK)

    def held_bytes(self) -> dict[str, int]:
        """The mapped index file, and class ids where they are kept."""
        if self._index is None:
            return {}
        return {"index (mapped)": self._file_bytes} | self._class_ids.held_bytes()


def faiss_index_bytes(index: faiss.Index) -> int:
    """Bytes a FAISS index holds, counted by writing it to a sink that keeps nothing.

    Source: faiss/impl/io.h ``IOWriter``; the serialised form holds codes, ids, links and centroids, and
    leaves out what is rebuilt on load (PQ's precomputed tables).
    """
    writer = _CountingWriter()
    faiss.write_index(index, faiss.PyCallbackIOWriter(writer.write, 1 << 20))
    return writer.num_bytes


class _CountingWriter:
    """Counts bytes and forgets them."""

    def __init__(self) -> None:
        self.num_bytes = 0

    def write(self, data: bytes) -> None:
        """Take one piece."""
        self.num_bytes += len(data)


def _set_search_effort(index: faiss.Index, num_probes: int, search_width: int) -> None:
    """Lists probed and graph width, for the index kinds that have them."""
    parameters = faiss.ParameterSpace()
    inner = faiss.downcast_index(index)
    if isinstance(inner, faiss.IndexPreTransform):
        inner = faiss.downcast_index(inner.index)
    if isinstance(inner, faiss.IndexIVF):
        parameters.set_index_parameter(index, "nprobe", num_probes)
    if isinstance(inner, faiss.IndexHNSW):
        parameters.set_index_parameter(index, "efSearch", search_width)
