"""Heap limits of hot paths: a B x C matrix, a copy of the class vectors, a list of everything fails here.

What has to exist anyway (class vectors, examples) is made by fixtures, outside of what is counted, and every
path has run once: OpenBLAS takes a buffer of some 10 MB per thread at its first product and keeps it.
"""

import numpy as np
import pytest
import torch

from xclass.classifiers.class_means import accumulate_means
from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.load import load_kernels, load_sampled_kernels
from xclass.classifiers.kernels.sampled import RowState
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.sampled_softmax.negatives import RandomNegatives
from xclass.classifiers.sampled_softmax.samplers import UniformSampler
from xclass.classifiers.sampled_softmax.step import SampledStep
from xclass.classifiers.sampled_softmax.step import StepSettings as SampledSettings
from xclass.data.registry import DATA_CONFIGS
from xclass.data.synthetic import entry as synthetic
from xclass.encoders.identity import IdentityEncoder
from xclass.measure.rows import Bucket, BucketStore, Maxima, Row
from xclass.run.feed import DataFeed, FeedLimits

NUM_CLASSES, DIM, BATCH = 200_000, 32, 128
# A matrix of logits would be 102 MB, a copy or a gradient of the class vectors 26 MB.

pytestmark = pytest.mark.memory


@pytest.fixture
def weights():
    return torch.randn(NUM_CLASSES, DIM, generator=torch.Generator().manual_seed(0)) * 0.1


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(BATCH, DIM, generator=generator), torch.randint(
        NUM_CLASSES, (BATCH,), generator=generator
    )


@pytest.fixture
def dense_step(weights, batch):
    kernels, _ = load_kernels()
    head = StreamedHead(weights, batch_size=BATCH, block_classes=1024, threads=2, kernels=kernels)
    inputs, classes = batch
    true = TrueClasses.one_each(classes, inputs.dtype)

    def step():
        with single_threaded_products():
            return head.step(inputs, true, StepSettings(learning_rate=0.1))

    step()
    yield step
    head.close()


@pytest.mark.limit_memory("512 KB")
def test_a_dense_step_takes_blocks_and_no_matrix(dense_step):
    losses, _ = dense_step()
    assert losses.isfinite().all()


@pytest.fixture
def sampled_step(weights, batch):
    kernels, _ = load_sampled_kernels()
    state = RowState(weights_CD=weights, state_C=torch.zeros(NUM_CLASSES))
    step = SampledStep(state, kernels=kernels, batch_size=BATCH, num_sampled=1024, threads=2)
    negatives = RandomNegatives(UniformSampler(NUM_CLASSES), 1024)
    generator = np.random.default_rng(0)
    inputs, classes = batch

    def take():
        with single_threaded_products():
            return step(inputs, classes.numpy(), negatives, generator, SampledSettings(learning_rate=0.1))

    take()
    yield take
    step.close()


@pytest.mark.limit_memory("512 KB")
def test_a_sampled_step_takes_nothing_that_grows_with_classes(sampled_step):
    losses, _ = sampled_step()
    assert losses.isfinite().all()


@pytest.fixture
def sums():
    return np.zeros((NUM_CLASSES, DIM), dtype=np.float32)


@pytest.mark.limit_memory("2 MB")
def test_class_means_take_counts_and_a_batch(sums):
    """0.8 MB of counts; a sorted copy of all examples would be 51 MB."""

    def batches():
        for start in range(0, 2 * NUM_CLASSES, 1024):
            classes = np.arange(start, min(start + 1024, 2 * NUM_CLASSES)) // 2
            yield np.ones((len(classes), DIM), dtype=np.float32), classes

    counts, _ = accumulate_means(sums, batches())
    assert (counts == 2).all()


@pytest.fixture
def feed():
    config = DATA_CONFIGS["synthetic"]()
    shape = {"num_classes": NUM_CLASSES, "dim": DIM, "seed": 0}
    facts = synthetic.prepare(config, **shape, progress=lambda *_: None)
    source = synthetic.open_source(config, **shape, facts=facts)

    def make(num_scan):
        return DataFeed(
            source, IdentityEncoder(dim=DIM), batch_size=BATCH, scan_batch_size=1024, threads=2,
            limits=FeedLimits(scan_examples=num_scan), progress=lambda *_: None,
        )  # fmt: skip

    assert sum(len(classes) for _, classes in make(4096).scan()) == 4096
    return make


@pytest.mark.limit_memory("4 MB")
def test_a_scan_holds_chunks_and_not_the_data_set(feed):
    """200 000 examples are 26 MB."""
    assert sum(len(classes) for _, classes in feed(NUM_CLASSES).scan()) == NUM_CLASSES


@pytest.mark.limit_memory("6 MB")
def test_a_timeline_of_hours_stays_small():
    """400 000 samples are more than two hours at 20 ms, and 200 MB if all were kept."""
    store = BucketStore()
    for number in range(400_000):
        row = Row(number * 0.02, number, number, 0, 0)
        store.append(Bucket(row.seconds, row.seconds, 1, row, Maxima(*row[1:], 0, 0)))
    assert max(bucket.maxima.rss_bytes for bucket in store.between(0, 1e9)) == 399_999
