"""The methods as estimators: scikit-learn's own checks, texts, several classes, saving and errors."""

import copy
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from real_runs import ROOT
from scipy.sparse import csr_array
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import xclass
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import check_seal
from xclass.encoders.kinds import Takes
from xclass.errors import ConfigError, ModelError
from xclass.estimators import ESTIMATORS
from xclass.estimators.inputs import is_texts
from xclass.estimators.targets import read_targets

WORDS = ["apple", "banana", "cherry", "date", "elderberry", "fig", "grape", "honeydew"]
TEXTS = [f"{word} {number}" for number in range(6) for word in WORDS]
NN = "NearestNeighbour"
NAMES = [word.upper() for _ in range(6) for word in WORDS]
LOOKING = [n for n, e in ESTIMATORS.items() if METHOD_CONFIGS[e._method].takes is not Takes.inputs]


def small(name, **params):
    """An estimator that fits these few examples in no time; what starts from nothing takes some epochs."""
    known = ESTIMATORS[name]().get_params()
    return ESTIMATORS[name](**{k: v for k, v in {"dim": 16, "epochs": 20, **params}.items() if k in known})


def fitted(name, **params):
    return small(name, **params).fit(TEXTS, NAMES)


def test_importing_the_package_stays_free():
    code = "import sys, xclass\nprint({'numpy', 'sklearn', 'torch', 'faiss'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_method_is_an_estimator_of_the_package():
    assert len(ESTIMATORS) == len(METHOD_CONFIGS)
    assert all(getattr(xclass, name) is estimator for name, estimator in ESTIMATORS.items())
    with pytest.raises(AttributeError, match="no estimator 'Softmaks'; there are DenseSoftmax"):
        xclass.Softmaks  # noqa: B018


@pytest.mark.parametrize("name", LOOKING)
def test_texts_and_names_go_in_and_names_come_out(name, tmp_path):
    model = fitted(name)
    assert model.score(TEXTS, NAMES) > 0.8
    classes, scores = model.predict_topk(["banana 3", "fig 1"], k=3)
    assert classes.shape == scores.shape == (2, 3)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert list(model.predict(["banana 3", "fig 1"])) == list(classes[:, 0])
    model.save(tmp_path / "model")
    again = ESTIMATORS[name].load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_topk(TEXTS, 3)[0], model.predict_topk(TEXTS, 3)[0])
    assert {path.suffix for path in (tmp_path / "model").rglob("*")} & {".pkl", ".pickle"} == set()


@pytest.mark.parametrize("name", LOOKING)
def test_examples_with_several_classes_are_learnt(name):
    sets = [[word[0], str(len(word))] for _ in range(6) for word in WORDS]
    model = small(name).fit(TEXTS, sets)
    assert model.score(TEXTS, sets) > 0.8
    assert set(model.classes_) == {each for one in sets for each in one}
    matrix = np.array([[each in one for each in model.classes_] for one in sets], dtype=int)
    assert small(name).fit(TEXTS, csr_array(matrix)).score(TEXTS, matrix) > 0.8


def test_sparse_rows_and_pipelines_work():
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = make_pipeline(TfidfVectorizer(), small("SampledSoftmax"))
    assert model.fit(TEXTS, NAMES).score(TEXTS, NAMES) > 0.9


def test_copies_and_pickles_stand_alone():
    model = fitted(NN)
    expected = model.predict_topk(TEXTS, 2)
    others = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    folder = model._model.folder
    assert folder.is_dir()
    del model
    assert not folder.exists(), "a model that nobody holds leaves no files"
    for other in others:
        np.testing.assert_array_equal(other.predict_topk(TEXTS, 2)[0], expected[0])


@pytest.mark.parametrize("name", ["Knn", "SparseMeans"])
def test_several_threads_may_ask_one_model(name):
    names = [f"{a}{b}{c}" for a in "abcdefgh" for b in "ijklmnop" for c in "qrstu"]
    model = small(name).fit(names * 2, names * 2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: model.predict(names * 2), range(16)))
    for answer in answers:
        np.testing.assert_array_equal(answer, names * 2)


def test_a_sparse_y_stays_as_the_caller_gave_it():
    y = csr_array((np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    read_targets(y)
    assert y.nnz == 3, "its explicit zero is still there"


def test_a_matrix_cannot_be_scored_against_names():
    with pytest.raises(ValueError, match="fit had names of classes"):
        fitted(NN).score(TEXTS[:2], np.eye(8, dtype=int)[:2])


class Frame:
    """What a table of pandas does where xclass looks: it yields the names of its columns."""

    ndim = 2

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter([f"column {number}" for number in range(self.shape[1])])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_a_table_with_named_columns_is_numbers():
    assert not is_texts(Frame(np.ones((3, 2))))
    assert is_texts(np.array(["a", "b"]))


def test_more_than_a_method_can_bear_is_refused_before_it_starts():
    with pytest.raises(ConfigError, match=r"8 classes: allowed is a problem that it can bear"):
        ESTIMATORS["AdaptiveSoftmax"]().fit(np.ones((16, 1)), NAMES[:16])


def test_a_class_that_training_never_saw_counts_as_wrong():
    model = fitted(NN)
    assert model.score(TEXTS[:2], ["APPLE", "kiwi"]) == 0.5
    assert model.score(TEXTS[:2], [1, 2]) == 0.0


@pytest.mark.parametrize(
    ("error", "words", "action"),
    [
        (ConfigError, "epochs=-1: allowed is 0 or more", lambda: fitted("SampledSoftmax", epochs=-1)),
        (ConfigError, "metric=manhattan: allowed is cosine, l2", lambda: fitted(NN, metric="manhattan")),
        (ConfigError, "index.factori=Flat: allowed is ", lambda: fitted(NN, index={"factori": "Flat"})),
        (TypeError, "has no parameter dims; it has metric", lambda: ESTIMATORS[NN](dims=3)),
        (ValueError, "one y per example", lambda: small(NN).fit(TEXTS, NAMES[:-1])),
        (ValueError, r"y has 1 class", lambda: small(NN).fit(TEXTS[:2], ["A", "A"])),
        (ValueError, r"y\[1\] has no class", lambda: small(NN).fit(TEXTS[:2], [["A"], []])),
        (ValueError, r"X\[1\] is int, not str", lambda: small(NN).fit(["a", 1], ["A", "B"])),
        (ValueError, "was fitted on texts", lambda: fitted(NN).predict(np.ones((2, 3)))),
        (ValueError, "k=0: allowed is 1 to 8", lambda: fitted(NN).predict_topk(TEXTS, 0)),
    ],
)  # fmt: skip
def test_mistakes_are_answered_by_name(error, words, action):
    with pytest.raises(error, match=words):
        action()


def test_a_model_of_another_estimator_or_a_damaged_one_is_refused(tmp_path):
    fitted(NN).save(tmp_path / "model")
    with pytest.raises(ModelError, match="NearestNeighbour of format 1, not SampledSoftmax"):
        ESTIMATORS["SampledSoftmax"].load(tmp_path / "model")
    with pytest.raises(FileExistsError):
        fitted(NN).save(tmp_path / "model")
    (tmp_path / "model" / "classes.npy").write_bytes(b"")
    with pytest.raises(ModelError, match=r"classes|not a saved NearestNeighbour"):
        ESTIMATORS[NN].load(tmp_path / "model")


def test_a_model_is_saved_whole_and_sealed_or_not_at_all(tmp_path, monkeypatch):
    model = fitted(NN)
    model.save(tmp_path / "whole")
    check_seal(tmp_path / "whole")
    monkeypatch.setattr("xclass.estimators.model_files.seal", full_disk)
    with pytest.raises(OSError, match="No space"):
        model.save(tmp_path / "half")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def full_disk(*_):
    raise OSError(28, "No space left on device")


@parametrize_with_checks([small(name, epochs=2) for name in ("SparseMeans", "SampledSoftmax")])
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)


def test_the_example_runs():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "example_estimators.py"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    share = int(re.search(r"SparseMeans: (\d+)%", done.stdout)[1])
    assert share > 80
    assert "then" in done.stdout
    assert done.stderr == "", "classes with few examples are no reason to warn"
