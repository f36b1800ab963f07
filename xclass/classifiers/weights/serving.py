"""What serving a softmax head takes besides its mapped file. Standard library only: the plan asks too."""

from __future__ import annotations

from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.shapes import FLOAT32_BYTES, ProblemShape
from xclass.units import MIB

_SCRATCH_BYTES = 4 * MIB
"""Stays in the cache of most processors; 1 to 16 MiB are equally fast, 32 MiB takes 1.6x as long."""
_PRODUCT_CLASSES = 1024
"""faiss multiplies this many class vectors at a time (``distance_compute_blas_database_bs``)."""


def block_classes(dim: int) -> int:
    """Class vectors converted to float32 at a time: 4 MiB of them, in whole products, at least one."""
    fitting = _SCRATCH_BYTES // (FLOAT32_BYTES * dim)
    return max(1, fitting // _PRODUCT_CLASSES) * _PRODUCT_CLASSES


def serving_terms(weights: WeightsConfig, shape: ProblemShape) -> dict[str, int]:
    """Anonymous bytes of serving: ``4 D min(C, P)``, one converted block of P classes; none for float32."""
    if weights.dtype is WeightDtype.float32:
        return {}
    converted = min(shape.num_classes, block_classes(shape.dim))
    return {"converted class vectors": FLOAT32_BYTES * converted * shape.dim}
