"""Closed forms against what the kernel saw, in the pinned environment: the plain torch head, and indexes."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig, Optimizer
from xclass.classifiers.init import Init
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage
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


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_the_peak_of_the_plain_torch_head_is_its_closed_form(optimizer, tmp_path):
    settings = DenseSoftmaxAutogradConfig(optimizer=optimizer, init=Init.random)
    config = RunConfig(
        classes=CLASSES, dim=DIM, batch_size=BATCH, scan_batch_size=BATCH, threads=1,
        methods=["dense_softmax_autograd"], method=MethodsConfig(dense_softmax_autograd=settings),
        budget=BudgetConfig(minutes=None, examples=4 * BATCH),
    )  # fmt: skip
    shape = make_shape(config, CLASSES)
    plan = plan_method(config, "dense_softmax_autograd", shape)[0]
    spec = ChildSpec(
        method="dense_softmax_autograd", phases=[Phase.TRAIN], pass_=Pass.RSS, data_name="synthetic",
        config=json.loads(json.dumps(asdict(config))), run_dir=str(tmp_path),
        model_dir=str(tmp_path / "model"), data_facts={"noise_sigma": 0.1}, shape=asdict(shape),
    )  # fmt: skip
    result = run_child(
        spec, environment=pinned_environment(1, "pinned"), sample_seconds=0.02, timeout_seconds=120,
        on_event=lambda event: None,
    )  # fmt: skip
    assert result.error is None, result.stderr_tail
    memory = result.outcomes[Phase.TRAIN]["memory"]
    measured = memory["peak_rss_bytes"] - memory["base"]["rss_bytes"]
    assert measured == pytest.approx(plan.over_base_bytes, rel=0.05), plan.regime
    assert (Path(spec.model_dir) / "model.json").exists()
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
    classes = 600_000
    config = RunConfig(
        classes=classes, dim=DIM, threads=1, methods=["nearest_neighbour"], index=index,
        data=SyntheticConfig(examples_per_class=1),
    )  # fmt: skip
    shape = make_shape(config, classes)
    plan = plan_method(config, "nearest_neighbour", shape)[0]
    spec = ChildSpec(
        method="nearest_neighbour", phases=[Phase.BUILD], pass_=Pass.RSS, data_name="synthetic",
        config=json.loads(json.dumps(asdict(config))), run_dir=str(tmp_path),
        model_dir=str(tmp_path / "model"), data_facts={"noise_sigma": 0.1}, shape=asdict(shape),
    )  # fmt: skip
    result = run_child(
        spec, environment=pinned_environment(1, "pinned"), sample_seconds=0.02, timeout_seconds=120,
        on_event=lambda event: None,
    )  # fmt: skip
    assert result.error is None, result.stderr_tail
    memory = result.outcomes[Phase.BUILD]["memory"]
    measured = memory["peak_rss_bytes"] - memory["base"]["rss_bytes"]
    assert measured <= 1.05 * plan.over_base_bytes + 8 * MIB, plan.regime
    assert measured >= 0.7 * plan.over_base_bytes, plan.regime
