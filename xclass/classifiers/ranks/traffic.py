"""Bytes that cross between ranks, in closed form: of each exchange, and of one step. Standard library only.

All forms are of all ranks together, so that they are whole numbers; one rank sends and receives a share of
``1 / R`` of a reduction or of a gathering.
"""

from __future__ import annotations

from xclass.classifiers.class_slices import largest_slice
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, ProblemShape

FLOAT64_BYTES = 8


def reduce_bytes(num_ranks: int, payload_bytes: int) -> int:
    """Every rank gets the sum, or the maximum, of what all have: ``2 (R - 1) n``.

    A ring: each of R pieces is passed on R - 1 times to be summed, and R - 1 times to be known.

    Source: Patarasuk & Yuan, "Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations", JPDC 69
    (2009); gloo/allreduce.cc takes the ring unless told otherwise.
    """
    return 2 * (num_ranks - 1) * payload_bytes


def gather_bytes(num_ranks: int, part_bytes: int) -> int:
    """Every rank gets the parts of all: ``R (R - 1) n`` with n bytes of one part."""
    return num_ranks * (num_ranks - 1) * part_bytes


def tell_bytes(num_ranks: int, payload_bytes: int) -> int:
    """Every rank gets what rank 0 has: ``(R - 1) n``."""
    return (num_ranks - 1) * payload_bytes


def step_bytes(
    shape: ProblemShape, num_ranks: int, *, num_sums: int, has_maximum: bool, is_trained: bool
) -> int:
    """One step of a head in float32 or bfloat16.

    The clock (8 bytes), the inputs that each rank encoded (B / R rows, filled up to the largest share), a
    maximum and ``num_sums`` float64 sums per example, and the gradient at the inputs of a trained encoder:
    ``8 (R-1) + 4 R (R-1) ceil(B/R) D + 2 (R-1) B (4 [maximum] + 8 num_sums + 4 D [trained])``.
    """
    batch, dim = shape.batch_size, shape.dim
    reduced = num_sums * FLOAT64_BYTES * batch
    reduced += FLOAT32_BYTES * batch if has_maximum else 0
    reduced += FLOAT32_BYTES * batch * dim if is_trained else 0
    inputs = FLOAT32_BYTES * largest_slice(batch, num_ranks) * dim
    return (
        tell_bytes(num_ranks, FLOAT64_BYTES)
        + gather_bytes(num_ranks, inputs)
        + reduce_bytes(num_ranks, reduced)
    )


def found_bytes(num_ranks: int, num_found: int) -> int:
    """Neighbours that every rank found among its own classes, to be merged: a score and a class each."""
    return gather_bytes(num_ranks, (FLOAT32_BYTES + INT64_BYTES) * num_found)
