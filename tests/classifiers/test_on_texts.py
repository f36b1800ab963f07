"""Methods whose classes share what an encoder has to learn: on texts, with its table trained, they learn."""

import numpy as np
import pytest

from xclass.classifiers.base import import_object
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.data.base import Batch, Texts
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import load_encoder
from xclass.encoders.ngrams import NgramEncoder
from xclass.run.feed import DataFeed, FeedLimits
from xclass.shapes import ProblemShape

NUM_CLASSES, DIM, PER_CLASS = 200, 32, 8
SHAPE = ProblemShape(
    num_classes=NUM_CLASSES, dim=DIM, batch_size=64, scan_batch_size=256, num_queries=400,
    query_batch_size=100, top_k=5, threads=1,
)  # fmt: skip
NGRAMS = NgramConfig(num_buckets=1 << 12, learning_rate=0.05)


class Words:
    """Each class is a random word; an example of it has a random ending."""

    num_classes, num_train, num_examples, num_test = NUM_CLASSES, *(NUM_CLASSES * PER_CLASS,) * 2, 400

    def __init__(self):
        letters = np.random.default_rng(3).integers(ord("a"), ord("z") + 1, (NUM_CLASSES, 7), dtype=np.uint8)
        self._words = letters

    def train_batch(self, epoch, start, stop):
        return self._batch(np.random.default_rng((1, epoch, start)), np.arange(start, stop) * 37)

    def scan_batch(self, start, stop):
        return self._batch(np.random.default_rng((2, start)), np.arange(start, stop))

    def queries(self, num_queries, seed):
        return self._batch(np.random.default_rng((4, seed)), np.arange(num_queries))

    def class_counts(self):
        return np.full(NUM_CLASSES, PER_CLASS)

    def _batch(self, generator, numbers):
        classes = (numbers % NUM_CLASSES).astype(np.int64)
        endings = generator.integers(ord("a"), ord("z") + 1, (len(classes), 2), dtype=np.uint8)
        characters = np.concatenate([self._words[classes], endings], axis=1)
        offsets = np.arange(len(classes) + 1, dtype=np.int64) * characters.shape[1]
        contexts = np.zeros(len(classes), np.uint32)
        return Batch(
            inputs=Texts(bytes_=characters.ravel(), offsets=offsets, contexts=contexts), classes_B=classes
        )


def accuracy(name, folder, *, examples, **settings):
    config = METHOD_CONFIGS[name](**settings)
    encoder = NgramEncoder(NGRAMS, dim=DIM, seed=0, is_trainable=True)
    classifier = import_object(config.implementation)(config, shape=SHAPE, encoder=encoder, seed=0)
    feed = DataFeed(
        Words(), encoder, batch_size=64, scan_batch_size=256, threads=1,
        limits=FeedLimits(examples=examples), progress=lambda *_: None,
    )  # fmt: skip
    classifier.fit(feed)
    folder.mkdir()
    classifier.save(folder)
    encoder.save(folder)
    server, encoder, queries = (
        import_object(config.server)(threads=1),
        load_encoder(folder),
        Words().queries(400, 0),
    )
    server.load(folder)
    found = server.search(encoder.encode(encoder.features(queries.inputs)), 1)
    return float((found.classes_QK[:, 0] == queries.classes_B).mean())


@pytest.mark.parametrize("name", [n for n, c in METHOD_CONFIGS.items() if c.learns_by_encoder])
def test_texts_are_learnt_with_the_encoder(name, tmp_path):
    assert accuracy(name, tmp_path / "before", examples=0) < 0.1
    assert accuracy(name, tmp_path / "after", examples=16_000) > 0.85
