"""Closed-form memory of one rank of a class-sharded head: its slice, and what every rank has whole.

A rank is a process of torchrun. It owns a contiguous slice of the classes, ``ceil(C / R)`` at most; batches,
encoder and sampler are whole in each, and so are added to this law at the whole problem's size.
"""

from __future__ import annotations

from dataclasses import dataclass

from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.config import RunConfig
from xclass.shapes import MemoryLaw, ProblemShape
from xclass.sizing.engines import AGENT_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class RankLayout:
    """How the fit phase of a method is spread over processes and machines."""

    num_ranks: int = 1
    """Processes that carry it out together, each with a slice of the classes."""
    ranks_here: int = 1
    """Of them, on the machine that has most."""

    @property
    def num_machines(self) -> int:
        """That are used."""
        return -(-self.num_ranks // self.ranks_here)

    @property
    def agent_bytes(self) -> int:
        """Of the process that starts the ranks of a machine and watches them."""
        return AGENT_BYTES if self.num_ranks > 1 else 0

    def on_machine(self, rank_bytes: int) -> int:
        """What a machine needs whose ranks each take so much."""
        return self.ranks_here * rank_bytes + self.agent_bytes


ONE_PROCESS = RankLayout()
"""Of every phase and method but a head that is trained in ranks."""


def layout_of(config: RunConfig, method: str, num_machines: int) -> RankLayout:
    """The ranks of a method over so many machines, as evenly as can be."""
    num_ranks = ranks_of(config, method)
    return RankLayout(num_ranks=num_ranks, ranks_here=-(-num_ranks // num_machines))


def ranks_of(config: RunConfig, method: str) -> int:
    """Processes that a method is fitted in: those of the run, or one where it cannot be sharded."""
    return config.ranks if METHOD_CONFIGS[method].can_shard else 1


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
