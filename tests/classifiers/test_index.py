"""The section ``index``: second stage, tuned recall, lists on the disk, class vectors of a trained head."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from xclass.classifiers.linear_server import LinearServer
from xclass.classifiers.nearest_neighbour.class_vectors import HeadVectors, MeansInFile, sample_rows
from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
from xclass.classifiers.nearest_neighbour.config import (
    RESIDENT_MEANS_BYTES,
    Metric,
    NearestNeighbourConfig,
)
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage, VectorSource
from xclass.classifiers.nearest_neighbour.second_stage import ExactVectorsWriter, SecondStage
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.classifiers.weights.table import allocate_class_vectors
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError, ModelError
from xclass.shapes import ProblemShape

MIB = 1 << 20
C, D = 4000, 32


def shape_of(num_classes=C, dim=D):
    return ProblemShape(
        num_classes=num_classes, dim=dim, batch_size=32, scan_batch_size=500, num_queries=300,
        query_batch_size=50, top_k=5, threads=1,
    )  # fmt: skip


class Examples:
    """Two examples per class, in random order."""

    def __init__(self, num_classes=C, dim=D):
        generator = np.random.default_rng(0)
        centres = generator.normal(size=(num_classes, dim)).astype(np.float32)
        self.classes = generator.permutation(np.repeat(np.arange(num_classes), 2))
        noise = generator.normal(size=(len(self.classes), dim)).astype(np.float32)
        self.vectors = centres[self.classes] + np.float32(0.3) * noise
        self.queries = centres[:400] + np.float32(0.5) * generator.normal(size=(400, dim)).astype(np.float32)

    def scan(self):
        for start in range(0, len(self.classes), 500):
            yield self.vectors[start : start + 500].copy(), self.classes[start : start + 500]

    def sample(self, num_examples):
        return self.vectors[:num_examples].copy()


@pytest.fixture(scope="module")
def examples():
    return Examples()


def build(folder, feed, *, metric=Metric.cosine, **index):
    folder.mkdir(parents=True, exist_ok=True)
    classifier = NearestNeighbour(
        NearestNeighbourConfig(metric=metric), shape=shape_of(), encoder=IdentityEncoder(dim=D), seed=0,
        index=IndexConfig(folder=str(folder.parent), **index),
    )  # fmt: skip
    report = classifier.fit(feed)
    classifier.save(folder)
    return report.facts


def serve(folder):
    server = FaissServer(threads=1)
    server.load(folder)
    return server


def recall(found, expected):
    return np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, expected, strict=True)])


# --------------------------------------------------------------------------------------- second stage


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("factory", ["PQ8", "RaBitQ", "IVF16,PQ8", "HNSW8,PQ8"])
def test_the_second_stage_finds_what_the_codes_cannot_tell_apart(factory, metric, examples, tmp_path):
    build(tmp_path / "exact", examples, metric=metric)
    exact = serve(tmp_path / "exact").search(examples.queries, 10)
    build(tmp_path / "codes", examples, metric=metric, factory=factory)
    build(tmp_path / "both", examples, metric=metric, factory=factory, rerank=200, search_width=400)
    codes = recall(serve(tmp_path / "codes").search(examples.queries, 10).classes_QK, exact.classes_QK)
    both = serve(tmp_path / "both").search(examples.queries, 10)
    assert recall(both.classes_QK, exact.classes_QK) > max(codes + 0.2, 0.8)
    right = both.classes_QK[:, 0] == exact.classes_QK[:, 0]
    expected = exact.scores_QK[right, 0]
    if "HNSW" in factory and metric is Metric.cosine:
        expected = 2 * expected - 2  # graphs go by L2 distance
    np.testing.assert_allclose(both.scores_QK[right, 0], expected, rtol=3e-3, atol=3e-3)
    assert (np.diff(both.scores_QK, axis=1) <= 0).all()


def test_rabitq_finds_in_lists_what_it_finds_without(examples, tmp_path):
    """By inner product it finds a third less there (faiss 1.15)."""
    build(tmp_path / "exact", examples)
    exact = serve(tmp_path / "exact").search(examples.queries, 10).classes_QK
    recalls = []
    for name, factory in (("flat", "RaBitQ"), ("lists", "IVF32,RaBitQ")):
        build(tmp_path / name, examples, factory=factory, num_probes=32, rerank=30)
        recalls.append(recall(serve(tmp_path / name).search(examples.queries, 10).classes_QK, exact))
    assert recalls[1] > recalls[0] - 0.02


def test_with_every_class_a_candidate_the_answer_is_exact(examples, tmp_path):
    build(tmp_path / "exact", examples)
    build(tmp_path / "all", examples, factory="PQ4", rerank=C)
    exact, found = (serve(tmp_path / name).search(examples.queries, 5) for name in ("exact", "all"))
    assert recall(found.classes_QK, exact.classes_QK) > 0.99  # float16 may swap what is nearly equal


def test_where_there_are_too_few_candidates_the_rest_is_minus_one(examples, tmp_path):
    build(tmp_path / "model", examples, factory="IVF64,PQ8", rerank=300, num_probes=1)
    found = serve(tmp_path / "model").search(examples.queries, 200)
    assert (found.classes_QK[:, 0] >= 0).all()
    assert (found.classes_QK[:, -1] == -1).any()
    assert (found.scores_QK[found.classes_QK == -1] == -np.inf).all()


def test_values_beyond_float16_become_its_greatest(tmp_path):
    writer = ExactVectorsWriter((3, 2), str(tmp_path))
    writer.append(np.array([[1e9, 1.0], [0.0, -1e9]], dtype=np.float32))
    writer.append(np.array([[2.0, 3.0]], dtype=np.float32))
    writer.save(tmp_path)
    stage = SecondStage(tmp_path, (3, 2), is_l2=False)
    scores, rows = stage.rank(np.array([[1.0, 1.0]], dtype=np.float32), np.array([[0, 1, 2]]), 3)
    np.testing.assert_array_equal(rows, [[0, 2, 1]])
    assert np.isfinite(scores).all()


def test_a_damaged_file_of_exact_vectors_is_refused(examples, tmp_path):
    build(tmp_path / "model", examples, factory="PQ8", rerank=50)
    np.save(tmp_path / "model" / "vectors.npy", np.zeros((C, D - 1), dtype=np.float16))
    with pytest.raises(ModelError, match="vectors"):
        serve(tmp_path / "model")


# --------------------------------------------------------------------------------------- tuned recall


@pytest.mark.parametrize("factory", ["IVF64,Flat", "HNSW8"])
def test_the_least_effort_that_meets_the_target_is_served(factory, examples, tmp_path):
    facts = build(tmp_path / "model", examples, factory=factory, target_recall=0.9, tuning_queries=500)
    name = "num_probes" if "IVF" in factory else "search_width"
    assert facts["is_target_met"]
    assert facts["measured_recall_at_10"] >= 0.9
    assert facts["recall_queries"] == 500
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert manifest["facts"][name] == facts[name]
    build(tmp_path / "exact", examples)
    queries = examples.sample(500)
    expected = serve(tmp_path / "exact").search(queries, 10).classes_QK
    server = serve(tmp_path / "model")
    assert recall(server.search(queries, 10).classes_QK, expected) == pytest.approx(
        facts["measured_recall_at_10"], abs=2e-3
    )
    server.set_effort({name: facts[name] // 2})
    assert recall(server.search(queries, 10).classes_QK, expected) < 0.9


def test_a_target_that_codes_cannot_meet_is_said_to_be_missed(examples, tmp_path):
    facts = build(tmp_path / "model", examples, factory="PQ4", target_recall=0.99, tuning_queries=100)
    assert facts["is_target_met"] is False
    assert facts["measured_recall_at_10"] < 0.9


def test_recall_is_measured_with_the_second_stage(examples, tmp_path):
    without = build(tmp_path / "a", examples, factory="RaBitQ", target_recall=0.9, tuning_queries=200)
    with_it = build(
        tmp_path / "b", examples, factory="RaBitQ", target_recall=0.9, tuning_queries=200, rerank=300
    )
    assert without["measured_recall_at_10"] < 0.8 < 0.9 <= with_it["measured_recall_at_10"]


# ------------------------------------------------------------------------------------ means and lists


@pytest.mark.parametrize("factory", ["SQ8", "IVF16,SQ8", "HNSW8"])
def test_means_in_a_file_and_in_memory_make_the_same_index(factory, examples, tmp_path):
    for storage in MeansStorage:
        build(tmp_path / storage, examples, factory=factory, means_storage=storage)
    one, other = ((tmp_path / storage / "index.faiss").read_bytes() for storage in MeansStorage)
    assert one == other


def resident_file_bytes():
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"RssFile:\s+(\d+) kB", text)[1]) * 1024


def test_scattered_sums_in_a_file_leave_few_pages_resident(tmp_path):
    rows, dim = 400_000, 64  # 102 MB
    means = MeansInFile(rows, dim, str(tmp_path))
    before, most = resident_file_bytes(), 0
    generator = np.random.default_rng(0)
    total = np.zeros(rows)
    for _ in range(30):
        chosen = np.unique(generator.integers(0, rows, 2000))
        means.add(chosen, np.ones((len(chosen), dim), dtype=np.float32))
        total[chosen] += 1
        most = max(most, resident_file_bytes() - before)
    assert most < 1.25 * RESIDENT_MEANS_BYTES
    for start in range(0, rows, 8192):
        block = means.read(start, min(start + 8192, rows))
        np.testing.assert_array_equal(block[:, 0], total[start : start + 8192])
        most = max(most, resident_file_bytes() - before)
    assert most < 1.25 * RESIDENT_MEANS_BYTES
    means.release(rows)
    assert resident_file_bytes() - before < MIB


def test_a_sample_has_the_rows_that_were_asked_for(tmp_path):
    means = MeansInFile(50_000, 4, str(tmp_path))
    with means.block(0, 50_000) as block:
        block[:] = np.arange(50_000, dtype=np.float32)[:, None]
    rows = np.sort(np.random.default_rng(0).choice(50_000, 777, replace=False))
    np.testing.assert_array_equal(sample_rows(means, rows, 50_000)[:, 0], rows)


def test_lists_on_the_disk_answer_like_lists_in_memory_wherever_they_are_moved(examples, tmp_path):
    build(tmp_path / "runs" / "memory", examples, factory="IVF16,SQ8")
    build(tmp_path / "runs" / "disk", examples, factory="IVF16,SQ8", on_disk_lists=True)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["disk", "memory"]
    shutil.move(tmp_path / "runs" / "disk", tmp_path / "moved")
    expected = serve(tmp_path / "runs" / "memory").search(examples.queries, 5)
    server = serve(tmp_path / "moved")
    found = server.search(examples.queries, 5)
    np.testing.assert_array_equal(found.classes_QK, expected.classes_QK)
    np.testing.assert_array_equal(found.scores_QK, expected.scores_QK)
    some = np.array([3999, 0, 17])
    in_memory = serve(tmp_path / "runs" / "memory").class_vectors(some)
    np.testing.assert_array_equal(server.class_vectors(some), in_memory)
    lists_bytes = (tmp_path / "moved" / "lists.ivfdata").stat().st_size
    assert lists_bytes == pytest.approx(C * (D + 8), rel=0.01), "no gaps"
    assert server.held_bytes()["index (mapped)"] > lists_bytes


# --------------------------------------------------------------------------- vectors of a trained head


@pytest.fixture(scope="module", params=list(WeightDtype))
def head(request, tmp_path_factory):
    """A saved softmax head of unequal lengths."""
    folder = tmp_path_factory.mktemp("head")
    vectors = allocate_class_vectors(WeightsConfig(dtype=request.param), shape_of())
    generator = np.random.default_rng(3)
    import torch

    values = generator.normal(size=(C, D)) * generator.uniform(0.5, 3.0, (C, 1))
    vectors.tensor_CD.copy_(torch.from_numpy(values.astype(np.float32)))
    vectors.save(folder)
    return folder


@pytest.mark.parametrize("factory", ["Flat", "IVF16,Flat"])
def test_an_index_of_a_head_answers_like_the_head(factory, head, examples, tmp_path):
    facts = build(
        tmp_path / "model", examples, factory=factory, num_probes=16, vectors=VectorSource.dense_softmax,
        model=str(head),
    )  # fmt: skip
    exact = LinearServer(threads=1)
    exact.load(head)
    expected = exact.search(examples.queries, 5)
    found = serve(tmp_path / "model").search(examples.queries, 5)
    np.testing.assert_array_equal(found.classes_QK, expected.classes_QK)
    np.testing.assert_allclose(found.scores_QK, expected.scores_QK, rtol=1e-3, atol=1e-3)
    lengths = facts["lengths"]
    assert 0.5 < lengths["least"] * 3 < lengths["median"] < lengths["most"] * 0.9
    assert facts["metric"] == "inner_product"


def test_a_head_of_another_problem_is_refused(head):
    with pytest.raises(ModelError, match=f"{C} classes of {D} values, not 10 of {D}"):
        HeadVectors(head, shape_of(num_classes=10))


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"rerank": 10}, "index.rerank", "Flat"),
        ({"rerank": -1, "factory": "PQ8"}, "index.rerank", "0 to 65536"),
        ({"on_disk_lists": True, "factory": "SQ8"}, "index.on_disk_lists", "ivf_sq8"),
        ({"factory": "HNSW8", "vectors": VectorSource.dense_softmax}, "index.vectors", "graph"),
        ({"target_recall": 0.0}, "index.target_recall", "above 0"),
        ({"target_recall": float("nan")}, "index.target_recall", "above 0"),
        ({"tuning_queries": 1}, "index.tuning_queries", "10 to 100000"),
        ({"num_probes": 0}, "index.num_probes", "1 to 65536"),
        ({"search_width": 1 << 17}, "index.search_width", "1 to 65536"),
        ({"factory": "IVF{list},SQ8"}, "index.factory", "Flat"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_key(settings, key, words):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        IndexConfig(**settings)
    assert caught.value.key == key
