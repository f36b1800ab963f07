"""Methods that wrap libraries: what is refused, what is missing, several classes, and what lies between."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from xclass.classifiers.base import import_object
from xclass.classifiers.libraries import check_libraries, missing_library
from xclass.classifiers.linear_svm.config import LinearSvmConfig
from xclass.classifiers.parabel.classifier import xmc_lines
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.silence import silenced
from xclass.classifiers.top_k import best_classes
from xclass.classifiers.whole_data import gather, select_columns, used_columns
from xclass.config import RunConfig
from xclass.data.base import ClassSets
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape
from xclass.sizing.capacity import Room, capacity, explain_misfit
from xclass.sizing.plan import make_shape, plan_method

NAMES = ("linear_svm", "boosting", "parabel", "plt")
WRAPPED = pytest.mark.parametrize("name", NAMES)
ROOM = Room(usable_bytes=10**15, free_disk_bytes=10**18)
C, D = 6, 12


class PairsFeed:
    """Every example has the two classes of its pair and a direction for each: three chunks of sparse rows."""

    num_examples = 180

    def __init__(self, *, is_sparse=True):
        rng = np.random.default_rng(0)
        first = np.repeat(np.arange(0, C, 2), self.num_examples // 3)
        pairs = np.stack([first, first + 1], axis=1)
        rows = np.zeros((self.num_examples, D), np.float32)
        np.put_along_axis(rows, pairs, 1.0, axis=1)
        rows[np.arange(self.num_examples), rng.integers(C, D, self.num_examples)] = 0.3
        order = rng.permutation(self.num_examples)
        self.rows, self.pairs, self.is_sparse = rows[order], pairs[order], is_sparse

    def examples(self):
        for start in range(0, self.num_examples, 60):
            rows, pairs = self.rows[start : start + 60], self.pairs[start : start + 60]
            sets = ClassSets(starts=np.arange(0, 2 * len(pairs) + 1, 2), classes=pairs.ravel())
            yield (csr_matrix(rows) if self.is_sparse else rows), sets


def make(name, **settings):
    shape = ProblemShape(
        num_classes=C, dim=D, batch_size=32, scan_batch_size=60, num_queries=10, query_batch_size=10, top_k=2,
        threads=1,
    )  # fmt: skip
    config = METHOD_CONFIGS[name](**settings)
    made = import_object(config.implementation)
    return made(config, shape=shape, encoder=IdentityEncoder(dim=D), seed=0)


@WRAPPED
def test_examples_of_several_classes_teach_all_of_them(name, tmp_path):
    feed, classifier = PairsFeed(), make(name)
    classifier.fit(feed)
    classifier.save(tmp_path)
    server = import_object(METHOD_CONFIGS[name].server)(threads=1)
    server.load(tmp_path)
    found = np.sort(server.search(csr_matrix(feed.rows), 2).classes_QK, axis=1)
    assert (found == feed.pairs).all(axis=1).mean() > 0.95


def test_one_class_at_a_time_is_one_against_all_others():
    feed, classifier = PairsFeed(), make("linear_svm", prune_below=0.0)
    classifier.fit(feed)
    targets = np.zeros((feed.num_examples, C), np.int32)
    np.put_along_axis(targets, feed.pairs, 1, axis=1)
    truth = OneVsRestClassifier(LinearSVC(random_state=0)).fit(feed.rows.astype(np.float64), targets)
    expected = np.stack([machine.coef_[0] for machine in truth.estimators_], axis=1)
    np.testing.assert_allclose(classifier._weights_MC.toarray(), expected, atol=1e-4)


def test_small_weights_are_dropped_and_no_others():
    feed, whole, pruned = (
        PairsFeed(),
        make("linear_svm", prune_below=0.0),
        make("linear_svm", prune_below=0.1),
    )
    whole.fit(feed)
    pruned.fit(feed)
    weights = whole._weights_MC.toarray()
    np.testing.assert_array_equal(pruned._weights_MC.toarray(), np.where(abs(weights) >= 0.1, weights, 0))
    assert 0 < pruned._weights_MC.nnz < np.count_nonzero(weights)


@WRAPPED
def test_a_size_that_takes_days_is_refused_with_its_closed_form(name):
    config = RunConfig(methods=[name])
    shape = make_shape(config, 20_000_000)
    words = explain_misfit(config, plan_method(config, name, shape)[0], shape, ROOM)
    assert words.startswith("does not fit: takes about ")
    assert f"method.{name}.max_hours=4 is the most" in words
    assert "linear in " in words
    largest = capacity(config, name, ROOM).fit_classes
    assert f"this method fits up to {largest:,} classes here" in words
    assert 1000 < largest < 20_000_000
    patient = METHOD_CONFIGS[name](max_hours=1e5)
    assert patient.refusal(make_shape(config, 2 * largest)) is None


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    assert missing_library("nearest_neighbour") is None
    check_libraries(NAMES)
    monkeypatch.setattr(METHOD_CONFIGS["plt"], "libraries", ("no_such_library",))
    with pytest.raises(ConfigError) as caught:
        check_libraries(["nearest_neighbour", "plt"])
    assert str(caught.value) == (
        "methods=plt: allowed is a method whose library is there; plt needs no_such_library, not installed "
        "here; pip install 'xclass[trees]'"
    )
    config = RunConfig(methods=["boosting"])
    shape = make_shape(config, 20_000_000)
    advice = explain_misfit(config, plan_method(config, "boosting", shape)[0], shape, ROOM)
    assert "nearest_neighbour" in advice
    assert "plt" not in advice


TYPED = """
from xclass.classifiers.boosting.config import BoostingConfig
BoostingConfig.libraries = ("no_such_library",)
from xclass.cli.{command} import main
main({words})
"""


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_command_says_what_to_install_before_anything_runs(command, tmp_path):
    words = ["methods=[boosting]", "classes=100"]
    code = TYPED.format(command=command, words=words if command == "run" else "")
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    flowing = " ".join((done.stdout + done.stderr).split())
    assert "boosting needs no_such_library, not installed here" in flowing
    assert "pip install 'xclass[boosting]'" in flowing
    assert done.returncode == (2 if command == "run" else 0), done.stderr
    assert not list(tmp_path.rglob("records"))


def test_columns_that_are_left_out_change_no_other():
    rng = np.random.default_rng(1)
    rows = csr_matrix(random_array((40, 30), density=0.05, rng=rng, format="csr", dtype=np.float32))
    for at_least in (1, 2):
        used = used_columns(rows, at_least=at_least)
        assert used.tolist() == np.flatnonzero((rows.toarray() != 0).sum(axis=0) >= at_least).tolist()
        np.testing.assert_array_equal(select_columns(rows, used).toarray(), rows.toarray()[:, used])


@pytest.mark.parametrize("is_sparse", [True, False])
def test_chunks_are_joined_in_their_order(is_sparse):
    feed = PairsFeed(is_sparse=is_sparse)
    data = gather(feed)
    rows, classes = data.repeated()
    dense = data.rows_NM.toarray() if is_sparse else data.rows_NM
    np.testing.assert_array_equal(dense, feed.rows)
    np.testing.assert_array_equal(classes, feed.pairs.ravel())
    np.testing.assert_array_equal(rows.toarray() if is_sparse else rows, np.repeat(feed.rows, 2, axis=0))
    starts, members = data.members(C + 1)
    for class_id in range(C + 1):
        own = np.sort(members[starts[class_id] : starts[class_id + 1]])
        assert own.tolist() == np.flatnonzero((feed.pairs == class_id).any(axis=1)).tolist()


def test_text_for_omikuji_has_every_class_and_value():
    rows = csr_matrix(np.array([[0, 0.25, 0], [0, 0, 0], [1e-7, 0, -2]], np.float32))
    sets = ClassSets(starts=np.array([0, 2, 3, 4]), classes=np.array([0, 4, 1, 2]))
    assert xmc_lines(rows, sets) == b"0,4 1:0.25\n1\n2 0:1e-07 2:-2\n"


def test_the_best_come_first_and_among_equals_the_lower_class():
    scores = np.array([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0]], np.float32)
    assert best_classes(scores, 4).classes_QK.tolist() == [[1, 2, 3, 0], [0, 1, 2, 3]]
    more = best_classes(scores, 6)
    assert more.classes_QK[0].tolist() == [1, 2, 3, 0, -1, -1]
    assert more.scores_QK[0, 4:].tolist() == [-np.inf] * 2


def test_a_noisy_library_is_silent_and_everything_after_it_is_heard(capfd):
    with silenced():
        subprocess.run(["sh", "-c", "echo noise; echo noise >&2"], check=True)
    subprocess.run(["echo", "heard"], check=True)
    assert capfd.readouterr() == ("heard\n", "")


def test_a_setting_that_its_library_would_not_take_is_refused():
    with pytest.raises(ConfigError, match=r"^method.linear_svm.prune_below=1.5: allowed is 0 to 1; 0.01"):
        LinearSvmConfig(prune_below=1.5)
