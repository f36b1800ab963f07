"""How many machines or shards are the fewest, what crosses between ranks, and what the plan says of it."""

from dataclasses import replace

import pytest

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.config import MethodsConfig, RunConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.sizing.capacity import Room, capacity
from xclass.sizing.cluster import (
    MESSAGE_SECONDS,
    NETWORK_BYTES_PER_SECOND,
    cluster,
    least_ranks,
    least_shards,
    step_traffic,
)
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import GIB, MIB

CONFIG = RunConfig(classes=50_000_000, dim=64, threads=2)
SHAPE = make_shape(CONFIG, 50_000_000)


@pytest.mark.parametrize("method", ["dense_softmax", "sampled_softmax"])
@pytest.mark.parametrize("usable_bytes", [GIB, 3 * GIB, 8 * GIB])
def test_one_rank_fewer_does_not_fit(method, usable_bytes):
    found = least_ranks(CONFIG, method, SHAPE, usable_bytes)
    assert found.required_bytes <= usable_bytes
    assert cluster(CONFIG, method, SHAPE, found.num_ranks - 1).required_bytes > usable_bytes
    plan = plan_method(replace(CONFIG, ranks=found.num_ranks), method, SHAPE, num_machines=found.num_ranks)[0]
    assert found.required_bytes == plan.required_bytes


def test_where_one_machine_does_one_rank_does_and_where_none_does_nothing_is_promised():
    assert least_ranks(CONFIG, "dense_softmax", SHAPE, 100 * GIB).num_ranks == 1
    assert least_ranks(CONFIG, "dense_softmax", SHAPE, 400 * MIB) is None, (
        "torch and torchrun alone take more"
    )
    assert least_ranks(CONFIG, "nearest_neighbour", SHAPE, GIB) is None, "not sharded over ranks"


def test_a_table_that_every_rank_has_whole_bounds_what_ranks_can_do():
    settings = SampledSoftmaxConfig(sampler=SamplerKind.frequency)
    config = replace(CONFIG, method=MethodsConfig(sampled_softmax=settings))
    table = 48 * SHAPE.num_classes
    assert least_ranks(config, "sampled_softmax", SHAPE, table) is None
    assert least_ranks(CONFIG, "sampled_softmax", SHAPE, table) is not None


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "IVF{lists},SQ8"])
def test_one_shard_fewer_is_not_built(factory):
    config = replace(CONFIG, index=IndexConfig(factory=factory))
    room = plan_method(config, "nearest_neighbour", SHAPE)[0].required_bytes // 3
    found = least_shards(config, "nearest_neighbour", SHAPE, room)
    needs = [
        plan_method(
            replace(config, index=IndexConfig(factory=factory, shards=shards)), "nearest_neighbour", SHAPE
        )[0]
        for shards in (found - 1, found)
    ]
    assert needs[1].required_bytes <= room < needs[0].required_bytes
    assert least_shards(config, "nearest_neighbour", SHAPE, 80 * MIB) is None, "faiss alone takes more"
    assert least_shards(config, "dense_softmax", SHAPE, room) is None


def test_a_head_on_vectors_sends_less_than_one_whose_encoder_is_trained():
    texts = RunConfig(classes=1_000_000, dim=64, data=LemmasConfig())
    vectors = RunConfig(classes=1_000_000, dim=64)
    sent = [
        step_traffic(config, "dense_softmax", make_shape(config, 1_000_000), 4) for config in (vectors, texts)
    ]
    batch, ranks = texts.batch_size, 4
    assert sent[1] - sent[0] == 2 * (ranks - 1) * 4 * batch * 64, "the gradient at the inputs"
    assert step_traffic(vectors, "dense_softmax", make_shape(vectors, 1_000_000), 1) == 0
    found = cluster(vectors, "dense_softmax", make_shape(vectors, 1_000_000), 4)
    messages = 3 + 2 * 2 * 3 + 2
    assert found.step_messages == messages, "a gathering, two sums round the ring, and the clock"
    assert found.network_seconds == sent[0] / 4 / NETWORK_BYTES_PER_SECOND + messages * MESSAGE_SECONDS


def test_several_machines_hold_more_classes_of_what_can_be_sharded():
    config = RunConfig(dim=64, ranks=4)
    one, four = (
        Room(usable_bytes=8 * GIB, free_disk_bytes=1 << 50, num_machines=machines) for machines in (1, 4)
    )
    for method, factor in (("dense_softmax", 3.5), ("nearest_neighbour", 1.0)):
        few, many = (capacity(config, method, room).fit_classes for room in (one, four))
        assert many >= factor * few > 0
        assert factor > 1 or many == few
