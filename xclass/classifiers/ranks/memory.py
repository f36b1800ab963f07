"""What a rank holds beside its slice of the class vectors, in closed form. Standard library only."""

from __future__ import annotations

from dataclasses import replace

from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.weights.config import VALUE_BYTES, WeightDtype, WeightsConfig
from xclass.shapes import FLOAT32_BYTES, ProblemShape
from xclass.units import MIB

_SEGMENT_BYTES = 1 * MIB
"""gloo reduces piece by piece, with two pieces of at most so much beside the values.

Source: gloo/allreduce.h, ``kMaxSegmentSize``, and allreduce.cc, ``ring``."""


def slice_shape(shape: ProblemShape, ranks: int) -> ProblemShape:
    """The problem as the largest rank has it: its classes, and all of every batch."""
    return replace(shape, num_classes=largest_slice(shape.num_classes, ranks))


def exchange_terms(shape: ProblemShape, ranks: int) -> dict[str, int]:
    """Buffers of the exchanges: twice the inputs of all ranks, ``8 R ceil(B/R) D``, and two segments of gloo.

    The inputs are there as they came and, without what filled them up, behind each other.
    """
    gathered = 2 * FLOAT32_BYTES * ranks * largest_slice(shape.batch_size, ranks) * shape.dim
    segments = 2 * min(_SEGMENT_BYTES, FLOAT32_BYTES * shape.batch_size * shape.dim)
    return {"exchanges between ranks": gathered + segments}


def kahan_terms(weights: WeightsConfig, shape: ProblemShape, ranks: int) -> dict[str, int]:
    """Rounding errors of the first rank, whose classes are the most frequent: up to all of its slice.

    Gives the term of :meth:`WeightsConfig.memory_terms` anew, where it stands for an even share.
    """
    own = largest_slice(shape.num_classes, ranks)
    kept = min(own, weights.num_kahan_classes(shape.num_classes))
    return {"rounding errors": VALUE_BYTES[WeightDtype.bfloat16] * kept * shape.dim} if kept else {}
