"""Hard negatives: classes whose vectors are nearest to the inputs, from an index refreshed now and then.

faiss is imported where an index is made, so that a sampled softmax without hard negatives never loads it.

Source: the idea of a stale index: Xiong et al., "Approximate Nearest Neighbor Negative Contrastive Learning",
ICLR 2021 (ANCE), section 3; Dahiya et al., "NGAME", WSDM 2023, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xclass.classifiers.nearest_neighbour.index_kind import IndexKind
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ownership
from xclass.classifiers.sampled_softmax.alias import Float64Array
from xclass.classifiers.sampled_softmax.memory import HARD_PER_EXAMPLE
from xclass.classifiers.sampled_softmax.negatives import Negatives
from xclass.data.base import FloatArray, IntArray


class HardNegatives:
    """Hard classes besides other negatives, exactly counted: the sum over all classes stays unbiased.

    A hard class is there by choice, not by chance, so its expected count is 1. A random draw that is hard is
    dropped: the random part then estimates the sum over the other classes only, and none counts twice.

    Memory:
        the index; while it is refreshed the old one is gone, and the sample that trains a quantiser and
        8192 vectors exist beside it (:meth:`SampledSoftmaxConfig.memory_law`).
    """

    def __init__(
        self, others: Negatives, weights_CD: torch.Tensor, *, factory: str, kind: IndexKind, num_hard: int,
        refresh_steps: int, num_probes: int, seed: int, ownership: Ownership | None = None,
    ) -> None:  # fmt: skip
        """Keep the settings; the first draw builds the first index.

        Args:
            others: the random part.
            weights_CD: class vectors of this rank, read at each refresh.
            factory: FAISS factory string.
            kind: the same, parsed.
            num_hard: hard classes of a step, at most.
            refresh_steps: steps between two indexes.
            num_probes: lists searched by IVF indexes.
            seed: of the training sample.
            ownership: which classes the vectors are of, and who has the others; None: they are all.
        """
        self._ranks = ownership.ranks if ownership else SINGLE_RANK
        self._first_class = ownership.first_class if ownership else 0
        self._others = others
        self._weights_CD = weights_CD
        self._factory = factory
        self._kind = kind
        self._num_hard = num_hard
        self._refresh_steps = refresh_steps
        self._num_probes = num_probes
        self._seed = seed
        self._step = 0
        self._index: Any = None
        self._hard: IntArray = np.empty(0, dtype=np.int64)

    def draw(self, classes_B: IntArray, inputs_BD: FloatArray, generator: np.random.Generator) -> IntArray:
        """The hard classes, each once, and those random draws that are not hard."""
        if self._index is None or self._step % self._refresh_steps == 0:
            self._refresh()
        self._step += 1
        per_example = min(HARD_PER_EXAMPLE, self._num_hard)
        queries = np.ascontiguousarray(inputs_BD[: max(1, self._num_hard // per_example)], dtype=np.float32)
        hard = np.unique(self._search(queries, per_example))
        self._hard = hard[hard >= 0].astype(np.int64)
        drawn = self._others.draw(classes_B, inputs_BD, generator)
        return np.concatenate((self._hard, drawn[~self._is_hard(drawn)]))

    def log_expected_counts(self, classes_K: IntArray) -> Float64Array:
        """0 for the hard classes of the last draw, that of the other negatives for the rest."""
        is_hard = self._is_hard(classes_K)
        return np.where(is_hard, 0.0, self._others.log_expected_counts(classes_K))

    def held_bytes(self) -> dict[str, int]:
        """The index and the tables of the others."""
        held = self._others.held_bytes()
        if self._index is not None:
            from xclass.classifiers.nearest_neighbour.index_parts import faiss_index_bytes

            held["hard index"] = faiss_index_bytes(self._index)
        return held

    def _search(self, queries_QD: FloatArray, k: int) -> IntArray:
        """The best k classes of all ranks for each query; -1 where there are fewer.

        Each rank searches its own index: exact over an exact index, of equal scores the smaller class.
        """
        scores_QK, found_QK = self._index.search(queries_QD, k)
        found_QK = np.where(found_QK < 0, -1, found_QK + self._first_class)
        every = [np.concatenate(list(self._ranks.gather(part)), axis=1) for part in (scores_QK, found_QK)]
        best = np.lexsort((every[1], -every[0]), axis=1)[:, :k]
        merged_QK: IntArray = np.take_along_axis(every[1], best, axis=1)
        return merged_QK

    def _is_hard(self, classes: IntArray) -> Any:
        if not len(self._hard):
            return np.zeros(len(classes), dtype=bool)
        place = np.searchsorted(self._hard, classes)
        return self._hard[np.minimum(place, len(self._hard) - 1)] == classes

    def _refresh(self) -> None:
        from xclass.classifiers.nearest_neighbour.build import add_classes, make_index, train_index
        from xclass.classifiers.nearest_neighbour.index_parts import innermost

        self._index = None  # before the next one grows
        num_classes, dim = self._weights_CD.shape
        index = make_index(self._factory, dim=dim, num_classes=num_classes, is_l2=False)
        vectors = _TensorRows(self._weights_CD)
        train_index(index, vectors, self._kind, num_classes, seed=self._seed)
        add_classes(index, vectors, num_classes)
        inner = innermost(index)
        if hasattr(inner, "nprobe"):
            inner.nprobe = self._num_probes
        self._index = index


class _TensorRows:
    """Class vectors of any format on any device, as what an index is built from."""

    def __init__(self, weights_CD: torch.Tensor) -> None:
        self._weights_CD = weights_CD

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows themselves where they are float32 on the CPU, else a copy."""
        rows: FloatArray = self._weights_CD[start:stop].float().cpu().numpy()
        return rows

    def release(self, stop: int) -> None:
        """They are still trained; nothing is given back."""
