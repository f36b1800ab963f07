"""What every registered method owes: one suite, run over all of them.

A new method is held to it by its line in the registry; nothing is added here.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from scipy.sparse import issparse

import xclass.classifiers
from xclass.classifiers.base import import_object
from xclass.classifiers.init import Init
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import check_seal, seal
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import SyntheticSource
from xclass.encoders.identity import IdentityEncoder
from xclass.encoders.kinds import Takes
from xclass.errors import ConfigError, ModelError
from xclass.run.feed import DataFeed, FeedLimits
from xclass.shapes import ProblemShape
from xclass.sizing.engines import BASE_BYTES

NUM_CLASSES, DIM, K = 300, 16, 5
SHAPE = ProblemShape(
    num_classes=NUM_CLASSES, dim=DIM, batch_size=32, scan_batch_size=256, num_queries=400,
    query_batch_size=100, top_k=K, threads=1, num_examples=2400, num_features=DIM, features_per_example=DIM,
)  # fmt: skip
SOURCE = SyntheticSource(
    SyntheticConfig(examples_per_class=8, group_share=0.3, classes_per_group=20),
    num_classes=NUM_CLASSES, dim=DIM, seed=7, sigma=0.15,
)  # fmt: skip
QUERIES = SOURCE.queries(400, 1)
FEW_SAMPLES = {"num_samples": 64, "num_rounds": 2, "tolerance": 0.1}
LEARNT = {"boosting": 0.2, "parabel": 0.8}
"""What of the easy set must be right where 0.85 is too much: of few trees, or drawn without a seed."""

METHODS = pytest.mark.parametrize("name", list(METHOD_CONFIGS))
HEADS = pytest.mark.parametrize("name", [n for n, c in METHOD_CONFIGS.items() if c.is_head])
LOOKING_AT = [n for n, c in METHOD_CONFIGS.items() if c.takes is not Takes.inputs]
"""Methods that look at the example."""
LOOKING = pytest.mark.parametrize("name", [n for n in LOOKING_AT if not METHOD_CONFIGS[n].learns_by_encoder])
"""Those that learn from vectors as they are; the others: tests/classifiers/test_on_texts.py."""
EXACT_SCANS = [n for n, c in METHOD_CONFIGS.items() if c.is_head or n == "nearest_neighbour"]
"""One class vector per class, all of them compared with the query."""
OWN = pytest.mark.parametrize("name", [n for n, c in METHOD_CONFIGS.items() if not c.is_estimate])
"""Methods whose memory is this project's own, to the byte; of a library's the sizes are estimates."""
TRUSTING = [n for n, c in METHOD_CONFIGS.items() if c.libraries]
"""Methods in a library's own files, which the library trusts: only the seal stands before it."""
SEEDED = pytest.mark.parametrize("name", [n for n, c in METHOD_CONFIGS.items() if c.is_seeded])


@pytest.fixture(autouse=True, scope="module")
def single_thread():
    """Sums in one order, so that equal seeds give equal bits; and no spinning beside other load."""
    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before[0])
    torch.set_num_threads(before[1])


class WatchedFeed(DataFeed):
    """Fails where a classifier writes into what it was given."""

    def _watch(self, items):
        for vectors, classes in items:
            before = vectors.copy(), classes.copy()
            yield vectors, classes
            np.testing.assert_array_equal(vectors, before[0], err_msg="the classifier changed its inputs")
            np.testing.assert_array_equal(classes, before[1], err_msg="the classifier changed its classes")

    def scan(self):
        return self._watch(super().scan())

    def steps(self):
        return self._watch(super().steps())


def settings_of(name, **settings):
    """Settings of a method, those it does not have left out."""
    known = {field.name for field in dataclasses.fields(METHOD_CONFIGS[name])}
    return METHOD_CONFIGS[name](**{k: v for k, v in {**FEW_SAMPLES, **settings}.items() if k in known})


def make(name, *, shape=SHAPE, seed=0, **settings):
    return import_object(METHOD_CONFIGS[name].implementation)(
        settings_of(name, **settings), shape=shape, encoder=IdentityEncoder(dim=shape.dim), seed=seed
    )


def fit(name, *, examples=3200, seed=0, **settings):
    classifier = make(name, seed=seed, **settings)
    feed = WatchedFeed(
        SOURCE, IdentityEncoder(dim=DIM), batch_size=SHAPE.batch_size, scan_batch_size=SHAPE.scan_batch_size,
        threads=1, limits=FeedLimits(examples=examples), progress=lambda *_: None,
    )  # fmt: skip
    return classifier, classifier.fit(feed)


def save(classifier, folder):
    folder.mkdir(parents=True)
    classifier.save(folder)
    return folder


def open_checked(name, folder):
    """As every command opens a model of a library; one of our own formats has to be safe without a seal."""
    if name in TRUSTING:
        check_seal(folder)
    return serve(name, folder)


def serve(name, folder):
    server = import_object(METHOD_CONFIGS[name].server)(threads=1)
    server.load(folder)
    return server


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Name -> (classifier, report, model folder), each made once; not to be changed."""
    made = {}

    def get(name):
        if name not in made:
            classifier, report = fit(name)
            made[name] = classifier, report, save(classifier, tmp_path_factory.mktemp(name) / "model")
        return made[name]

    return get


def accuracy(name, folder):
    found = serve(name, folder).search(QUERIES.inputs, 1).classes_QK[:, 0]
    return float((found == QUERIES.classes_B).mean())


@METHODS
def test_one_name_everywhere(name):
    config = METHOD_CONFIGS[name]
    folder = Path(xclass.classifiers.__file__).parent / name
    assert config.name == name
    assert config.__module__ == f"xclass.classifiers.{name}.config"
    assert (folder / "classifier.py").is_file()
    assert config.implementation.startswith(f"xclass.classifiers.{name}.classifier:")
    assert config.fit_phase in ("train", "build")
    assert {config.engine, config.server_engine} <= set(BASE_BYTES)
    assert bool(config.libraries) == (config.extra is not None)
    for path in (config.implementation, config.server):
        assert isinstance(import_object(path), type)


@METHODS
def test_settings_refuse_bad_numbers_by_dotted_key(name):
    numbers = [f.name for f in dataclasses.fields(METHOD_CONFIGS[name]) if f.type in ("int", "float")]
    assert numbers or name in ("nearest_neighbour", "prior"), "those of the first are in the section index"
    for field in numbers:
        for bad in (float("nan"), float("inf"), -1):
            with pytest.raises(ConfigError) as caught:
                METHOD_CONFIGS[name](**{field: bad})
            assert caught.value.key == f"method.{name}.{field}"
            assert str(caught.value).startswith(f"method.{name}.{field}={bad}: allowed is ")


def test_the_registry_loads_no_engine():
    heavy = {"torch", "faiss", "numpy", "hydra"}
    code = f"import sys, xclass.classifiers.registry\nprint({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@METHODS
def test_making_one_allocates_nothing_that_grows_with_the_classes(name):
    classifier = make(name, shape=replace(SHAPE, num_classes=10**12))
    assert sum(classifier.held_bytes().values()) == 0


@METHODS
def test_warming_up_leaves_nothing_behind(name):
    classifier = make(name)
    classifier.warm_up()
    assert sum(classifier.held_bytes().values()) == 0
    import_object(METHOD_CONFIGS[name].server)(threads=1).warm_up()


@METHODS
def test_answers_have_the_stated_shapes_types_and_order(name, fitted):
    server = serve(name, fitted(name)[2])
    for num_queries in (1, 3, 400):
        answers = server.search(QUERIES.inputs[:num_queries], K)
        assert answers.classes_QK.shape == answers.scores_QK.shape == (num_queries, K)
        assert answers.classes_QK.dtype == np.int64
        assert answers.scores_QK.dtype == np.float32
        assert (np.diff(answers.scores_QK, axis=1) <= 0).all()
        assert ((answers.classes_QK >= 0) & (answers.classes_QK < NUM_CLASSES)).all()
        assert all(len(set(row)) == K for row in answers.classes_QK.tolist())


@METHODS
def test_a_query_is_answered_alike_alone_and_in_a_batch(name, fitted):
    server = serve(name, fitted(name)[2])
    together = server.search(QUERIES.inputs[:50], K)
    for at in range(50):
        alone = server.search(QUERIES.inputs[at : at + 1], K)
        np.testing.assert_array_equal(alone.classes_QK[0], together.classes_QK[at])
        np.testing.assert_allclose(alone.scores_QK[0], together.scores_QK[at], rtol=1e-4, atol=1e-4)


@METHODS
def test_queries_are_left_untouched_and_may_be_read_only_or_strided(name, fitted):
    server = serve(name, fitted(name)[2])
    queries = QUERIES.inputs[:20].copy()
    expected = server.search(queries, K)
    np.testing.assert_array_equal(queries, QUERIES.inputs[:20])
    queries.flags.writeable = False
    np.testing.assert_array_equal(server.search(queries, K).classes_QK, expected.classes_QK)
    strided = np.asfortranarray(queries)
    np.testing.assert_array_equal(server.search(strided, K).classes_QK, expected.classes_QK)


@METHODS
def test_as_many_answers_as_classes_rank_all_and_more_are_marked_as_missing(name, fitted):
    """The run never asks for more answers than classes (k = min(top_k, classes)); a server pads with -1."""
    server = serve(name, fitted(name)[2])
    everything = server.search(QUERIES.inputs[:2], NUM_CLASSES).classes_QK
    ranked = [row[row >= 0] for row in everything]
    assert all(len(set(row.tolist())) == len(row) >= K for row in ranked)
    if name in EXACT_SCANS:
        np.testing.assert_array_equal(np.sort(everything, axis=1), [np.arange(NUM_CLASSES)] * 2)
    more = server.search(QUERIES.inputs[:2], NUM_CLASSES + 3).classes_QK
    np.testing.assert_array_equal(more[:, :NUM_CLASSES], everything)
    assert (more[:, NUM_CLASSES:] == -1).all()


@SEEDED
def test_equal_seeds_give_equal_models(name, fitted, tmp_path):
    _, _, first = fitted(name)
    second = save(fit(name)[0], tmp_path / "again")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for file in names:
        assert (first / file).read_bytes() == (second / file).read_bytes()


@LOOKING
def test_an_easy_set_is_learnt(name, fitted):
    assert accuracy(name, fitted(name)[2]) > LEARNT.get(name, 0.85)


@METHODS
def test_a_budget_of_nothing_still_makes_a_model(name, tmp_path):
    classifier, report = fit(name, examples=0)
    if "steps" in report.facts:
        assert report.examples_seen == 0
        assert report.facts["steps"] == 0
    found = accuracy(name, save(classifier, tmp_path / "model"))
    assert found > 0.85 or name not in EXACT_SCANS


@HEADS
def test_a_head_counts_its_steps_and_states_a_loss(name, fitted):
    _, report, _ = fitted(name)
    assert report.examples_seen == 3200
    assert report.facts["steps"] == 100
    losses = [value for key, value in report.facts.items() if key.startswith("last_")]
    assert len(losses) == 1
    assert np.isfinite(losses).all()
    json.dumps(report.facts, allow_nan=False)


@HEADS
def test_a_head_learns_from_random_vectors(name, tmp_path):
    """So that what is learnt above is not the class means' alone."""
    nothing, _ = fit(name, examples=0, init=Init.random)
    learnt, _ = fit(name, examples=9600, init=Init.random)
    before = accuracy(name, save(nothing, tmp_path / "before"))
    after = accuracy(name, save(learnt, tmp_path / "after"))
    assert before < 0.05
    assert after > 0.3


@HEADS
def test_random_vectors_follow_the_seed(name):
    first, second = (fit(name, examples=0, init=Init.random, seed=seed)[0] for seed in (1, 2))
    assert not torch.equal(first._vectors.tensor_CD, second._vectors.tensor_CD)
    assert float(first._vectors.tensor_CD.std()) == pytest.approx(DIM**-0.5, rel=0.05)


def owned_bytes(thing, seen=None):
    """Bytes of every array, tensor (with its gradient) and index below an object of the classifiers' own.

    Memory that is looked at through several views counts once.
    """
    seen = set() if seen is None else seen
    if isinstance(thing, torch.Tensor):
        return owned_once(thing.data_ptr(), thing.nbytes, seen) + owned_bytes(thing.grad, seen)
    if isinstance(thing, np.ndarray):
        return owned_once(thing.ctypes.data, thing.nbytes, seen)
    if isinstance(thing, faiss.Index):
        return len(faiss.serialize_index(thing))
    if isinstance(thing, list):
        return sum(owned_bytes(item, seen) for item in thing)
    if issparse(thing):
        return sum(owned_bytes(part, seen) for part in (thing.data, thing.indices, thing.indptr))
    if type(thing).__module__.startswith("xclass.classifiers"):
        names = getattr(thing, "__dict__", None) or getattr(thing, "__slots__", ())
        return sum(owned_bytes(getattr(thing, name), seen) for name in names)
    return 0


def owned_once(address, num_bytes, seen):
    is_new = address not in seen
    seen.add(address)
    return num_bytes if is_new else 0


@OWN
def test_held_bytes_are_those_of_what_the_classifier_holds(name, fitted):
    classifier, _, _ = fitted(name)
    assert sum(classifier.held_bytes().values()) == owned_bytes(classifier) > 0
    assert all(type(size) is int for size in classifier.held_bytes().values())


@OWN
def test_held_bytes_of_the_server_are_those_of_its_file_but_for_a_header(name, fitted):
    _, _, folder = fitted(name)
    held_bytes = sum(serve(name, folder).held_bytes().values())
    sizes = [path.stat().st_size for path in folder.iterdir() if path.suffix != ".json"]
    headers_bytes = max(256, 128 * len(sizes))
    assert sum(sizes) - headers_bytes <= held_bytes <= sum(sizes)
    stated_bytes = settings_of(name).model_bytes(SHAPE)
    assert stated_bytes == pytest.approx(sum(sizes), abs=headers_bytes)


@METHODS
def test_class_vectors_are_those_that_are_searched(name, fitted):
    """Their products with a query are its scores, up to the length that a method gives the query."""
    server = serve(name, fitted(name)[2])
    held_bytes = server.held_bytes()
    classes = np.array([7, 0, 299, 7])
    vectors = server.class_vectors(classes)
    if name not in EXACT_SCANS and vectors is None:
        return
    assert vectors.shape == (4, DIM)
    assert vectors.dtype == np.float32
    found = server.search(QUERIES.inputs[:3], NUM_CLASSES)
    for query, answer, scores in zip(QUERIES.inputs, found.classes_QK, found.scores_QK, strict=False):
        expected = scores[np.argsort(answer)][classes]
        products = vectors @ query
        np.testing.assert_allclose(
            products / np.linalg.norm(products), expected / np.linalg.norm(expected), rtol=1e-3
        )
    assert server.held_bytes() == held_bytes


FRESH = """
import sys
import numpy as np
from pathlib import Path
from xclass.classifiers.base import import_object
from xclass.classifiers.registry import METHOD_CONFIGS

name, folder, queries, answers = sys.argv[1:]
server = import_object(METHOD_CONFIGS[name].server)(threads=1)
server.warm_up()
server.load(Path(folder))
found = server.search(np.load(queries), 5)
np.savez(answers, classes=found.classes_QK, scores=found.scores_QK)
print("torch" in sys.modules)
"""


def scores_in_memory(classifier, queries):
    """Every class's score, from what the classifier holds, without the server."""
    if hasattr(classifier, "_vectors"):
        return queries.astype(np.float64) @ classifier._vectors.tensor_CD.double().numpy().T
    stored = classifier._index.reconstruct_n(0, NUM_CLASSES).astype(np.float64)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    return queries @ stored.T


@METHODS
def test_a_fresh_process_answers_as_the_classifier_would_without_loading_torch(name, fitted, tmp_path):
    classifier, _, folder = fitted(name)
    np.save(tmp_path / "queries.npy", QUERIES.inputs)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH, name, str(folder), str(tmp_path / "queries.npy"),
         str(tmp_path / "answers.npz")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False", "serving loaded torch"
    here = serve(name, folder).search(QUERIES.inputs, K)
    with np.load(tmp_path / "answers.npz") as there:
        np.testing.assert_array_equal(there["classes"], here.classes_QK)
        np.testing.assert_array_equal(there["scores"], here.scores_QK)
    if name not in EXACT_SCANS:
        return
    scores = scores_in_memory(classifier, QUERIES.inputs)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    np.testing.assert_array_equal(here.classes_QK, expected)
    np.testing.assert_allclose(
        here.scores_QK, np.take_along_axis(scores, expected, axis=1), rtol=1e-4, atol=1e-4
    )


def without(file):
    file.unlink()


def truncated(file):
    file.write_bytes(file.read_bytes()[:-1])


def lengthened(file):
    file.write_bytes(file.read_bytes() + b"\n")


def emptied(file):
    file.write_bytes(b"")


def overwritten_head(file):
    file.write_bytes(b"\xff" * 64 + file.read_bytes()[64:])


def zeroed(file):
    file.write_bytes(bytes(file.stat().st_size))


@METHODS
@pytest.mark.parametrize("damage", [without, truncated, lengthened, emptied, overwritten_head, zeroed])
def test_a_damaged_file_is_refused_by_name(name, damage, fitted, tmp_path):
    files = [path.name for path in fitted(name)[2].iterdir()]
    assert "model.json" in files
    assert len(files) > 1
    for file in files:
        if damage is lengthened and file == "model.json":
            continue  # JSON allows white space behind it
        copy = tmp_path / file.replace(".", "_")
        shutil.copytree(fitted(name)[2], copy)
        if name in TRUSTING:
            seal(copy)
        damage(copy / file)
        with pytest.raises(ModelError) as caught:
            open_checked(name, copy)
        assert str(caught.value).startswith(f"{copy / file}: ")
        assert "again" in str(caught.value)
        assert "\n" not in str(caught.value)


@METHODS
@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 99},
        {"kind": "other"},
        {"num_classes": NUM_CLASSES + 1},
        {"dim": DIM * 2},
        *({key: None} for key in ("format_version", "kind", "num_classes", "dim", "facts", "files")),
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_refused(name, change, fitted, tmp_path):
    """None: the key is missing."""
    if change.get("dim") and name not in LOOKING_AT:
        pytest.skip("nothing in the model has as many dimensions")
    copy = shutil.copytree(fitted(name)[2], tmp_path / "model")
    if name in TRUSTING:
        seal(copy)
    document = json.loads((copy / "model.json").read_text()) | change
    document = {key: value for key, value in document.items() if value is not None}
    (copy / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="again"):
        open_checked(name, copy)


@METHODS
def test_a_folder_that_is_not_there_is_refused(name, tmp_path):
    with pytest.raises(ModelError, match=str(tmp_path / "nothing")):
        serve(name, tmp_path / "nothing")


@METHODS
def test_a_loaded_model_outlives_its_folder(name, fitted, tmp_path):
    """What is mapped stays readable when the folder is replaced: the run swaps folders by renaming."""
    copy = shutil.copytree(fitted(name)[2], tmp_path / "model")
    server = serve(name, copy)
    expected = server.search(QUERIES.inputs[:5], K).classes_QK
    shutil.rmtree(copy)
    np.testing.assert_array_equal(server.search(QUERIES.inputs[:5], K).classes_QK, expected)


@METHODS
def test_the_memory_law_holds_what_is_held(name, fitted):
    """The law may not promise less than the classifier holds when it is done."""
    classifier, _, _ = fitted(name)
    held_bytes = sum(classifier.held_bytes().values())
    assert settings_of(name).memory_law(SHAPE).peak.total_bytes >= 0.99 * held_bytes
