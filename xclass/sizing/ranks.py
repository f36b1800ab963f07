"""Closed-form memory of one rank of a class-sharded head: its slice, and what every rank has whole.

A rank is a process of torchrun. It owns a contiguous slice of the classes, ``ceil(C / R)`` at most; batches,
encoder and sampler are whole in each, and so are added to this law at the whole problem's size.
"""

from __future__ import annotations

from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.config import RunConfig
from xclass.shapes import MemoryLaw, ProblemShape


def ranks_of(config: RunConfig, method: str) -> int:
    """Processes that a method is fitted in: those of the run, or one where it cannot be sharded."""
    return config.ranks if METHOD_CONFIGS[method].can_shard else 1


def ranks_here(num_ranks: int, num_machines: int) -> int:
    """Ranks on the machine that has most of them."""
    return -(-num_ranks // num_machines)


def rank_threads(threads: int, num_ranks_here: int) -> int:
    """Threads of each rank of a machine, at least 1."""
    return max(1, threads // num_ranks_here)


def rank_law(config: RunConfig, method: str, shape: ProblemShape, num_ranks: int) -> MemoryLaw:
    """Peak of the head in the rank that needs most; data, encoder and base come on top in every rank.

    With R ranks: the method's own law at ``ceil(C / R)`` classes, what is whole in every rank, and the
    buffers of what they exchange.

    Args:
        config: of the run.
        method: name of one that can be sharded, or 1 rank.
        shape: of the problem: all classes, and the threads of one rank.
        num_ranks: R.
    """
    settings: MethodConfig = getattr(config.method, method)
    sections = config.sections_of(method)
    if num_ranks == 1:
        return settings.memory_law(shape, **sections)
    return settings.rank_law(shape, num_ranks, **sections)
