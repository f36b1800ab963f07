"""Closed-form memory of the sampled softmax. Standard library only."""

from __future__ import annotations

import math

from xclass.classifiers.device import Device
from xclass.classifiers.init import saving_regime, starting_regime
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES
from xclass.classifiers.nearest_neighbour.index_training import training_regimes
from xclass.classifiers.ranks.memory import exchange_terms, kahan_terms, slice_shape
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.classifiers.work import distinct_log_uniform
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB

_FAISS_CODE_BYTES = 5 * MIB // 2
"""Pages of code beside torch's. Source: RssFile of sampled_hard less sampled, in the ledger's records."""
TABLE_BYTES_PER_CLASS = 12
"""Alias table: threshold and probability (float32), alias (int32)."""
TABLE_BUILD_BYTES_PER_CLASS = 36
"""Beside the table while it is built: counts (int64), weights, their prefix sums, a copy of a part of them
(float64 each), and positions (int32)."""
STREAMING_BYTES_PER_CLASS = 8
"""Average gap (float32) and the step last seen (int32)."""
HARD_PER_EXAMPLE = 8
"""Neighbours looked up for each of the first ``num_hard / 8`` examples of a batch; its order is random."""
ROWS_MULTIPLE = 128
"""Sampled rows are filled up to a multiple of this: oneDNN compiles a bfloat16 product for each new shape,
1 to 2 ms, and the number of distinct samples changes from step to step."""


def round_up(num_rows: int) -> int:
    """The next multiple of :data:`ROWS_MULTIPLE`; one of them for no rows, as a rank can have."""
    return max(1, -(-num_rows // ROWS_MULTIPLE)) * ROWS_MULTIPLE


def max_sampled(config: SampledSoftmaxConfig, shape: ProblemShape) -> int:
    """Distinct negatives of one step, at most."""
    of_batch = shape.batch_size if config.sampler.has_batch else 0
    random = 0 if config.sampler is SamplerKind.in_batch else config.num_samples
    return min(shape.num_classes, of_batch + random + config.num_hard)


def distinct_sampled(config: SampledSoftmaxConfig, shape: ProblemShape) -> int:
    """Distinct negatives of a step as expected; of other samplers than log_uniform at most so many.

    Scratch for the most there can be is taken, but only what is written becomes resident.
    """
    most = max_sampled(config, shape)
    if config.sampler is not SamplerKind.log_uniform:
        return most
    drawn = distinct_log_uniform(shape.num_classes, config.num_samples)
    return min(most, math.ceil(drawn) + config.num_hard)


def step_terms(config: SampledSoftmaxConfig, shape: ProblemShape, weights: WeightsConfig) -> dict[str, int]:
    """Bytes of a step where it runs: class vectors, one value of state per row, scratch that ignores C."""
    state = {"row state": FLOAT32_BYTES * shape.num_classes}
    return weights.memory_terms(shape) | state | {"scratch of a step": _scratch_bytes(config, shape, weights)}


def num_found(config: SampledSoftmaxConfig, batch_size: int) -> int:
    """Neighbours that a step looks up for its hard negatives, repeats counted."""
    per_example = min(HARD_PER_EXAMPLE, config.num_hard)
    return per_example * min(batch_size, max(1, config.num_hard // per_example)) if config.num_hard else 0


def training_law(
    config: SampledSoftmaxConfig,
    shape: ProblemShape,
    weights: WeightsConfig,
    device: Device = Device.cpu,
    *,
    table_classes: int | None = None,
) -> MemoryLaw:
    """Peak of the host in the train phase; the table and the index of negatives are there on any device.

    Args:
        config: of the method.
        shape: of the problem, or of the slice of one rank.
        weights: format of the class vectors.
        device: of the steps.
        table_classes: classes of the table that negatives are drawn from; None: those of the shape.
    """
    table_classes = table_classes or shape.num_classes
    tables, index = _tables(config, shape, table_classes), _index(config, shape)
    step = step_terms(config, shape, weights) if device is Device.cpu else {}
    starting = starting_regime(shape, config.init, weights)
    saving = saving_regime(shape, weights)
    kept = tables | index | {name: size for name, size in step.items() if name != "scratch of a step"}
    regimes = [
        Regime(name=starting.name, components=dict(starting.components) | tables),
        Regime(name="step", components=step | tables | index),
        Regime(name=saving.name, components=kept | dict(saving.components)),
    ]
    if config.sampler.has_table:
        # Before there are class vectors.
        building = {"table being built": TABLE_BUILD_BYTES_PER_CLASS * table_classes}
        regimes.append(Regime(name="sampler table", components=tables | building))
    if index:
        refresh = {"index training and copies": _refresh_bytes(config, shape, weights)}
        regimes.append(Regime(name="index refresh", components=step | tables | index | refresh))
    return MemoryLaw(regimes=tuple(regimes))


def rank_law(
    config: SampledSoftmaxConfig, shape: ProblemShape, ranks: int, weights: WeightsConfig, device: Device
) -> MemoryLaw:
    """Peak of the largest rank: the law of its slice, what ranks exchange, and the sampler's whole table.

    All ranks draw the same negatives of all classes and work on those that they own, so that a table of
    frequencies (12 C bytes, and 36 C more while it is built) is there in each: at sizes where that matters,
    ``log_uniform`` draws without one.
    """
    law = training_law(config, slice_shape(shape, ranks), weights, device, table_classes=shape.num_classes)
    return law.plus(kahan_terms(weights, shape, ranks) | exchange_terms(shape, ranks))


def _tables(config: SampledSoftmaxConfig, shape: ProblemShape, table_classes: int) -> dict[str, int]:
    tables = {}
    if config.sampler.has_table:
        tables["sampler table"] = TABLE_BYTES_PER_CLASS * table_classes
    if config.sampler.has_batch:
        tables["streaming frequencies"] = STREAMING_BYTES_PER_CLASS * shape.num_classes
    return tables


def _scratch_bytes(config: SampledSoftmaxConfig, shape: ProblemShape, weights: WeightsConfig) -> int:
    """Bytes of one step, whatever C is.

    With V bytes per value, S sampled rows and T threads: ``V S B`` of logits, ``V D (2 B + (1 + T) S)`` of
    rows and gradients, ``(2 V + 12) B D`` of inputs and their gradient, a dozen integers for each row.
    """
    value, batch, dim = weights.value_bytes, shape.batch_size, shape.dim
    sampled = round_up(distinct_sampled(config, shape))
    rows = value * dim * (2 * batch + (1 + shape.threads) * sampled)
    integers = (12 + shape.threads) * INT64_BYTES * (batch + sampled)
    return value * sampled * batch + rows + (2 * value + 3 * FLOAT32_BYTES) * batch * dim + integers


def _index(config: SampledSoftmaxConfig, shape: ProblemShape) -> dict[str, int]:
    if not config.num_hard:
        return {}
    parts = sum(config.hard_kind.parts(shape.num_classes, shape.dim).values())
    # Only lists of PQ fast-scan grow: all other room is taken at once (as in the law of nearest_neighbour).
    growth = {} if config.hard_kind.is_reserved else {"room of its lists": parts // 3}
    return {"hard index": parts} | growth


def _refresh_bytes(config: SampledSoftmaxConfig, shape: ProblemShape, weights: WeightsConfig) -> int:
    """What a refresh needs beside the full index: training comes before the first code is added."""
    kind = config.hard_kind
    training = [
        regime.total_bytes
        for regime in training_regimes(kind, shape.num_classes, shape.dim, threads=shape.threads)
    ]
    block = FLOAT32_BYTES * min(ADD_CLASSES, shape.num_classes) * shape.dim
    copies = block * (2 if weights.dtype is WeightDtype.bfloat16 else 1)
    lists = FLOAT32_BYTES * shape.num_classes if kind.num_lists else 0
    beside_index = max(max(training, default=0) - sum(_index(config, shape).values()), copies + lists, 0)
    return beside_index + _FAISS_CODE_BYTES
