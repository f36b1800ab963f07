"""Closed forms against what the kernel saw, in the pinned environment: the plain torch head, and indexes."""

import json
from dataclasses import asdict

import pytest

from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig, Optimizer
from xclass.classifiers.init import Init
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig, WeightStorage
from xclass.config import BudgetConfig, EvaluateConfig, MethodsConfig, RunConfig
from xclass.data.synthetic.config import SyntheticConfig
from xclass.measure.environment import pinned_environment
from xclass.records.record import Pass, Phase
from xclass.run.launcher import run_child
from xclass.run.spec import ChildSpec
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import MIB

pytestmark = pytest.mark.slow

CLASSES, DIM, BATCH = 100_000, 64, 128


def run_phases(config, phases, folder):
    """Phase -> (plan, bytes over its base that the kernel saw), of a child as the launcher starts it."""
    method, shape = config.methods[0], make_shape(config, config.classes)
    plans = {plan.phase: plan for plan in plan_method(config, method, shape)}
    spec = ChildSpec(
        method=method, phases=phases, pass_=Pass.RSS, data_name="synthetic",
        config=json.loads(json.dumps(asdict(config))), run_dir=str(folder), model_dir=str(folder / "model"),
        data_facts={"noise_sigma": 0.1}, shape=asdict(shape),
    )  # fmt: skip
    result = run_child(
        spec, environment=pinned_environment(1, "pinned"), sample_seconds=0.02, timeout_seconds=240,
        on_event=lambda event: None,
    )  # fmt: skip
    assert result.error is None, result.stderr_tail
    found = {}
    for phase in phases:
        memory = result.outcomes[phase]["memory"]
        found[phase] = plans[phase], memory["peak_rss_bytes"] - memory["base"]["rss_bytes"]
    return found


def fit_in_a_child(config, phase, folder):
    """The plan of a method's first phase, the bytes over its base that the kernel saw, and its model."""
    found = run_phases(config, [phase], folder)
    assert (folder / "model" / "model.json").exists()
    return found[phase]


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_the_peak_of_the_plain_torch_head_is_its_closed_form(optimizer, tmp_path):
    settings = DenseSoftmaxAutogradConfig(optimizer=optimizer, init=Init.random)
    config = RunConfig(
        classes=CLASSES, dim=DIM, batch_size=BATCH, scan_batch_size=BATCH, threads=1,
        methods=["dense_softmax_autograd"], method=MethodsConfig(dense_softmax_autograd=settings),
        budget=BudgetConfig(minutes=None, examples=4 * BATCH),
    )  # fmt: skip
    plan, measured = fit_in_a_child(config, Phase.TRAIN, tmp_path)
    assert measured == pytest.approx(plan.over_base_bytes, rel=0.05), plan.regime
    p_bytes, l_bytes = 4 * CLASSES * DIM, 4 * BATCH * CLASSES
    by_hand = {
        "adam": max(3 * p_bytes + 3 * l_bytes, 6 * p_bytes),
        "sgd": max(p_bytes + 3 * l_bytes, 2 * p_bytes + l_bytes),
    }
    assert plan.over_base_bytes == pytest.approx(by_hand[optimizer], rel=0.01)


@pytest.mark.parametrize(
    ("index", "num_classes"),
    [
        (IndexConfig(factory="Flat"), 600_000),
        (IndexConfig(factory="Flat", shards=4), 600_000),
        (IndexConfig(factory="IVF128,SQ8", shards=4), 600_000),
        (IndexConfig(factory="SQ8"), 600_000),
        (IndexConfig(factory="SQ8", means_storage=MeansStorage.memory), 600_000),
        (IndexConfig(factory="RaBitQ2", rerank=50), 600_000),
        (IndexConfig(factory="RaBitQ4"), 600_000),
        (IndexConfig(factory="PQ64x4fs"), 600_000),
        (IndexConfig(factory="IVF128,Flat", training_points=32_768), 600_000),
        (IndexConfig(factory="IVF128,SQ8"), 600_000),
        (IndexConfig(factory="IVF128,RaBitQ4"), 600_000),
        (IndexConfig(factory="IVF128,PQ16"), 600_000),
        (IndexConfig(factory="HNSW8,SQ8", search_width=16), 150_000),
    ],
    ids=lambda value: (
        f"{value.factory}-{value.means_storage}-{value.shards}" if isinstance(value, IndexConfig) else ""
    ),
)
def test_an_index_takes_its_closed_form_to_build_to_open_and_to_ask(index, num_classes, tmp_path):
    config = RunConfig(
        classes=num_classes, dim=DIM, threads=1, methods=["nearest_neighbour"], index=index,
        data=SyntheticConfig(examples_per_class=1), evaluate=EvaluateConfig(num_queries=1500),
    )  # fmt: skip
    found = run_phases(config, [Phase.BUILD], tmp_path)
    found |= run_phases(config, [Phase.LOAD, Phase.SERVE], tmp_path)
    for phase, (plan, measured) in found.items():
        # 5 %, and at this size 2 MiB of pages that depend on what ran before
        assert measured <= 1.05 * plan.over_base_bytes + 2 * MIB, (phase, plan.regime)
        assert measured >= 0.95 * plan.over_base_bytes - 2 * MIB, (phase, plan.regime)


def test_lists_in_a_file_are_packed_beside_themselves(tmp_path):
    """How much of the file is gaps depends on how long the lists are: only the bound is a law."""
    config = RunConfig(
        classes=600_000, dim=DIM, threads=1, methods=["nearest_neighbour"],
        index=IndexConfig(factory="IVF64,SQ4", on_disk_lists=True),
        data=SyntheticConfig(examples_per_class=1),
    )  # fmt: skip
    plan, measured = fit_in_a_child(config, Phase.BUILD, tmp_path)
    assert measured <= 1.3 * plan.over_base_bytes, plan.regime
    assert measured >= 0.7 * plan.over_base_bytes, plan.regime


@pytest.mark.parametrize("init", list(Init))
@pytest.mark.parametrize(
    "weights",
    [
        WeightsConfig(),
        WeightsConfig(dtype=WeightDtype.bfloat16, kahan_share=0.25),
        WeightsConfig(storage=WeightStorage.memmap),
    ],
    ids=lambda weights: f"{weights.dtype}-{weights.storage}",
)
@pytest.mark.parametrize("method", ["dense_softmax", "sampled_softmax"])
def test_the_peak_of_a_softmax_head_is_its_closed_form_in_every_format(method, weights, init, tmp_path):
    settings = {
        "dense_softmax": DenseSoftmaxConfig(init=init),
        "sampled_softmax": SampledSoftmaxConfig(init=init, num_samples=512),
    }
    config = RunConfig(
        classes=400_000, dim=DIM, batch_size=BATCH, threads=1, methods=[method], weights=weights,
        method=MethodsConfig(**settings), data=SyntheticConfig(examples_per_class=1),
        budget=BudgetConfig(minutes=None, examples=4 * BATCH),
    )  # fmt: skip
    plan, measured = fit_in_a_child(config, Phase.TRAIN, tmp_path)
    assert measured <= 1.05 * plan.over_base_bytes + 8 * MIB, plan.regime
    assert measured >= 0.9 * plan.over_base_bytes - 8 * MIB, plan.regime
