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
from xclass.config import BudgetConfig, MethodsConfig, RunConfig
from xclass.data.synthetic.config import SyntheticConfig
from xclass.measure.environment import pinned_environment
from xclass.records.record import Pass, Phase
from xclass.run.launcher import run_child
from xclass.run.spec import ChildSpec
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import MIB

pytestmark = [pytest.mark.slow, pytest.mark.memory]

CLASSES, DIM, BATCH = 100_000, 64, 128


def fit_in_a_child(config, phase, folder):
    """The plan of a method's first phase, the bytes over its base that the kernel saw, and its model."""
    method, shape = config.methods[0], make_shape(config, config.classes)
    plan = plan_method(config, method, shape)[0]
    spec = ChildSpec(
        method=method, phases=[phase], pass_=Pass.RSS, data_name="synthetic",
        config=json.loads(json.dumps(asdict(config))), run_dir=str(folder), model_dir=str(folder / "model"),
        data_facts={"noise_sigma": 0.1}, shape=asdict(shape),
    )  # fmt: skip
    result = run_child(
        spec, environment=pinned_environment(1, "pinned"), sample_seconds=0.02, timeout_seconds=120,
        on_event=lambda event: None,
    )  # fmt: skip
    assert result.error is None, result.stderr_tail
    assert (folder / "model" / "model.json").exists()
    memory = result.outcomes[phase]["memory"]
    return plan, memory["peak_rss_bytes"] - memory["base"]["rss_bytes"]


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
    "index",
    [
        IndexConfig(factory="Flat"),
        IndexConfig(factory="SQ8"),
        IndexConfig(factory="SQ8", means_storage=MeansStorage.memory),
        IndexConfig(factory="RaBitQ2", rerank=50),
        IndexConfig(factory="IVF64,SQ4", on_disk_lists=True),
    ],
    ids=lambda index: f"{index.factory}-{index.means_storage}",
)
def test_the_peak_of_building_an_index_is_its_closed_form(index, tmp_path):
    config = RunConfig(
        classes=600_000, dim=DIM, threads=1, methods=["nearest_neighbour"], index=index,
        data=SyntheticConfig(examples_per_class=1),
    )  # fmt: skip
    plan, measured = fit_in_a_child(config, Phase.BUILD, tmp_path)
    assert measured <= 1.05 * plan.over_base_bytes + 8 * MIB, plan.regime
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
