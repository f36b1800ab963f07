"""Answers queries from a saved FAISS index, or from shards of one, memory-mapped."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.class_ids import ClassIds, open_class_ids
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.nearest_neighbour.index_config import EXACT_MAPPED, INDEX_COPIED, INDEX_MAPPED
from xclass.classifiers.nearest_neighbour.index_kind import LEVEL_BYTES
from xclass.classifiers.nearest_neighbour.index_parts import innermost
from xclass.classifiers.nearest_neighbour.second_stage import SecondStage
from xclass.classifiers.nearest_neighbour.shards import OpenedIndex, Shards, open_shards
from xclass.data.base import FloatArray, IntArray

ADDED_LENGTH = "added_length"
"""Fact of the manifest: length that a class which is added later is given; null: its own."""


class FaissServer:
    """Search in a FAISS index whose codes are mapped from the file, not copied into memory.

    Memory:
        the files' bytes as file pages once all were touched; O(Q k) per call, and 8 MiB where a second stage
        ranks again.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._shards: Shards | None = None
        self._normalise = False
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
        self._shards = shards = open_shards(folder, manifest)
        self._class_ids = open_class_ids(folder, manifest)
        facts = manifest["facts"]
        self._normalise = bool(facts["normalise"])
        self._num_candidates = int(facts.get("rerank", 0))
        if self._num_candidates:
            shape = (manifest["num_classes"], manifest["dim"])
            is_mapped = bool(facts.get("is_rerank_mapped", True))
            self._second_stage = SecondStage(folder, shape, is_l2=shards.is_l2, is_mapped=is_mapped)
        self.set_effort({"num_probes": facts["num_probes"], "search_width": facts["search_width"]})

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k nearest class means, best first; scores rise with nearness (negated L2 distances)."""
        assert self._shards is not None, "load() comes first"
        queries_QD = np.ascontiguousarray(queries_QD)
        if self._normalise:
            lengths = np.sqrt(np.einsum("qd,qd->q", queries_QD, queries_QD))
            queries_QD = queries_QD / np.maximum(lengths, 1e-12)[:, None]
        if self._second_stage is not None:
            candidates = min(max(k, self._num_candidates), self._shards.num_rows)
            _, rows_QR = self._shards.search(queries_QD, candidates)
            scores_QK, classes_QK = self._second_stage.rank(queries_QD, rows_QR, k)
        else:
            scores_QK, classes_QK = self._shards.search(queries_QD, k)
        return Answers(classes_QK=self._class_ids.name(classes_QK), scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """What the codes say of each vector, or the exact ones where a second stage has them; shape (B, D).

        None where the model is one shard of several and has not all of these classes.

        Memory: 4 B D bytes; inverted lists besides 8 C while it runs, to find a class in them.
        """
        assert self._shards is not None, "load() comes first"
        if not self._class_ids.has(classes_B):
            return None
        rows_B = self._class_ids.rows(classes_B)
        if self._second_stage is not None:
            return self._second_stage.vectors(rows_B)
        return self._shards.vectors(rows_B)

    def held_bytes(self) -> dict[str, int]:
        """The index files, mapped or copied, and what lies beside them."""
        if self._shards is None:
            return {}
        opened = self._shards.opened
        mapped = sum(one.num_bytes for one in opened if not one.is_copied)
        held = {INDEX_MAPPED: mapped, INDEX_COPIED: sum(map(_copied_bytes, opened))}
        held = {name: size for name, size in held.items() if size} | self._class_ids.held_bytes()
        exact = self._second_stage.held_bytes() if self._second_stage is not None else 0
        return held | ({EXACT_MAPPED: exact} if exact else {})

    def efforts(self) -> list[dict[str, int]]:
        """Search efforts that this kind of index knows, least first; ``{}`` alone where there are none."""
        assert self._shards is not None, "load() comes first"
        inner = innermost(self._shards.indexes[0])
        if isinstance(inner, faiss.IndexIVF):
            powers = (1 << power for power in range(inner.nlist.bit_length()))
            return [
                {"num_probes": probes} for probes in (*(p for p in powers if p < inner.nlist), inner.nlist)
            ]
        if isinstance(inner, faiss.IndexHNSW):
            return [{"search_width": 1 << power} for power in range(4, 13)]
        return [{}]

    def set_effort(self, effort: dict[str, int]) -> None:
        """Lists probed and graph width, for the kinds that have them; of every shard the same."""
        assert self._shards is not None, "load() comes first"
        parameters = faiss.ParameterSpace()
        for index in self._shards.indexes:
            inner = innermost(index)
            if isinstance(inner, faiss.IndexIVF) and "num_probes" in effort:
                parameters.set_index_parameter(index, "nprobe", effort["num_probes"])
            if isinstance(inner, faiss.IndexHNSW) and "search_width" in effort:
                parameters.set_index_parameter(index, "efSearch", effort["search_width"])


def _copied_bytes(opened: OpenedIndex) -> int:
    """All of the file where nothing can be mapped; of a mapped graph, levels and offsets once more."""
    inner = innermost(opened.index)
    if isinstance(inner, faiss.IndexHNSW) and not opened.is_copied:
        return LEVEL_BYTES * int(inner.ntotal)
    return opened.num_bytes if opened.is_copied else 0
