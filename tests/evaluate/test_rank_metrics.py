"""Ranked metrics against two independent implementations: napkinXC's and scikit-learn's."""

import napkinxc.metrics as napkin
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, ndcg_score, top_k_accuracy_score

from xclass.data.base import ClassSets
from xclass.evaluate.bootstrap import Bootstrap
from xclass.evaluate.metric_list import further_metrics
from xclass.evaluate.places import find_places
from xclass.evaluate.rank_metrics import RankMetrics
from xclass.evaluate.rarity import Propensities, rarity_bands
from xclass.records.metric import IntervalKind

NUM_CLASSES, NUM_QUERIES, NUM_PLACES = 60, 500, 7


class Counted:
    """A data source of which only the counts are asked for."""

    num_classes = NUM_CLASSES

    def __init__(self, counts):
        self._counts = np.array(counts, dtype=np.int64)
        self.num_examples = int(self._counts.sum())

    def class_counts(self):
        return self._counts


def several(rng, num_queries, most):
    sets = [
        np.sort(rng.choice(NUM_CLASSES, rng.integers(1, most + 1), replace=False)) for _ in range(num_queries)
    ]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    return ClassSets(starts=starts, classes=np.concatenate(sets)), [one.tolist() for one in sets]


def answers_near(rng, sets):
    """K different classes per query, true ones more often than not among them; a tenth of places empty."""
    rows = []
    for one in sets:
        wanted = np.setdiff1d(np.array(one), [c for c in one if rng.random() < 0.4])
        others = np.setdiff1d(rng.permutation(NUM_CLASSES), wanted)[:NUM_PLACES]
        rows.append(rng.permutation(np.concatenate([wanted, others])[:NUM_PLACES]))
    answers = np.array(rows)
    answers[rng.random(answers.shape) < 0.1] = -1
    return answers


def metrics_of(answers, truth, counts, seed=0, scores=None):
    scores = np.zeros(answers.shape, np.float32) if scores is None else scores
    found = further_metrics(
        Counted(counts), classes_QK=answers, scores_QK=scores, truth=truth, propensity=(0.55, 1.5),
        threshold=0.9, seed=seed,
    )  # fmt: skip
    return {one.key: one for one in found}


@pytest.fixture(scope="module", params=[1, 4], ids=["one class", "up to four"])
def asked(request):
    rng = np.random.default_rng(request.param)
    truth, sets = several(rng, NUM_QUERIES, request.param)
    counts = np.sort((1000 / (1 + np.arange(NUM_CLASSES))).astype(int))[::-1]
    answers = answers_near(rng, sets)
    return answers, sets, counts, metrics_of(answers, truth, counts)


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_equal_to_napkinxc(asked, k):
    answers, sets, counts, found = asked
    propensities = Propensities(a=0.55, b=1.5, num_examples=int(counts.sum()))
    weights = propensities.weights(counts)
    # Its own are counted from lists of classes per training example: here as many as the counts say.
    examples = [[c] for c in range(NUM_CLASSES) for _ in range(counts[c])]
    np.testing.assert_allclose(weights, napkin.Jain_et_al_inverse_propensity(examples), rtol=1e-12)
    predicted = answers.tolist()
    expected = {
        "precision": napkin.precision_at_k(sets, predicted, k=k),
        "recall": napkin.recall_at_k(sets, predicted, k=k),
        "ndcg": napkin.ndcg_at_k(sets, predicted, k=k),
        "psp": napkin.psprecision_at_k(sets, predicted, weights, k=k),
        "psndcg": napkin.psndcg_at_k(sets, predicted, weights, k=k),
    }
    for name, values in expected.items():
        assert found[f"{name}_at_{k}"].value == pytest.approx(values[k - 1], rel=1e-9), name


@pytest.mark.parametrize("k", [1, 3, 7])
def test_ndcg_is_that_of_scikit_learn(asked, k):
    answers, sets, _, found = asked
    truth_QC, scores_QC = np.zeros((2, NUM_QUERIES, NUM_CLASSES))
    for query, one in enumerate(sets):
        truth_QC[query, one] = 1
        # An empty place stays one: a class that is not true takes it.
        free = iter(np.setdiff1d(np.arange(NUM_CLASSES), [*one, *answers[query]]))
        for place, answer in enumerate(answers[query]):
            scores_QC[query, answer if answer >= 0 else next(free)] = NUM_PLACES - place
    assert found[f"ndcg_at_{k}"].value == pytest.approx(ndcg_score(truth_QC, scores_QC, k=k), rel=1e-9)


def test_of_one_class_recall_and_macro_recall_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth_Q = rng.integers(0, NUM_CLASSES, NUM_QUERIES)
    scores_QC = rng.random((NUM_QUERIES, NUM_CLASSES)) + 0.6 * (truth_Q[:, None] == np.arange(NUM_CLASSES))
    answers = np.argsort(-scores_QC, axis=1)[:, :NUM_PLACES]
    found = metrics_of(answers, ClassSets.of_single(truth_Q), np.ones(NUM_CLASSES))
    classes = np.arange(NUM_CLASSES)
    for k in (1, 3, 5, 7):
        expected = top_k_accuracy_score(truth_Q, scores_QC, k=k, labels=classes)
        assert found[f"recall_at_{k}"].value == pytest.approx(expected)
    assert found["macro_recall_at_1"].value == pytest.approx(balanced_accuracy_score(truth_Q, answers[:, 0]))
    ranks = (np.argsort(-scores_QC, axis=1) == truth_Q[:, None]).argmax(axis=1)
    expected = np.where(ranks < NUM_PLACES, 1 / (ranks + 1), 0).mean()
    assert found["mrr_at_7"].value == pytest.approx(expected)


def test_macro_recall_counts_every_class_the_same(asked):
    answers, sets, _, found = asked
    shares = []
    for c in {c for one in sets for c in one}:
        mine = [c in row for row, one in zip(answers.tolist(), sets, strict=True) if c in one]
        shares.append(sum(mine) / len(mine))
    assert found["macro_recall_at_7"].value == pytest.approx(np.mean(shares))


def test_head_torso_and_tail_are_told_apart_by_training_examples():
    counts = [30, 30, 30, 5, 5, 5, 5, 5, 1, 1] + [1] * 20
    truth = ClassSets.of_single(np.array([0, 1, 3, 7, 8, 9, 29, 28]))
    right = np.array([1, 0, 1, 1, 0, 1, 0, 0], dtype=bool)
    answers = np.where(right, truth.classes, 2)[:, None]
    found = metrics_of(answers, truth, counts)
    assert found["tail_recall_at_1"].note == (
        "the rarest 22 classes, of 1 training examples each, 16 % of all"
    )
    values = {name: found[f"{name}_recall_at_1"].value for name in ("head", "torso", "tail")}
    assert values == {"head": 0.5, "torso": 1.0, "tail": 0.25}


@pytest.mark.parametrize(
    ("counts", "starts"),
    [
        ([9, 8, 7, 6, 5, 4, 3, 2, 1], [0, 2, 4, 9]),
        ([100, 1, 1, 1], [0, 1, 1, 4]),
        ([7] * 50 + [1], [0, 50, 50, 51]),
        ([1000, 2, 1], [0, 1, 2, 3]),
        ([3, 3, 3], [0, 0, 0, 0]),
        ([5, 4] + [3] * 1000, [0, 1, 2, 1002]),
    ],
)
def test_equally_frequent_classes_are_of_one_band(counts, starts):
    bands = rarity_bands(np.array(counts))
    assert [bands[0].start, *(band.stop for band in bands)] == starts


def test_classes_that_are_all_equally_frequent_have_no_bands(asked):
    answers, sets, _, _ = asked
    truth = ClassSets.of_single(np.array([one[0] for one in sets]))
    found = metrics_of(answers, truth, [4] * NUM_CLASSES)
    for name in ("head", "torso", "tail"):
        untold = found[f"{name}_recall_at_1"]
        assert (untold.value, untold.low, untold.high, untold.interval) == (None, None, None, None)
        assert "equally frequent" in untold.note


def test_a_class_answered_twice_counts_once():
    truth = ClassSets(starts=np.array([0, 2]), classes=np.array([3, 5]))
    places = find_places(np.array([[3, 3, 5]]), truth)
    (precision, *_) = RankMetrics(places).by_query(3)
    assert Bootstrap(1, 0).group_ratio(precision.ratio).value == pytest.approx(2 / 3)


def test_values_lie_in_their_intervals_and_equal_seeds_draw_equally(asked):
    answers, sets, counts, found = asked
    truth = ClassSets(
        starts=np.concatenate([[0], np.cumsum([len(one) for one in sets])]), classes=np.concatenate(sets)
    )
    assert metrics_of(answers, truth, counts) == found
    assert metrics_of(answers, truth, counts, seed=1) != found
    told = [one for one in found.values() if one.value is not None]
    assert all(one.low <= one.value <= one.high for one in told)
    assert {one.interval for one in told} == {IntervalKind.WILSON, IntervalKind.BOOTSTRAP}
    assert found["recall_at_1"].interval is (
        IntervalKind.WILSON if max(map(len, sets)) == 1 else IntervalKind.BOOTSTRAP
    )
