"""What the steps of a method cost, as closed forms: one number each, to which seconds are proportional.

As closed forms of bytes say what a phase holds, these say what it does. A number has no unit that matters:
the seconds of one unit are fitted on measurements, and its law is what carries over to other sizes. Standard
library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from xclass.shapes import FLOAT32_BYTES, ProblemShape

LOGIT_VALUES = 24
"""Multiply-adds that all else done to a logit costs: exponential, sum, comparison with the best so far.

Source: steps and scans at dim 32 to 128 in benchmarks/records/projection: seconds over classes x batch grow
with dim as ``dim + 23``.
"""


def logit_values(value_bytes: int) -> float:
    """The same beside products of values of so many bytes: those of bfloat16 take half as long.

    Source: steps of dense_softmax in both formats, in benchmarks/records/projection.
    """
    return LOGIT_VALUES * FLOAT32_BYTES / value_bytes


_EXAMPLE_VALUES = 2500
"""Multiply-adds that making one value of an example costs, beside the step and on the same processors.

Source: steps at the sizes of benchmarks/records/projection that are fitted: 20 to 44 ns per value; 42 ns in
the pass that takes class means.
"""


def example_values(shape: ProblemShape, value_bytes: int) -> float:
    """Making the examples of a step, in products of values of so many bytes."""
    return _EXAMPLE_VALUES * FLOAT32_BYTES / value_bytes * shape.batch_size * shape.dim


CACHE_BYTES = 32 << 20
"""Of the last-level cache, beyond which values come from memory.

Source: the machine of benchmarks/records/projection (lscpu); other processors have 16 to 512 MiB.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The work of one quantity."""

    meaning: str
    """In words, with what it is of: ``a gradient step of 512 examples``."""
    amount: float
    """Seconds are ``a + b * amount``; 0 or more."""
    form: str
    """In words: ``linear in classes x dim x batch``."""


DENSE_FORM = "linear in classes x dim x batch"
STEP, CLASS_MEANS, INDEX, SAVE = "step", "class_means", "index", "save"
"""Quantities of fitting."""
LEARN = "learn"
"""Of a method that learns in one go from all examples: all of it, reading them included."""
OPEN, QUERY, BATCH_QUERY = "open", "query", "batch_query"
"""Quantities of loading and of serving."""


_FILED_VALUES = 0.6
"""What dropping a value's page of a file and reading it again costs, in values of an example.

Source: class_means of nearest_neighbour with Flat and with SQ8 in benchmarks/records/projection.
"""


def means_work(shape: ProblemShape, num_examples: int, *, filed_values: float = 0.0) -> Work:
    """The pass that takes class means: every example is made or read once, ``N D``.

    Args:
        shape: of the problem.
        num_examples: N.
        filed_values: values of class means whose pages in a file are dropped meanwhile.
    """
    return Work(
        meaning=f"the pass over {num_examples:,} examples that takes class means",
        amount=float(num_examples) * shape.dim + _FILED_VALUES * filed_values,
        form="linear in examples x dim",
    )


def save_work(num_bytes: int) -> Work:
    """Writing a model: its bytes."""
    return Work(meaning="saving the model", amount=float(num_bytes), form="linear in bytes of the model")


def open_work(num_bytes: int) -> Work:
    """Opening a model: what is copied or looked at; what is mapped costs nothing yet."""
    return Work(meaning="opening the model", amount=float(num_bytes), form="linear in bytes that are touched")


def scan_works(shape: ProblemShape) -> dict[str, Work]:
    """Exact answers over all class vectors: one query reads them, ``C D``; a batch multiplies them.

    Source: faiss/utils/distances.cpp: below 20 queries a scan, else products of blocks, whose ``C`` results
    per query go through a heap.
    """
    classes, dim = shape.num_classes, shape.dim
    return {
        QUERY: query_work(float(classes) * dim, "linear in classes x dim"),
        BATCH_QUERY: batch_work(shape, float(classes) * (dim + LOGIT_VALUES), "linear in classes x dim"),
    }


def miss_share(num_bytes: float) -> float:
    """Share of accesses at random places of so many bytes that no cache holds."""
    return max(0.0, 1.0 - CACHE_BYTES / num_bytes) if num_bytes > 0 else 0.0


def query_work(amount: float, form: str) -> Work:
    """One query that is asked alone."""
    return Work(meaning="one query alone", amount=amount, form=form)


def batch_work(shape: ProblemShape, amount: float, form: str) -> Work:
    """One query of a batch."""
    return Work(meaning=f"one query of a batch of {shape.query_batch_size}", amount=amount, form=form)


@lru_cache(maxsize=1024)
def distinct_log_uniform(num_classes: int, num_draws: int, num_pieces: int = 256) -> float:
    """Classes that ``num_draws`` draws from Zipf's law over ``num_classes`` are expected to hit.

    ``sum over c of 1 - exp(-n p(c))`` with ``p(c) = 1 / (c ln(C + 1))``, as an integral over ``ln c``.

    Source: Poisson limit of draws with replacement; the law is that of the sampler ``log_uniform``.
    """
    span = math.log(num_classes + 1)
    total = 0.0
    for piece in range(num_pieces):
        place = math.exp(span * (piece + 0.5) / num_pieces)
        total += place * span / num_pieces * -math.expm1(-num_draws / (place * span))
    return min(total, float(num_draws), float(num_classes))
