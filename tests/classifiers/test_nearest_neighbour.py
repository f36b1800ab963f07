"""The index over class means: against brute force, its memory, and the kinds that approximate."""

import re
from pathlib import Path

import faiss
import numpy as np
import pytest

from xclass.classifiers.nearest_neighbour.build import make_index, skip_polysemous_training
from xclass.classifiers.nearest_neighbour.class_vectors import MeansInMemory
from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.nearest_neighbour.room import drop_pages
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.encoders.identity import IdentityEncoder
from xclass.shapes import ProblemShape

MIB = 1 << 20
NUM_CLASSES, DIM = 3000, 32


class ArrayFeed:
    """Examples of arrays, scanned in batches."""

    def __init__(self, vectors, classes, batch_size=500):
        self._vectors, self._classes, self._size = vectors, classes, batch_size
        self.num_scan = len(classes)

    def scan(self):
        for start in range(0, len(self._classes), self._size):
            yield self._vectors[start : start + self._size], self._classes[start : start + self._size]


@pytest.fixture(scope="module")
def data():
    """(vectors, classes, queries): two examples per class of unequal length, in random order."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(NUM_CLASSES, DIM)) * generator.uniform(0.5, 2.0, (NUM_CLASSES, 1))
    classes = generator.permutation(np.repeat(np.arange(NUM_CLASSES), 2))
    vectors = centres[classes] + 0.3 * generator.normal(size=(len(classes), DIM))
    queries = centres[generator.integers(0, NUM_CLASSES, 300)] + 0.5 * generator.normal(size=(300, DIM))
    return vectors.astype(np.float32), classes, queries.astype(np.float32)


def brute_force(vectors, classes, queries, metric, *, num_classes=NUM_CLASSES):
    """Scores of every class for every query, in float64; greater is nearer."""
    means = np.zeros((num_classes, vectors.shape[1]))
    np.add.at(means, classes, vectors.astype(np.float64))
    means /= np.maximum(np.bincount(classes, minlength=num_classes), 1)[:, None]
    queries = queries.astype(np.float64)
    if metric is Metric.l2:
        return -((queries[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True) @ means.T


def fit_and_serve(
    folder, vectors, classes, *, num_classes=NUM_CLASSES, seed=0, metric=Metric.cosine, **index
):
    shape = ProblemShape(
        num_classes=num_classes, dim=vectors.shape[1], batch_size=32, scan_batch_size=500, num_queries=300,
        query_batch_size=50, top_k=5, threads=1,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    classifier = NearestNeighbour(
        NearestNeighbourConfig(metric=metric),
        shape=shape,
        encoder=IdentityEncoder(dim=shape.dim),
        seed=seed,
        index=IndexConfig(folder=str(folder), **index),
    )
    classifier.fit(ArrayFeed(vectors, classes))
    classifier.save(folder)
    server = FaissServer(threads=1)
    server.load(folder)
    return server


@pytest.mark.parametrize("metric", list(Metric))
def test_flat_answers_are_those_of_brute_force(data, metric, tmp_path):
    vectors, classes, queries = data
    server = fit_and_serve(tmp_path / "model", vectors, classes, metric=metric)
    answers = server.search(queries, 5)
    scores = brute_force(vectors, classes, queries, metric)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(answers.classes_QK, expected)
    np.testing.assert_allclose(
        answers.scores_QK, np.take_along_axis(scores, expected, axis=1), rtol=1e-4, atol=1e-4
    )
    assert (np.diff(answers.scores_QK, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", list(Metric))
def test_means_accumulated_in_the_index_equal_means_added_to_it(data, metric, tmp_path, monkeypatch):
    vectors, classes, queries = data
    in_place = fit_and_serve(tmp_path / "a", vectors, classes, metric=metric).search(queries, 5)
    monkeypatch.setattr(
        "xclass.classifiers.nearest_neighbour.index_kind.IndexKind.is_flat", property(lambda _: False)
    )
    added = fit_and_serve(tmp_path / "b", vectors, classes, metric=metric).search(queries, 5)
    np.testing.assert_array_equal(in_place.classes_QK, added.classes_QK)
    np.testing.assert_array_equal(in_place.scores_QK, added.scores_QK)
    assert (tmp_path / "a" / "index.faiss").read_bytes() == (tmp_path / "b" / "index.faiss").read_bytes()


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize(
    ("factory", "floor"),
    [
        ("SQ8", 0.95),
        ("SQfp16", 0.99),
        ("IVF64,Flat", 0.84),
        ("IVF64,SQ8", 0.83),
        ("PQ16", 0.82),
        ("HNSW32", 0.95),
        pytest.param("OPQ16,IVF64,PQ16", 0.75, marks=pytest.mark.slow),
    ],
)
def test_approximate_kinds_find_most_of_the_true_five(data, factory, floor, metric, tmp_path):
    """Floors lie a few points under what faiss 1.15 gives; IVF probes 16 of 64 lists."""
    vectors, classes, queries = data
    server = fit_and_serve(tmp_path / "model", vectors, classes, factory=factory, metric=metric)
    found = server.search(queries, 5).classes_QK
    expected = np.argsort(-brute_force(vectors, classes, queries, metric), axis=1)[:, :5]
    recall = np.mean([len(np.intersect1d(a, b)) / 5 for a, b in zip(found, expected, strict=True)])
    assert recall >= floor


def test_more_probes_and_a_wider_search_find_more(data, tmp_path):
    vectors, classes, queries = data
    expected = np.argsort(-brute_force(vectors, classes, queries, Metric.cosine), axis=1)[:, :1]

    def share(**settings):
        server = fit_and_serve(tmp_path / "model", vectors, classes, **settings)
        return float((server.search(queries, 1).classes_QK == expected).mean())

    assert share(factory="IVF64,Flat", num_probes=1) < 0.9
    assert share(factory="IVF64,Flat", num_probes=64) == 1.0
    assert share(factory="HNSW4", search_width=1) < share(factory="HNSW4", search_width=512)


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "IVF16,Flat", "HNSW16"])
@pytest.mark.parametrize("metric", list(Metric))
def test_classes_without_examples_do_no_harm(factory, metric, tmp_path):
    """Never a nan, never before a class that is near, and no better than chance after it."""
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(400, 16)).astype(np.float32) * 3
    classes = np.arange(0, 400, 2)
    server = fit_and_serve(
        tmp_path / "model",
        centres[classes],
        classes,
        num_classes=400,
        factory=factory,
        metric=metric,
        num_probes=16,
    )
    answers = server.search(centres[classes], 5)
    assert np.isfinite(answers.scores_QK).all()
    assert (answers.classes_QK[:, 0] == classes).mean() >= 0.97
    # Half of all classes are unseen; at zero they would take all four places by L2.
    assert 0.3 < (answers.classes_QK[:, 1:] % 2).mean() < 0.65


def test_where_an_index_finds_too_few_the_rest_is_minus_one(data, tmp_path):
    vectors, classes, queries = data
    server = fit_and_serve(tmp_path / "model", vectors, classes, factory="IVF1024,Flat", num_probes=1)
    found = server.search(queries, 50).classes_QK
    assert (found[:, 0] >= 0).all()
    assert (found[:, -1] == -1).all()
    assert ((found >= -1) & (found < NUM_CLASSES)).all()


def test_training_samples_follow_the_seed(data, tmp_path, monkeypatch):
    vectors, classes, _ = data
    monkeypatch.setattr(
        "xclass.classifiers.nearest_neighbour.index_kind.IndexKind.training_points", lambda *_: 1000
    )
    files = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        fit_and_serve(tmp_path / name, vectors, classes, factory="IVF16,SQ8", seed=seed)
        files.append((tmp_path / name / "index.faiss").read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


@pytest.mark.parametrize(
    "factory", ["PQ8", "IVF4,PQ8", "HNSW8,PQ8", "OPQ8,PQ8", "OPQ8,IVF4,PQ8", "OPQ8,HNSW8,PQ8"]
)
def test_no_kind_anneals_its_codes(factory):
    """It takes 26 s whatever the size, for a filter that is never used."""
    index = faiss.index_factory(32, factory)
    skip_polysemous_training(index)
    inner = index
    if isinstance(inner, faiss.IndexPreTransform):
        inner = faiss.downcast_index(inner.index)
    if isinstance(inner, faiss.IndexHNSW):
        inner = faiss.downcast_index(inner.storage)
    assert inner.do_polysemous_training is False


def resident_anonymous_bytes():
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024


def test_released_rows_go_back_to_the_kernel_and_the_others_stay():
    rows, dim = 64_000, 256
    before = resident_anonymous_bytes()
    matrix = MeansInMemory(rows, dim)
    assert not matrix.array_CD[::5000].any()
    matrix.array_CD[:] = np.arange(rows, dtype=np.float32)[:, None]
    full = resident_anonymous_bytes() - before
    assert full == pytest.approx(rows * dim * 4, abs=2 * MIB)
    matrix.release(rows // 2 + 1)
    assert resident_anonymous_bytes() - before == pytest.approx(full / 2, abs=2 * MIB)
    np.testing.assert_array_equal(matrix.array_CD[rows // 2 + 1 :, 0], np.arange(rows // 2 + 1, rows))
    matrix.release(rows // 4)
    np.testing.assert_array_equal(matrix.array_CD[rows // 2 + 1 :, -1], np.arange(rows // 2 + 1, rows))
    matrix.release(rows)
    assert resident_anonymous_bytes() - before < 2 * MIB


@pytest.mark.parametrize(("rows", "dim"), [(10, 3), (1025, 1), (5000, 7)])
def test_releasing_never_takes_a_row_that_is_still_needed(rows, dim):
    """Rows and pages do not line up: the page that a kept row begins in must stay."""
    for stop in (1, rows // 2, rows - 1):
        matrix = MeansInMemory(rows, dim)
        matrix.array_CD[:] = 1.0
        matrix.release(stop)
        assert matrix.array_CD[stop:].all()


def test_dropped_pages_leave_neighbours_alone():
    block = np.full(40 * MIB, 7, dtype=np.uint8)
    before = resident_anonymous_bytes()
    drop_pages(block[100 : 32 * MIB])
    assert before - resident_anonymous_bytes() == pytest.approx(32 * MIB, abs=MIB)
    assert (block[:100] == 7).all()
    assert (block[32 * MIB :] == 7).all()
    drop_pages(block[:10])
    assert (block[:10] == 7).all()


@pytest.mark.parametrize("factory", ["SQ8", "SQfp16"])
def test_room_reserved_for_codes_is_not_resident_beside_the_means(factory):
    """A means pass at 16x the other tests' size: codes must not be resident before they are written."""
    before = resident_anonymous_bytes()
    index = make_index(factory, dim=64, num_classes=400_000, is_l2=False)
    assert resident_anonymous_bytes() - before < 2 * MIB
    index.train(np.random.default_rng(0).normal(size=(1000, 64)).astype(np.float32))
    where = index.codes.data()
    index.add(np.ones((1000, 64), dtype=np.float32))
    assert int(index.codes.data()) == int(where), "the room was not kept"
