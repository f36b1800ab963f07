"""Closed-form memory of one rank of a class-sharded head: its slice, and what every rank has whole.

A rank is a process of torchrun. It owns a contiguous slice of the classes, ``ceil(C / R)`` at most; batches,
encoder and sampler are whole in each, and so are added to this law at the whole problem's size.
"""

from __future__ import annotations

from dataclasses import replace

from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig
from xclass.classifiers.sampled_softmax.memory import sampler_terms
from xclass.classifiers.weights.config import WeightsConfig
from xclass.config import RunConfig
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MemoryLaw, ProblemShape

EXCHANGED = "exchanged with other ranks"
"""Name of the component."""
_VALUES_PER_EXAMPLE = 4
"""Greatest logit, sum of exponentials, true logit and loss: what ranks reduce of each example, in float64."""


def ranks_of(config: RunConfig, method: str) -> int:
    """Processes that a method is fitted in: those of the run, or one where it cannot be sharded."""
    return config.ranks if METHOD_CONFIGS[method].can_shard else 1


def ranks_here(num_ranks: int, num_machines: int) -> int:
    """Ranks on the machine that has most of them."""
    return -(-num_ranks // num_machines)


def rank_threads(threads: int, num_ranks_here: int) -> int:
    """Threads of each rank of a machine, at least 1."""
    return max(1, threads // num_ranks_here)


def rank_shape(shape: ProblemShape, num_ranks: int) -> ProblemShape:
    """The problem as the largest slice of the classes: all examples, all queries."""
    return replace(shape, num_classes=largest_slice(shape.num_classes, num_ranks))


def rank_law(config: RunConfig, method: str, shape: ProblemShape, num_ranks: int) -> MemoryLaw:
    """Peak of the head in the rank that needs most; data, encoder and base come on top in every rank.

    With R ranks: the method's own law at ``ceil(C / R)`` classes, the sampler's tables at C, and ``4 B D`` of
    gathered inputs with ``32 B`` of sums.

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
    assert settings.can_shard, method
    if "weights" in sections:
        sections["weights"] = _weights_of_first(sections["weights"], num_ranks)
    law = settings.memory_law(rank_shape(shape, num_ranks), **sections)
    if isinstance(settings, SampledSoftmaxConfig):
        law = _with_whole(law, sampler_terms(settings, shape))
    per_example = FLOAT32_BYTES * shape.dim + _VALUES_PER_EXAMPLE * INT64_BYTES
    return law.plus({EXCHANGED: shape.batch_size * per_example})


def _weights_of_first(weights: WeightsConfig, num_ranks: int) -> WeightsConfig:
    """Of the first rank: the classes whose rounding errors are carried along are the first of all."""
    return replace(weights, kahan_share=min(1.0, weights.kahan_share * num_ranks))


def _with_whole(law: MemoryLaw, whole: dict[str, int]) -> MemoryLaw:
    """The same law with these bytes in the place of those of a slice, in the regimes that have them."""
    return MemoryLaw(
        regimes=tuple(
            replace(one, components={name: whole.get(name, size) for name, size in one.components.items()})
            for one in law.regimes
        )
    )
