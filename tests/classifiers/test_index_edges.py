"""What an index does at the edges: more answers than classes, amended heads and lists, bounded training."""

import json

import faiss
import numpy as np
import pytest

from xclass.classifiers.amend.folder import amend_model
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, VectorSource
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.classifiers.seal import seal
from xclass.cli.explain import check_words
from xclass.config import RunConfig
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError, ModelError
from xclass.measure.status import read_status
from xclass.shapes import ProblemShape
from xclass.sizing.engines import ANSWERING_CODE_BYTES
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import MIB

C, D = 1000, 16
SHAPE = ProblemShape(
    num_classes=C, dim=D, batch_size=32, scan_batch_size=500, num_queries=50, query_batch_size=50, top_k=5,
    threads=1,
)  # fmt: skip


def directions(seed, count):
    vectors = np.random.default_rng(seed).standard_normal((count, D))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


CENTRES, NEW = directions(0, C), directions(1, 4)


class OnePerClass:
    """A feed of one example per class."""

    def scan(self):
        yield CENTRES.copy(), np.arange(C)


def build(folder, *, metric=Metric.cosine, **index):
    folder.mkdir(parents=True)
    classifier = NearestNeighbour(
        NearestNeighbourConfig(metric=metric), shape=SHAPE, encoder=IdentityEncoder(dim=D), seed=0,
        index=IndexConfig(folder=str(folder.parent), **index),
    )  # fmt: skip
    report = classifier.fit(OnePerClass())
    classifier.save(folder)
    seal(folder)
    return report.facts


def search(folder, queries, k=5):
    server = FaissServer(threads=1)
    server.load(folder)
    return server.search(queries, k)


def save_head(folder, lengths):
    folder.mkdir()
    save_array(folder / "weights.npy", (CENTRES * lengths[:, None]).astype(np.float32))
    shape = {"num_classes": C, "dim": D}
    write_manifest(folder, kind="linear", shape=shape, facts={"dtype": "float32"})
    seal(folder)
    return folder


def test_more_answers_than_classes_are_marked_as_missing_by_the_second_stage_too(tmp_path):
    build(tmp_path / "model", factory="SQ8", rerank=20)
    found = search(tmp_path / "model", CENTRES[:3], C + 3)
    assert found.classes_QK.shape == found.scores_QK.shape == (3, C + 3)
    np.testing.assert_array_equal(np.sort(found.classes_QK[:, :C], axis=1), [np.arange(C)] * 3)
    assert (found.classes_QK[:, C:] == -1).all()
    assert (found.scores_QK[:, C:] == -np.inf).all()


def test_a_head_whose_rows_are_not_its_classes_is_refused(tmp_path):
    """As many classes as before, three dropped and three added: only the map of ids tells."""
    head = save_head(tmp_path / "head", np.ones(C))
    amend_model(head, tmp_path / "amended", drop=np.array([0, 1, 2]), add=NEW[:3])
    settings = {"factory": "SQ8", "vectors": VectorSource.dense_softmax}
    build(tmp_path / "good", model=str(head), **settings)
    with pytest.raises(ModelError, match="dropped"):
        build(tmp_path / "bad", model=str(tmp_path / "amended"), **settings)


@pytest.mark.parametrize("rerank", [0, 50])
def test_a_class_added_to_an_index_over_a_head_is_as_long_as_its_class_vectors(rerank, tmp_path):
    head = save_head(tmp_path / "head", np.random.default_rng(2).uniform(25, 35, C))
    build(
        tmp_path / "model", factory="SQ8", vectors=VectorSource.dense_softmax, model=str(head), rerank=rerank
    )
    amend_model(tmp_path / "model", tmp_path / "new", add=0.01 * NEW)
    found = search(tmp_path / "new", NEW)
    np.testing.assert_array_equal(found.classes_QK[:, 0], np.arange(C, C + 4))
    np.testing.assert_allclose(found.scores_QK[:, 0], 30, rtol=0.05)


@pytest.mark.parametrize("metric", list(Metric))
def test_what_is_added_to_an_index_of_means_keeps_its_length_only_for_l2(metric, tmp_path):
    build(tmp_path / "model", factory="Flat", metric=metric)
    amend_model(tmp_path / "model", tmp_path / "new", add=3 * NEW)
    found = search(tmp_path / "new", 3 * NEW)
    np.testing.assert_array_equal(found.classes_QK[:, 0], np.arange(C, C + 4))
    expected = 1.0 if metric is Metric.cosine else 0.0
    np.testing.assert_allclose(found.scores_QK[:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("factory", ["IVF8,SQ8", "IVF8,RaBitQ2"])
def test_lists_on_the_disk_are_amended_like_lists_in_memory(factory, tmp_path):
    answers = []
    for name, is_on_disk in (("disk", True), ("memory", False)):
        folder = tmp_path / name
        build(folder / "0", factory=factory, on_disk_lists=is_on_disk, num_probes=8)
        before = {path.name: path.read_bytes() for path in (folder / "0").iterdir()}
        amend_model(folder / "0", folder / "1", drop=np.array([3, 7, 999]), add=NEW)
        assert before == {path.name: path.read_bytes() for path in (folder / "0").iterdir()}
        assert ("lists.ivfdata" in before) is is_on_disk
        assert not (folder / "1" / "lists.ivfdata").exists()
        answers.append(search(folder / "1", np.concatenate((CENTRES[:50], NEW))))
    np.testing.assert_array_equal(answers[0].classes_QK, answers[1].classes_QK)
    np.testing.assert_array_equal(answers[0].scores_QK, answers[1].scores_QK)
    assert not np.isin(answers[0].classes_QK, [3, 7, 999]).any()
    assert (answers[0].classes_QK[50:, 0] == np.arange(C, C + 4)).mean() >= 0.75


@pytest.mark.parametrize("factory", ["PQ8x4fs", "IVF8,PQ8x4fs", "PQ4x4fs"])
def test_codes_in_blocks_are_those_of_a_new_index_after_dropping_and_adding(factory, tmp_path):
    """In one command and in two; FAISS would mix what is added with what was removed."""
    empty, gone = faiss.index_factory(D, factory, faiss.METRIC_INNER_PRODUCT), np.array([3, 7, 500, 998])
    empty.train(CENTRES)
    faiss.write_index(empty, str(tmp_path / "empty.faiss"))

    def save(name, vectors):
        index = faiss.read_index(str(tmp_path / "empty.faiss"))
        index.add(vectors)
        (tmp_path / name).mkdir()
        faiss.write_index(index, str(tmp_path / name / "index.faiss"))
        facts = {"normalise": True, "num_probes": 8, "search_width": 64}
        shape = {"num_classes": len(vectors), "dim": D}
        write_manifest(tmp_path / name, kind="faiss", shape=shape, facts=facts)
        seal(tmp_path / name)
        return tmp_path / name

    old = save("old", CENTRES)
    amend_model(old, tmp_path / "once", drop=gone, add=NEW)
    amend_model(old, tmp_path / "less", drop=gone)
    amend_model(tmp_path / "less", tmp_path / "twice", add=NEW)
    kept = np.delete(np.arange(C), gone)
    queries = np.concatenate((CENTRES[:200], NEW))
    expected = search(save("fresh", np.concatenate((CENTRES[kept], NEW))), queries, 10)
    names = np.append(kept, np.arange(C, C + 4))
    for name in ("once", "twice"):
        found = search(tmp_path / name, queries, 10)
        np.testing.assert_array_equal(found.scores_QK, expected.scores_QK)
        # Equal codes have equal scores, in any order.
        assert (found.classes_QK == names[expected.classes_QK]).mean() > 0.9


def test_training_points_are_bounded_recorded_and_in_the_closed_form(tmp_path):
    facts = build(tmp_path / "few", factory="IVF8,SQ8", training_points=300)
    assert facts["training_points"] == 300
    assert build(tmp_path / "all", factory="IVF8,SQ8")["training_points"] == C
    assert build(tmp_path / "least", factory="IVF512,Flat", training_points=256)["training_points"] == 512
    config, shape = NearestNeighbourConfig(), make_shape(RunConfig(dim=D), 10**6)
    laws = [
        config.memory_law(shape, index=IndexConfig(factory="IVF4096,SQ8", training_points=points))
        for points in (None, 1 << 17)
    ]
    training = [next(r for r in law.regimes if r.name == "list training") for law in laws]
    saved = training[0].total_bytes - training[1].total_bytes
    # a vector of the sample, and of k-means its list and distance
    assert saved == (10**6 - (1 << 17)) * (4 * D + 12)


def test_codes_that_serving_copies_are_not_called_mapped():
    config = RunConfig(dim=64, index=IndexConfig(factory="PQ32x4fs", rerank=100))
    shape = make_shape(config, 10**6)
    _, load, serve = plan_method(config, "nearest_neighbour", shape)
    codes_bytes = 10**6 * 16
    exact_bytes = 10**6 * 64 * 2
    assert load.over_base_bytes >= codes_bytes
    assert exact_bytes <= serve.mapped_bytes - ANSWERING_CODE_BYTES < exact_bytes + 10**5
    assert serve.regime.components["index"] == codes_bytes
    _, load, serve = plan_method(RunConfig(dim=64), "nearest_neighbour", shape)
    assert load.over_base_bytes < 10**7
    assert serve.mapped_bytes == 10**6 * 64 * 4 + ANSWERING_CODE_BYTES


@pytest.mark.memory
@pytest.mark.parametrize("factory", ["PQ64x4fs", "IVF4,PQ64x4fs"])
def test_codes_that_are_copied_are_not_resident_a_second_time(factory, tmp_path):
    generator, num_classes, dim = np.random.default_rng(0), 100_000, 64
    index = faiss.index_factory(dim, factory)
    index.train(generator.standard_normal((1000, dim), dtype=np.float32))
    for _ in range(0, num_classes, 20_000):
        index.add(generator.standard_normal((20_000, dim), dtype=np.float32))
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    facts = {"normalise": True, "num_probes": 4, "search_width": 64}
    shape = {"num_classes": num_classes, "dim": dim}
    write_manifest(tmp_path, kind="faiss", shape=shape, facts=facts)
    before, server = read_status().file_bytes, FaissServer(threads=1)
    server.load(tmp_path)
    assert read_status().file_bytes - before < MIB
    assert server.held_bytes()["index"] > num_classes * 32


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"factory": "IVF16,PQ16x4fs", "on_disk_lists": True}, "index.on_disk_lists"),
        ({"training_points": 255}, "index.training_points"),
        ({"training_points": (1 << 24) + 1}, "index.training_points"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_key(settings, key):
    with pytest.raises(ConfigError) as caught:
        IndexConfig(**settings)
    assert caught.value.key == key


def test_a_model_to_index_without_saying_which_vectors_is_refused():
    """Else its encoder would be taken for the means of another one."""
    with pytest.raises(ConfigError, match="dense_softmax") as caught:
        RunConfig(index=IndexConfig(model="models/dense_softmax"))
    assert caught.value.key == "index.model"


@pytest.mark.parametrize(
    ("old", "new"),
    [("index", "index.factory"), ("num_probes", "index.num_probes"), ("search_width", "index.search_width")],
)
def test_a_key_that_moved_says_where(old, new):
    with pytest.raises(ConfigError, match=f"it is {new} now"):
        check_words([f"method.nearest_neighbour.{old}=4"], {"index": [], "experiment": []})


def test_the_manifest_says_the_length_of_what_is_added(tmp_path):
    build(tmp_path / "cosine")
    build(tmp_path / "l2", metric=Metric.l2)
    lengths = [
        json.loads((tmp_path / name / "model.json").read_text())["facts"]["added_length"]
        for name in ("cosine", "l2")
    ]
    assert lengths == [1.0, None]
