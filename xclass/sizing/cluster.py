"""How many machines of one kind a class-sharded head needs, a rank on each, and what crosses between them.

Standard library only, like all of sizing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.nearest_neighbour.index_config import MAX_SHARDS
from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.config import MAX_RANKS, RunConfig
from xclass.encoders.kinds import TRAINED
from xclass.shapes import ProblemShape
from xclass.sizing.plan import encoder_of, plan_method

NETWORK_BYTES_PER_SECOND = 10e9 / 8
"""Of one machine, each way: 10 Gbit/s, which servers of this size have at the least. An assumption."""
MESSAGE_SECONDS = 50e-6
"""Of a message besides its bytes, between machines of one data centre over TCP. An assumption."""
_SUMS = 2
"""Sums over ranks in a step: maxima, then all others; the gradient at the inputs is one more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Equal machines with a rank of one method on each."""

    num_ranks: int
    required_bytes: int
    """Of the machine with the largest slice: memory without which training cannot run there."""
    promised_bytes: int
    """The same with room for mapped pages."""
    step_bytes: int
    """That all ranks together send in one step."""
    step_messages: int
    """That wait for each other in one step: ``(R - 1)`` to gather, ``2 (R - 1)`` of each sum, ``log2 R`` to
    tell."""
    slice_classes: int
    """Classes of the largest slice."""

    @property
    def network_seconds(self) -> float:
        """Of one step: what each rank sends, which is as much as it receives, and what messages wait for.

        Source: gloo/allreduce.cc and allgather.cc, rings; gloo/broadcast.cc, a binomial tree.
        """
        sent = self.step_bytes / self.num_ranks / NETWORK_BYTES_PER_SECOND
        return sent + self.step_messages * MESSAGE_SECONDS


def cluster(config: RunConfig, method: str, shape: ProblemShape, num_ranks: int) -> Cluster:
    """What a method takes on so many machines.

    Args:
        config: of the run; its number of ranks does not matter.
        method: name of one that can be sharded.
        shape: of the problem, all classes.
        num_ranks: R, a machine for each.
    """
    config = replace(config, ranks=num_ranks)
    plan = plan_method(config, method, shape, num_machines=num_ranks)[0]
    return Cluster(
        num_ranks=num_ranks,
        required_bytes=plan.required_bytes,
        promised_bytes=plan.on_machine(max(plan.peak_bytes, plan.import_peak_bytes)),
        step_bytes=step_traffic(config, method, shape, num_ranks),
        step_messages=_step_messages(num_ranks, is_trained=encoder_of(config, method) in TRAINED),
        slice_classes=largest_slice(shape.num_classes, num_ranks),
    )


def least_ranks(
    config: RunConfig,
    method: str,
    shape: ProblemShape,
    usable_bytes: int,
    *,
    is_all_resident: bool = False,
) -> Cluster | None:
    """The fewest machines of so much memory that a method is trained on, a rank on each.

    Any number will do, not only powers of two: slices differ by one class at most.

    Args:
        config: of the run.
        method: its name.
        shape: of the problem, all classes.
        usable_bytes: memory of each machine that may be planned with.
        is_all_resident: pages of files find room in it too.

    Returns:
        None for a method that cannot be sharded, and where what is whole in every rank leaves no room.
    """
    if not METHOD_CONFIGS[method].can_shard:
        return None
    most = min(MAX_RANKS, shape.num_classes)

    def fits(num_ranks: int) -> bool:
        found = cluster(config, method, shape, num_ranks)
        return (found.promised_bytes if is_all_resident else found.required_bytes) <= usable_bytes

    if not fits(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return cluster(config, method, shape, high)


def least_shards(config: RunConfig, method: str, shape: ProblemShape, usable_bytes: int) -> int | None:
    """The fewest shards in which an index is built within so much memory, one after the other.

    Args:
        config: of the run.
        method: its name.
        shape: of the problem.
        usable_bytes: memory that may be planned with.

    Returns:
        None for a method without an index, and where no number of shards fits.
    """
    if "index" not in METHOD_CONFIGS[method].sections:
        return None
    most = min(MAX_SHARDS, shape.num_classes // 2)

    def fits(num_shards: int) -> bool:
        index = replace(config.index, shards=num_shards, shard=None)
        if index.misfit(shape.num_classes, shape.dim) is not None:
            return False
        return plan_method(replace(config, index=index), method, shape)[0].required_bytes <= usable_bytes

    # Not halved: with lists by the size of a shard, more of them need not take less.
    num_shards = 1
    while num_shards <= most and not fits(num_shards):
        num_shards += max(1, num_shards // 8)
    if num_shards > most:
        return None
    while num_shards > 1 and fits(num_shards - 1):
        num_shards -= 1
    return num_shards


def step_traffic(config: RunConfig, method: str, shape: ProblemShape, num_ranks: int) -> int:
    """Bytes that all ranks together send in one step of a head.

    Source: :mod:`xclass.classifiers.ranks.traffic`, whose forms are held to counted bytes.
    """
    settings: MethodConfig = getattr(config.method, method)
    is_trained = encoder_of(config, method) in TRAINED
    sections = config.sections_of(method)
    return settings.traffic_bytes(shape, num_ranks, is_trained=is_trained, **sections)


def _step_messages(num_ranks: int, *, is_trained: bool) -> int:
    return (num_ranks - 1) * (1 + 2 * (_SUMS + is_trained)) + math.ceil(math.log2(num_ranks))
