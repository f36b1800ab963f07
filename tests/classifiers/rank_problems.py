"""Small problems that are solved by one process and by several, to be compared."""

import numpy as np
import torch

from xclass.classifiers.base import import_object
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig, Loss
from xclass.classifiers.dense_softmax.streamed import StepSettings as DenseSettings
from xclass.classifiers.dense_softmax.streamed import StreamedHead
from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.load import load_kernels, load_sampled_kernels
from xclass.classifiers.kernels.plain import TorchKernels
from xclass.classifiers.kernels.sampled import RowState, TorchSampledKernels
from xclass.classifiers.nearest_neighbour.index_kind import parse_index_kind
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ownership, own_classes
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.sampled_softmax.hard import HardNegatives
from xclass.classifiers.sampled_softmax.negatives import InBatchNegatives, MixedNegatives, RandomNegatives
from xclass.classifiers.sampled_softmax.samplers import FrequencySampler, LogUniformSampler, UniformSampler
from xclass.classifiers.sampled_softmax.step import SampledStep
from xclass.classifiers.sampled_softmax.step import StepSettings as SampledSettings
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.data.base import Batch, SparseRows
from xclass.encoders.projection import ProjectionEncoder
from xclass.run.feed import DataFeed, FeedLimits
from xclass.shapes import ProblemShape

NUM_CLASSES, DIM, BATCH, STEPS = 37, 6, 9, 3
COUNTS = 1000 // np.arange(1, NUM_CLASSES + 1)

DENSE = {
    "softmax": ({}, {}),
    "smoothing and decay": ({}, {"label_smoothing": 0.2, "weight_decay": 0.03}),
    "one_vs_all": ({"loss": Loss.one_vs_all}, {"weight_decay": 0.01}),
    "plain torch": ({"kernels": TorchKernels()}, {"label_smoothing": 0.1}),
}
"""Name -> arguments of the head, and of its steps."""
SAMPLED = ["uniform", "log_uniform", "frequency", "in_batch", "mixed_uniform", "mixed_frequency", "hard",
           "plain torch"]  # fmt: skip

SHAPE = ProblemShape(
    num_classes=NUM_CLASSES, dim=DIM, batch_size=10, scan_batch_size=16, num_queries=5, query_batch_size=5,
    top_k=3, threads=1, num_examples=95, num_features=23, features_per_example=4,
)  # fmt: skip
FITS = {
    "dense_softmax": DenseSoftmaxConfig(learning_rate=0.2, label_smoothing=0.1),
    "sampled_softmax": SampledSoftmaxConfig(sampler=SamplerKind.mixed_uniform, num_samples=20),
}
KEPT = {**FITS, "bfloat16": DenseSoftmaxConfig(learning_rate=0.2)}
"""Name -> method of a checkpoint; the last has class vectors in bfloat16, most with their rounding errors."""
WEIGHTS = {"bfloat16": WeightsConfig(dtype=WeightDtype.bfloat16, kahan_share=0.7)}
FIT_STEPS = 14


def batches(seed=5):
    """The steps' inputs and classes; all ranks make the same."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        inputs = torch.randn(BATCH, DIM, generator=generator, dtype=torch.float64)
        classes = torch.randint(0, NUM_CLASSES, (BATCH,), generator=generator)
        classes[0], classes[1], classes[2] = 0, 0, NUM_CLASSES - 1
        yield inputs, classes


def own_weights(ranks):
    """Rows of this rank of one matrix, and what a head is told of the others."""
    owned = own_classes(ranks, NUM_CLASSES)
    every = torch.randn(NUM_CLASSES, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = every[owned.start : owned.stop].clone()
    return weights, Ownership(ranks=ranks, first_class=owned.start, num_classes=NUM_CLASSES)


def dense(ranks, name):
    """Losses and input gradients of each step, and this rank's class vectors after them."""
    arguments, settings = DENSE[name]
    weights, ownership = own_weights(ranks)
    head = StreamedHead(
        weights, batch_size=BATCH, block_classes=4, threads=2, ownership=ownership,
        **{"kernels": load_kernels()[0]} | arguments,
    )  # fmt: skip
    losses, gradients = [], []
    with single_threaded_products():
        for inputs, classes in batches():
            true = TrueClasses.one_each(classes, inputs.dtype)
            loss, gradient = head.step(inputs, true, DenseSettings(learning_rate=0.3, **settings))
            losses.append(loss.clone())
            gradients.append(gradient.clone())
    head.close()
    return {"losses": torch.stack(losses), "gradients": torch.stack(gradients), "weights": weights}


def negatives_of(name, weights, ownership):
    """The sampler of that name, as the classifier would make it."""
    random = {
        "uniform": UniformSampler(NUM_CLASSES),
        "log_uniform": LogUniformSampler(NUM_CLASSES),
        "frequency": FrequencySampler(COUNTS, 0.75),
    }
    in_batch = InBatchNegatives(StreamingFrequency(len(weights), 0.3, first_class=ownership.first_class))
    if name == "in_batch":
        return in_batch
    if name.startswith("mixed_"):
        return MixedNegatives(in_batch, RandomNegatives(random[name.removeprefix("mixed_")], 12))
    if name == "hard":
        return HardNegatives(
            RandomNegatives(random["log_uniform"], 12), weights, factory="Flat",
            kind=parse_index_kind("Flat"), num_hard=16, refresh_steps=2, num_probes=1, seed=0,
            ownership=ownership,
        )  # fmt: skip
    return RandomNegatives(random["log_uniform" if name == "plain torch" else name], 12)


def sampled(ranks, name):
    """The same of the sampled head, with its row state."""
    weights, ownership = own_weights(ranks)
    state = RowState(weights_CD=weights, state_C=torch.zeros(len(weights), dtype=torch.float64))
    step = SampledStep(
        state, batch_size=BATCH, num_sampled=NUM_CLASSES, threads=2, ownership=ownership,
        kernels=TorchSampledKernels() if name == "plain torch" else load_sampled_kernels()[0],
    )  # fmt: skip
    negatives = negatives_of(name, weights, ownership)
    generator = np.random.Generator(np.random.Philox(key=3))
    losses, gradients = [], []
    with single_threaded_products():
        for inputs, classes in batches():
            loss, gradient = step(
                inputs, classes.numpy(), negatives, generator,
                SampledSettings(learning_rate=0.2, weight_decay=0.05),
            )  # fmt: skip
            losses.append(loss.clone())
            gradients.append(gradient.clone())
    step.close()
    return {
        "losses": torch.stack(losses), "gradients": torch.stack(gradients), "weights": weights,
        "row_state": state.state_C,
    }  # fmt: skip


class TinySource:
    """Sparse rows whose class can be learnt: 95 examples of 37 classes and 23 features."""

    num_train = num_examples = 95

    def __init__(self):
        draw = np.random.default_rng(0)
        self._classes = np.minimum(draw.geometric(0.08, self.num_train) - 1, NUM_CLASSES - 1)
        first = (self._classes[:, None] * 3 + np.arange(3)) % 20
        self._columns = np.sort(np.column_stack((first, draw.integers(20, 23, self.num_train))), axis=1)

    def train_batch(self, epoch, start, stop):
        order = np.random.default_rng(100 + epoch).permutation(self.num_train)
        return self._batch(order[start:stop])

    def scan_batch(self, start, stop):
        return self._batch(np.arange(start, stop))

    def class_counts(self):
        return np.bincount(self._classes, minlength=NUM_CLASSES)

    def _batch(self, rows):
        columns = self._columns[rows].astype(np.int32)
        inputs = SparseRows(
            starts=np.arange(len(rows) + 1) * 4, columns=columns.ravel(),
            values=np.ones(columns.size, np.float32), num_columns=23,
        )  # fmt: skip
        return Batch(inputs=inputs, classes_B=self._classes[rows].astype(np.int64))


def fit(name, *, ranks=SINGLE_RANK, checkpoints=None, steps=FIT_STEPS, **weights):
    """A head and its encoder, trained together for so many steps: (classifier, encoder, report)."""
    config, weights = KEPT[name], WeightsConfig(**weights) if weights else WEIGHTS.get(name)
    encoder = ProjectionEncoder(num_features=23, dim=DIM, seed=0, learning_rate=0.1, is_trainable=True)
    classifier = import_object(config.implementation)(
        config, shape=SHAPE, encoder=encoder, seed=4, ranks=ranks, checkpoints=checkpoints, weights=weights
    )  # fmt: skip
    feed = DataFeed(
        TinySource(), encoder, batch_size=SHAPE.batch_size, scan_batch_size=SHAPE.scan_batch_size, threads=1,
        limits=FeedLimits(examples=examples_of(steps)), progress=lambda *_: None, agree=ranks.agree,
    )  # fmt: skip
    report = classifier.fit(feed)
    return classifier, encoder, report


def arrays(classifier, encoder):
    """What a checkpoint holds of both, as far as this rank has it."""
    sliced = {stem: array.rows for stem, array in classifier._vectors.sliced().items()}
    if len(getattr(classifier, "_state_C", ())):
        sliced["row_state"] = classifier._state_C.numpy()
    return sliced | encoder.trained_arrays()


def examples_of(steps):
    """Examples of so many steps: the last of each epoch has 5 instead of 10."""
    return steps * 10 - steps // 10 * 5
