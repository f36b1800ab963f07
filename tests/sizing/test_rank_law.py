"""One rank of a class-sharded head: its slice, what it has whole, and what its machine needs."""

import pytest

from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.init import Init
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.config import MethodsConfig, RunConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.sizing.engines import AGENT_BYTES, BASE_BYTES, GLOO_BYTES
from xclass.sizing.plan import gpu_bytes, make_shape, plan_method
from xclass.sizing.ranks import rank_law
from xclass.units import MIB

C, D, B = 10_000_001, 32, 64


def make_config(ranks, **changes):
    return RunConfig(classes=C, dim=D, batch_size=B, scan_batch_size=64, threads=4, ranks=ranks, **changes)


def fit_plan(config, method, **places):
    return plan_method(config, method, make_shape(config, config.classes), **places)[0]


@pytest.mark.parametrize("method", ["dense_softmax", "sampled_softmax"])
@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_a_rank_takes_its_slice_of_what_grows_with_the_classes(method, ranks):
    whole, rank = fit_plan(make_config(1), method), fit_plan(make_config(ranks), method, num_machines=ranks)
    assert rank.regime.components["class vectors"] == 4 * D * largest_slice(C, ranks)
    per_class = 4 * D + 4
    expected = whole.over_base_bytes - per_class * (C - largest_slice(C, ranks))
    # Of a small slice the blocks of a step outweigh the counts of the means.
    assert rank.over_base_bytes == pytest.approx(expected, abs=24 * MIB)


def test_the_machine_needs_all_of_its_ranks_and_who_starts_them():
    alone = fit_plan(make_config(4), "dense_softmax", num_machines=4)
    together = fit_plan(make_config(4), "dense_softmax")
    assert (alone.layout.ranks_here, together.layout.ranks_here) == (1, 4)
    assert alone.base_bytes == BASE_BYTES["torch"] + GLOO_BYTES
    assert alone.required_bytes == alone.peak_bytes - alone.mapped_bytes + AGENT_BYTES
    assert together.required_bytes == 4 * (together.peak_bytes - together.mapped_bytes) + AGENT_BYTES
    assert fit_plan(make_config(5), "dense_softmax", num_machines=2).layout.ranks_here == 3


def test_ranks_of_one_machine_share_its_threads():
    settings = MethodsConfig(dense_softmax=DenseSoftmaxConfig(init=Init.random))
    alone = fit_plan(make_config(4, method=settings), "dense_softmax", num_machines=4)
    together = fit_plan(make_config(4, method=settings), "dense_softmax")
    blocks = "blocks of logits and gradient"
    assert alone.regime.components[blocks] == 4 * together.regime.components[blocks]


def test_a_method_that_cannot_be_sharded_is_planned_in_one_process():
    one, four = (fit_plan(make_config(ranks), "nearest_neighbour") for ranks in (1, 4))
    assert one == four
    assert "num_ranks" not in four.to_json()
    assert fit_plan(make_config(4), "dense_softmax").to_json()["num_ranks"] == 4


def test_the_encoder_and_the_batches_are_whole_in_every_rank():
    one, four = (
        fit_plan(make_config(ranks, data=LemmasConfig()), "dense_softmax", num_machines=ranks)
        for ranks in (1, 4)
    )
    same = {"n-gram table", "n-gram optimiser", "n-gram batches", "data batches"}
    assert {name: one.regime.components[name] for name in same} == {
        name: four.regime.components[name] for name in same
    }


def test_tables_of_the_sampler_are_whole_in_every_rank():
    settings = MethodsConfig(sampled_softmax=SampledSoftmaxConfig(sampler=SamplerKind.mixed_frequency))
    config = make_config(4, method=settings)
    law = rank_law(config, "sampled_softmax", make_shape(config, C), 4)
    step = next(one for one in law.regimes if one.name == "step")
    assert step.components["sampler table"] == 12 * C


def test_the_first_rank_carries_the_rounding_errors_of_the_frequent_classes():
    weights = WeightsConfig(dtype=WeightDtype.bfloat16, kahan_share=0.125)
    shares = {}
    for ranks in (1, 4, 16):
        config = make_config(ranks, weights=weights)
        law = rank_law(config, "dense_softmax", make_shape(config, C), ranks)
        shares[ranks] = law.peak.components["rounding errors"]
    assert shares[1] == 2 * D * round(C / 8)
    assert shares[4] == pytest.approx(shares[1], rel=1e-6), "all of them lie in the first of four slices"
    assert shares[16] == 2 * D * largest_slice(C, 16), "and fill the first of sixteen"


def test_a_gpu_of_each_rank_holds_its_slice():
    one, four = (make_config(ranks, device="cuda") for ranks in (1, 4))
    whole, slice_ = (
        gpu_bytes(one_config, "dense_softmax", make_shape(one_config, C)) for one_config in (one, four)
    )
    assert whole - slice_ == 4 * D * (C - largest_slice(C, 4))
