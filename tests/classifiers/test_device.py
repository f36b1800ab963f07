"""``device=cuda``: refused where there is no GPU, the same classifier where there is one."""

import numpy as np
import pytest
import torch

from xclass.classifiers.base import import_object
from xclass.classifiers.device import Device
from xclass.classifiers.gpu import GpuMeter, check_device
from xclass.classifiers.init import Init
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.weights.config import Rounding, WeightDtype, WeightsConfig, WeightStorage
from xclass.config import RunConfig
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import SyntheticSource
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError
from xclass.run.feed import DataFeed, FeedLimits
from xclass.shapes import ProblemShape

HEADS = [name for name, config in METHOD_CONFIGS.items() if "device" in config.sections]
C, D = 2000, 16
SHAPE = ProblemShape(
    num_classes=C, dim=D, batch_size=32, scan_batch_size=256, num_queries=10, query_batch_size=5, top_k=5,
    threads=1,
)  # fmt: skip
SOURCE = SyntheticSource(SyntheticConfig(examples_per_class=4), num_classes=C, dim=D, seed=7, sigma=0.15)
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")


def laws(name, init):
    config = METHOD_CONFIGS[name](init=Init(init))
    return config.memory_law(SHAPE), config.memory_law(SHAPE, device=Device.cuda)


def test_every_softmax_head_has_a_device():
    assert set(HEADS) == {"dense_softmax", "dense_softmax_autograd", "sampled_softmax"}


@pytest.mark.parametrize("name", HEADS)
def test_on_a_gpu_the_host_holds_the_class_vectors_while_they_start_and_no_step(name):
    on_cpu, on_gpu = laws(name, "random")
    assert on_gpu.peak.total_bytes < on_cpu.peak.total_bytes
    assert on_gpu.peak.total_bytes == 4 * C * D


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_refusal_says_what_torch_says():
    with pytest.raises(ConfigError, match=r"^device=cuda: .*torch says: .*; use device=cpu"):
        check_device(Device.cuda)


def test_the_cpu_is_never_refused_and_leaves_no_facts():
    check_device(Device.cpu)
    assert GpuMeter(Device.cpu).facts(1) == {}


def test_mapped_class_vectors_stay_on_the_cpu():
    mapped = WeightsConfig(storage=WeightStorage.memmap)
    with pytest.raises(ConfigError, match=r"weights.storage=memmap: .*device=cpu"):
        RunConfig(device=Device.cuda, weights=mapped)
    RunConfig(device=Device.cpu, weights=mapped)


def train(name, device, dtype, tmp_path):
    settings = METHOD_CONFIGS[name]()
    sections = {"device": device}
    if "weights" in METHOD_CONFIGS[name].sections:
        sections["weights"] = WeightsConfig(dtype=dtype, rounding=Rounding.nearest)
    encoder = IdentityEncoder(dim=D)
    classifier = import_object(settings.implementation)(
        settings, shape=SHAPE, encoder=encoder, seed=0, **sections
    )
    classifier.warm_up()
    limits = FeedLimits(examples=3200)
    feed = DataFeed(
        SOURCE,
        encoder,
        batch_size=32,
        scan_batch_size=256,
        threads=1,
        limits=limits,
        progress=lambda *_: None,
    )
    report = classifier.fit(feed)
    folder = tmp_path / device
    folder.mkdir()
    classifier.save(folder)
    values = np.load(folder / "weights.npy")
    return report, values if values.dtype == np.float32 else (values.astype(np.uint32) << 16).view(np.float32)


@NEEDS_GPU
@pytest.mark.parametrize("dtype", list(WeightDtype))
@pytest.mark.parametrize("name", HEADS)
def test_a_gpu_trains_the_same_class_vectors(name, dtype, tmp_path):
    _, expected = train(name, Device.cpu, dtype, tmp_path)
    report, found = train(name, Device.cuda, dtype, tmp_path)
    tolerance = 2e-3 if dtype is WeightDtype.float32 else 0.05
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)
    gpu = report.facts["gpu"]
    assert 0 < gpu["peak_allocated_bytes"] <= gpu["peak_reserved_bytes"] <= gpu["taken_at_end_bytes"]
    assert gpu["peak_allocated_bytes"] <= 1.2 * gpu["predicted_bytes"] + (1 << 22)
