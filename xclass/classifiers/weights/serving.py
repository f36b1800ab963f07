"""What serving a softmax head takes besides its mapped file. Standard library only: the plan asks too."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.classifiers.work import OPEN, SAVE, Work, open_work, save_work, scan_works
from xclass.shapes import FLOAT32_BYTES, MAPPED, ProblemShape
from xclass.units import MIB

SERVED_VECTORS = f"class vectors{MAPPED}"
"""Name of the pages of a saved head's class vectors."""
_SCRATCH_BYTES = 4 * MIB
"""Stays in the cache of most processors; 1 to 16 MiB are equally fast, 32 MiB takes 1.6x as long."""
_PRODUCT_CLASSES = 1024
"""faiss multiplies this many class vectors at a time (``distance_compute_blas_database_bs``)."""


def block_classes(dim: int) -> int:
    """Class vectors converted to float32 at a time: 4 MiB of them, in whole products, at least one."""
    fitting = _SCRATCH_BYTES // (FLOAT32_BYTES * dim)
    return max(1, fitting // _PRODUCT_CLASSES) * _PRODUCT_CLASSES


def search_terms(weights: WeightsConfig, shape: ProblemShape) -> dict[str, int]:
    """Anonymous bytes of answering: FAISS's product of a batch with 1024 vectors, ``4 Q 1024``.

    For bfloat16 also one converted block of P classes, ``4 D min(C, P)``.
    """
    terms = {"search scratch": FLOAT32_BYTES * shape.query_batch_size * _PRODUCT_CLASSES}
    if weights.dtype is WeightDtype.float32:
        return terms
    converted = min(shape.num_classes, block_classes(shape.dim))
    return terms | {"converted class vectors": FLOAT32_BYTES * converted * shape.dim}


class ServedHead(MethodTraits):
    """The part of a softmax head's settings that says what its saved class vectors take to serve."""

    __slots__ = ()
    is_head: ClassVar[bool] = True

    @abstractmethod
    def model_bytes(self, shape: ProblemShape, *, weights: WeightsConfig | None = None, **_: Any) -> int:
        """Bytes of the saved class vectors."""
        ...

    def served_terms(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, **_: Any
    ) -> dict[str, int]:
        """The mapped class vectors."""
        return {SERVED_VECTORS: self.model_bytes(shape, weights=weights)}

    def opened_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Nothing of them is touched."""
        return {SERVED_VECTORS: 0}

    def search_terms(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, **_: Any
    ) -> dict[str, int]:
        """See :func:`search_terms`."""
        return search_terms(weights or WeightsConfig(), shape)

    def saved_works(self, shape: ProblemShape, *, weights: WeightsConfig | None = None) -> dict[str, Work]:
        """Saving the class vectors, opening them - a map, whatever their size - and exact answers."""
        num_bytes = self.model_bytes(shape, weights=weights)
        return {SAVE: save_work(num_bytes), OPEN: open_work(0)} | scan_works(shape)
