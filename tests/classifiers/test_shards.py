"""An index in shards: answers as one index, one shard at a time in memory, and models that are merged."""

import json

import faiss
import numpy as np
import pytest

from xclass.classifiers.amend.folder import amend_model
from xclass.classifiers.amend.merge import merge_models
from xclass.classifiers.class_slices import class_slice
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage, VectorSource
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.classifiers.nearest_neighbour.shards import OpenedIndex, Shards
from xclass.classifiers.seal import check_seal, seal
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError, ModelError
from xclass.shapes import ProblemShape

C, D = 1501, 16
SHAPE = ProblemShape(
    num_classes=C, dim=D, batch_size=32, scan_batch_size=500, num_queries=50, query_batch_size=50, top_k=5,
    threads=1,
)  # fmt: skip
GENERATOR = np.random.default_rng(0)
CENTRES = GENERATOR.standard_normal((C, D)).astype(np.float32)
QUERIES = (CENTRES[GENERATOR.integers(0, C, 60)] + GENERATOR.standard_normal((60, D))).astype(np.float32)
CLASSES = GENERATOR.permutation(np.repeat(np.arange(C), 2))
# Some classes have no example: they are placed at random.
CLASSES = CLASSES[CLASSES % 97 != 3]
EXAMPLES = (CENTRES[CLASSES] + 0.3 * GENERATOR.standard_normal((len(CLASSES), D))).astype(np.float32)


class Feed:
    """The examples in batches, as often as they are asked for."""

    num_passes = 0

    def scan(self):
        self.num_passes += 1
        for start in range(0, len(CLASSES), 400):
            yield EXAMPLES[start : start + 400], CLASSES[start : start + 400]

    def sample(self, num_examples):
        return EXAMPLES[:num_examples]


def build(folder, *, metric=Metric.cosine, feed=None, **index):
    """The opened model, and the classifier that made it."""
    folder.mkdir()
    classifier = NearestNeighbour(
        NearestNeighbourConfig(metric=metric), shape=SHAPE, encoder=IdentityEncoder(dim=D), seed=0,
        index=IndexConfig(folder=str(folder.parent), **index),
    )  # fmt: skip
    classifier.fit(feed or Feed())
    classifier.save(folder)
    IdentityEncoder(dim=D).save(folder)
    seal(folder)
    server = FaissServer(threads=1)
    server.load(folder)
    return server, classifier


def assert_same_answers(one, other, k=7):
    first, second = (server.search(QUERIES, k) for server in (one, other))
    np.testing.assert_array_equal(first.classes_QK, second.classes_QK)
    np.testing.assert_array_equal(first.scores_QK, second.scores_QK)


# Where each shard has a pass of its own, classes without examples get the mean length of that shard by L2.
@pytest.mark.parametrize(
    ("metric", "storage"),
    [
        (Metric.cosine, MeansStorage.file),
        (Metric.l2, MeansStorage.file),
        (Metric.cosine, MeansStorage.memory),
    ],
)
def test_flat_shards_answer_as_one_flat_index_to_the_last_bit(metric, storage, tmp_path):
    index = {"metric": metric, "means_storage": storage}
    feed = Feed()
    whole, _ = build(tmp_path / "one", **index)
    sharded, _ = build(tmp_path / "four", shards=4, feed=feed, **index)
    assert_same_answers(whole, sharded)
    assert feed.num_passes == (1 if storage is MeansStorage.file else 4)
    every = np.arange(C)
    np.testing.assert_array_equal(whole.class_vectors(every), sharded.class_vectors(every))
    files = sorted(path.name for path in (tmp_path / "four").glob("shard-*"))
    assert files == [f"shard-{number}.faiss" for number in range(4)]
    assert not list(tmp_path.glob(".shards-*")), "nothing is left beside the model"


@pytest.mark.parametrize("factory", ["SQ8", "IVF8,SQ8", "IVF8,Flat", "PQ8x4fs", "HNSW16", "RaBitQ4"])
def test_other_kinds_find_as_much_in_shards_with_the_same_effort(factory, tmp_path):
    exact, _ = build(tmp_path / "exact")
    wanted = exact.search(QUERIES, 10).classes_QK

    def recall(server):
        found = server.search(QUERIES, 10).classes_QK
        return float((found[:, :, None] == wanted[:, None, :]).any(axis=1).mean())

    effort = {"factory": factory, "num_probes": 2, "training_points": 500}
    whole, _ = build(tmp_path / "one", **effort)
    sharded, _ = build(tmp_path / "three", shards=3, **effort)
    assert recall(sharded) >= recall(whole) - 0.04, "each shard is probed as much as the one index"


@pytest.mark.parametrize("kind", [faiss.IndexFlatIP, faiss.IndexFlatL2])
def test_of_equal_scores_the_smaller_class_comes_first(kind):
    twice = np.concatenate((CENTRES[:20], CENTRES[:20]))
    whole = kind(D)
    whole.add(twice)
    halves = []
    for start in (0, 20):
        half = kind(D)
        half.add(twice[start : start + 20])
        halves.append(OpenedIndex(index=half, num_bytes=0, is_copied=False))
    _, rows = Shards(halves).search(QUERIES, 6)
    assert (rows[:, 1::2] == rows[:, ::2] + 20).all()
    _, expected = whole.search(QUERIES, 6)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(expected, axis=1))


def test_more_answers_than_a_shard_has_classes_come_from_the_others():
    opened = []
    for start, stop in ((0, 2), (2, 3), (3, 40)):
        index = faiss.IndexFlat(D, faiss.METRIC_L2)
        index.add(CENTRES[start:stop])
        opened.append(OpenedIndex(index=index, num_bytes=0, is_copied=False))
    scores, rows = Shards(opened).search(QUERIES, 50)
    assert (np.sort(rows[:, :40], axis=1) == np.arange(40)).all()
    assert (rows[:, 40:] == -1).all()
    assert (np.diff(scores[:, :40], axis=1) <= 0).all()


@pytest.mark.parametrize(
    "index", [{"factory": "SQ4", "rerank": 40}, {"factory": "IVF8,SQ8", "on_disk_lists": True}]
)
def test_a_second_stage_and_lists_on_the_disk_serve_all_shards(index, tmp_path):
    exact, _ = build(tmp_path / "exact")
    sharded, _ = build(tmp_path / "model", shards=3, num_probes=8, **index)
    wanted, found = (server.search(QUERIES, 1).classes_QK for server in (exact, sharded))
    assert (wanted == found).mean() > 0.95
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    server = FaissServer(threads=1)
    server.load(moved)
    assert_same_answers(server, server)
    assert sum(server.held_bytes().values()) == sum(
        path.stat().st_size for path in moved.iterdir() if path.suffix in (".faiss", ".ivfdata", ".npy")
    ) - (128 if "rerank" in index else 0)


def test_target_recall_raises_the_effort_of_every_shard(tmp_path):
    _, classifier = build(
        tmp_path / "model", factory="IVF8,Flat", shards=3, target_recall=0.9, tuning_queries=50
    )
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert classifier._report.facts["is_target_met"]
    assert manifest["facts"]["num_probes"] > 1
    assert manifest["facts"]["shards"] == 3


def test_class_vectors_of_a_head_are_sharded_too(tmp_path):
    head = tmp_path / "head"
    head.mkdir()
    save_array(head / "weights.npy", CENTRES)
    write_manifest(head, kind="linear", shape={"num_classes": C, "dim": D}, facts={"dtype": "float32"})
    index = {"vectors": VectorSource.dense_softmax, "model": str(head)}
    whole, _ = build(tmp_path / "one", **index)
    sharded, _ = build(tmp_path / "three", shards=3, **index)
    assert_same_answers(whole, sharded)


def test_one_shard_alone_knows_its_classes_by_their_ids(tmp_path):
    whole, _ = build(tmp_path / "whole", shards=3)
    part, _ = build(tmp_path / "part", shards=3, shard=1)
    own = class_slice(C, 1, 3)
    found = part.search(CENTRES[own.start : own.start + 20], 3).classes_QK
    assert ((found >= own.start) & (found < own.stop)).all()
    seen = np.array([one for one in own if one % 97 != 3])
    np.testing.assert_array_equal(part.class_vectors(seen), whole.class_vectors(seen))
    assert part.class_vectors(np.array([0])) is None
    assert sum(part.held_bytes().values()) >= 8 * len(own)


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("index.shards", {"shards": 0}),
        ("index.shards", {"shards": 5000}),
        ("index.shard", {"shards": 3, "shard": 3}),
        ("index.shard", {"shard": 1}),
        ("index.target_recall", {"shards": 3, "shard": 0, "target_recall": 0.9}),
        ("index.target_recall", {"shards": 3, "means_storage": MeansStorage.memory, "target_recall": 0.9}),
    ],
)
def test_impossible_shards_are_refused_by_name(key, settings):
    with pytest.raises(ConfigError, match=key):
        IndexConfig(**settings)


def test_more_shards_than_classes_and_too_small_ones_are_refused():
    assert "at most as many shards as classes: 10, not 11" in IndexConfig(shards=11).misfit(10, D)
    assert "lists and centroids as classes: 33" in IndexConfig(factory="IVF64,Flat", shards=3).misfit(100, D)


def test_a_shard_that_is_missing_or_of_another_model_is_refused(tmp_path):
    build(tmp_path / "model", shards=3)
    build(tmp_path / "other", shards=3, factory="Flat", metric=Metric.l2)
    manifest = tmp_path / "model" / "model.json"
    document = json.loads(manifest.read_text())
    for wrong in (2, 0, "3", 10**9):
        manifest.write_text(json.dumps(document | {"facts": document["facts"] | {"shards": wrong}}))
        with pytest.raises(ModelError):
            FaissServer(threads=1).load(tmp_path / "model")
    manifest.write_text(json.dumps(document))
    (tmp_path / "other" / "shard-1.faiss").replace(tmp_path / "model" / "shard-1.faiss")
    with pytest.raises(ModelError, match="vectors of 16 values"):
        FaissServer(threads=1).load(tmp_path / "model")
    (tmp_path / "model" / "shard-1.faiss").unlink()
    with pytest.raises(ModelError, match=r"shard-1\.faiss: missing"):
        FaissServer(threads=1).load(tmp_path / "model")


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"factory": "SQ4", "rerank": 40},
        {"factory": "IVF8,SQ8", "on_disk_lists": True, "num_probes": 8},
        {"factory": "HNSW16", "search_width": 256},
    ],
    ids=lambda index: index.get("factory", "Flat"),
)
def test_shards_built_apart_and_merged_answer_as_those_built_together(index, tmp_path):
    # All classes have an example: those without are placed from the seed, in each model from its beginning.
    together, _ = build(tmp_path / "together", feed=Whole(), shards=3, **index)
    for number in (2, 0, 1):
        build(tmp_path / f"part{number}", feed=Whole(), shards=3, shard=number, **index)
    done = merge_models([tmp_path / f"part{number}" for number in (1, 2, 0)], tmp_path / "merged")
    assert (done.num_classes, done.num_shards) == (C, 3)
    check_seal(tmp_path / "merged")
    merged = FaissServer(threads=1)
    merged.load(tmp_path / "merged")
    assert_same_answers(together, merged)
    assert not (tmp_path / "merged" / "classes.npy").exists(), "rows are classes again"
    assert (tmp_path / "merged" / "encoder.json").read_bytes() == (
        tmp_path / "part0" / "encoder.json"
    ).read_bytes()
    with pytest.raises(ModelError, match="in 3 shards cannot be amended"):
        amend_model(tmp_path / "merged", tmp_path / "amended", drop=np.array([3]))


class Whole(Feed):
    """Every class once."""

    def scan(self):
        yield CENTRES.copy(), np.arange(C)


def test_some_of_the_shards_merge_and_the_rest_later(tmp_path):
    for number in range(4):
        build(tmp_path / f"part{number}", feed=Whole(), shards=4, shard=number)
    whole, _ = build(tmp_path / "whole", feed=Whole())
    merge_models([tmp_path / "part1", tmp_path / "part3"], tmp_path / "some")
    some = FaissServer(threads=1)
    some.load(tmp_path / "some")
    own = np.concatenate([np.array(class_slice(C, number, 4)) for number in (1, 3)])
    assert np.isin(some.search(QUERIES, 5).classes_QK, own).all()
    with pytest.raises(ConfigError, match="whose first class is"):
        merge_models([tmp_path / "some", tmp_path / "part2"], tmp_path / "mixed")
    merge_models([tmp_path / "part0", tmp_path / "part1"], tmp_path / "first")
    merge_models([tmp_path / "part3", tmp_path / "part2"], tmp_path / "second")
    assert merge_models([tmp_path / "second", tmp_path / "first"], tmp_path / "all").num_shards == 4
    every = FaissServer(threads=1)
    every.load(tmp_path / "all")
    assert_same_answers(whole, every)


def test_what_does_not_fit_together_is_refused_and_leaves_nothing(tmp_path):
    build(tmp_path / "a", shards=2, shard=0)
    build(tmp_path / "b", shards=2, shard=1, metric=Metric.l2)
    build(tmp_path / "c", shards=2, shard=1, factory="SQ8", rerank=5)
    build(tmp_path / "d", shards=2, shard=1)
    (tmp_path / "d" / "encoder.json").write_text("{}")
    with pytest.raises(ModelError, match=r"encoder\.json"):
        merge_models([tmp_path / "a", tmp_path / "d"], tmp_path / "out")
    seal(tmp_path / "d")
    save_array(tmp_path / "weights.npy", CENTRES)
    head = tmp_path / "head"
    head.mkdir()
    save_array(head / "weights.npy", CENTRES)
    write_manifest(head, kind="linear", shape={"num_classes": C, "dim": D}, facts={"dtype": "float32"})
    seal(head)
    for other, words in {
        "a": "whose first class is 0",
        "b": "of another normalise",
        "c": "of another rerank",
        "d": r"of another encoder\.json",
        "head": "no scale in common",
    }.items():
        with pytest.raises(ConfigError, match=words):
            merge_models([tmp_path / "a", tmp_path / other], tmp_path / "out")
    with pytest.raises(ConfigError, match="at least two models"):
        merge_models([tmp_path / "a"], tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    assert not list(tmp_path.glob(".*out*"))
