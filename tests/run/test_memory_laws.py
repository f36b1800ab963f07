"""The closed form of the plain torch head against what the kernel saw, in the pinned environment."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig, Optimizer
from xclass.classifiers.init import Init
from xclass.config import BudgetConfig, MethodsConfig, RunConfig
from xclass.measure.environment import pinned_environment
from xclass.records.record import Pass, Phase
from xclass.run.launcher import run_child
from xclass.run.spec import ChildSpec
from xclass.sizing.plan import make_shape, plan_method

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
