"""Closed-form work of the sampled softmax: flat in classes but for hard negatives. Standard library only."""

from __future__ import annotations

from xclass.classifiers.init import Init
from xclass.classifiers.nearest_neighbour.index_work import build_amount, search_amount
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig
from xclass.classifiers.sampled_softmax.memory import HARD_PER_EXAMPLE, distinct_sampled
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.work import CLASS_MEANS, STEP, Work, example_values, logit_values, means_work
from xclass.shapes import ProblemShape

_ROW_VALUES = 180
"""Multiply-adds that gathering a value of a touched row, its gradient and its update cost.

Source: steps at dim 32 to 512 in benchmarks/records/projection.
"""


def training_works(
    config: SampledSoftmaxConfig, shape: ProblemShape, num_examples: int, weights: WeightsConfig
) -> dict[str, Work]:
    """Of a step ``B S (D + 24) + 180 (B + S) D`` and its examples, with S distinct negatives.

    Hard negatives add a search for an eighth of as many examples, and their share of building the index anew.
    """
    batch, dim = shape.batch_size, shape.dim
    sampled = distinct_sampled(config, shape)
    logit = logit_values(weights.value_bytes)
    amount = batch * sampled * (dim + logit) + _ROW_VALUES * (batch + sampled) * dim
    amount += example_values(shape, weights.value_bytes)
    form = "flat in classes, linear in batch x negatives x dim"
    if config.num_hard:
        kind = config.hard_kind
        searched = config.num_hard // HARD_PER_EXAMPLE
        amount += searched * search_amount(kind, shape, num_probes=config.hard_num_probes)
        amount += build_amount(kind, shape) / config.hard_refresh_steps
        form = "linear in classes: the index of hard negatives is built anew"
    works = {STEP: Work(meaning=f"a gradient step of {batch} examples", amount=amount, form=form)}
    return works | ({CLASS_MEANS: means_work(shape, num_examples)} if config.init is Init.means else {})
