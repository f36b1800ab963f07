"""The pictures of a record against counts and cosines made the long way."""

import itertools

import numpy as np
import pytest

from xclass.evaluate.groups import SHOWN_GROUPS, choose_groups, sample_classes
from xclass.evaluate.metrics import QUANTILE_PERCENTS, latency
from xclass.evaluate.pictures import make_pictures, mean_cosines


class Grouped:
    """Classes in groups of their id modulo a number, each group with a direction of its own."""

    group_noun = "colour"

    def __init__(self, num_classes, num_groups, dim=8, seed=0):
        self.num_classes, self._num_groups = num_classes, num_groups
        random = np.random.default_rng(seed)
        self._centres = random.standard_normal((num_groups, dim)).astype(np.float32)
        self._own = 0.3 * random.standard_normal((num_classes, dim)).astype(np.float32)

    def groups_of(self, classes):
        return classes % self._num_groups

    def group_name(self, group):
        return f"<b>{group}"

    def class_vectors(self, classes):
        return self._centres[self.groups_of(classes)] + self._own[classes]


def draw(source, truth, answers, class_vectors=None):
    return make_pictures(
        source, truth_Q=np.array(truth), answers_Q=np.array(answers), seed=3,
        class_vectors=class_vectors or source.class_vectors,
    )  # fmt: skip


@pytest.fixture(scope="module")
def asked():
    """Source, truth and answers: 3000 queries of 40 groups, the first ones more often; some unanswered."""
    source, random = Grouped(4000, 40), np.random.default_rng(5)
    truth = (4000 * random.random(3000) ** 3).astype(np.int64) // 40 * 40
    truth += np.minimum(random.geometric(0.1, 3000) - 1, 39)
    answers = np.where(random.random(3000) < 0.6, truth, random.integers(-1, 4000, 3000))
    return source, truth, answers


def test_confusion_is_counted_query_by_query(asked):
    _, truth, answers = asked
    found = draw(*asked)
    names = [int(name.removeprefix("<b>")) for name in found.groups]

    def row(group):
        return names.index(group) if group in names else SHOWN_GROUPS

    expected = np.zeros((SHOWN_GROUPS + 1, SHOWN_GROUPS + 2), dtype=int)
    for true, answer in zip(truth, answers, strict=True):
        expected[row(true % 40), row(answer % 40) if answer >= 0 else SHOWN_GROUPS + 1] += 1
    assert found.confusion == expected.tolist()
    assert found.num_other_groups == 40 - SHOWN_GROUPS
    assert (found.num_queries, found.num_wrong) == (3000, int((truth != answers).sum()))
    inside = (truth % 40 == answers % 40) & (answers >= 0) & (truth != answers)
    assert found.num_wrong_in_group == int(inside.sum()) > 0
    queries = [sum(row) for row in found.confusion[:-1]]
    assert queries == sorted(queries, reverse=True)


def test_only_the_last_row_mixes_own_and_other_groups(asked):
    found = draw(*asked)
    for row in range(SHOWN_GROUPS):
        assert found.num_in_group[row] == found.confusion[row][row] >= found.num_right[row]
    assert found.num_in_group[-1] < found.confusion[-1][-2]


def test_chance_is_what_shuffled_answers_give(asked):
    _, truth, answers = asked
    wrong = truth != answers
    random = np.random.default_rng(1)
    true_groups, groups = truth[wrong] % 40, np.where(answers < 0, -1, answers % 40)[wrong]
    shuffled = [np.mean(true_groups == random.permutation(groups)) for _ in range(200)]
    assert draw(*asked).by_chance_share == pytest.approx(np.mean(shuffled), abs=0.002)


def test_without_a_wrong_answer_nothing_is_expected_of_chance():
    found = draw(Grouped(10, 2), [1, 2, 3], [1, 2, 3])
    assert (found.num_wrong, found.by_chance_share) == (0, None)


def test_cosines_are_means_over_pairs_of_different_vectors():
    random = np.random.default_rng(2)
    vectors = [random.standard_normal((size, 5)).astype(np.float32) for size in (4, 3, 1, 0)]
    vectors = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in vectors]
    found = mean_cosines(vectors)
    for a, b in itertools.product(range(4), repeat=2):
        pairs = [
            float(x @ y)
            for i, x in enumerate(vectors[a])
            for j, y in enumerate(vectors[b])
            if (a, i) != (b, j)
        ]
        if pairs:
            assert found[a][b] == pytest.approx(np.mean(pairs), abs=6e-4)
        else:
            assert found[a][b] is None


def test_groups_that_lie_apart_are_apart_on_the_map_and_alike_within(asked):
    found = draw(*asked)
    similarity = np.array(found.similarity)
    diagonal = np.diag(similarity)[:-1]
    assert diagonal.min() > 0.8
    assert similarity[-1, -1] < 0.3, "the others are many groups"
    points = np.array(found.class_map.points)
    assert set(points[:, 0]) == set(range(6))
    centres = np.array([points[points[:, 0] == row, 1:].mean(axis=0) for row in range(6)])
    within = np.mean([points[points[:, 0] == row, 1:].var(axis=0).sum() for row in range(6)])
    assert within < 0.1 * centres.var(axis=0).sum()
    assert 0.4 < sum(found.class_map.explained_shares) <= 1


def test_equal_seeds_give_equal_pictures(asked):
    first, second = draw(*asked), draw(*asked)
    first.seconds = second.seconds = 0.0
    assert first == second


def test_a_method_without_class_vectors_keeps_its_confusion(asked):
    found = draw(*asked, class_vectors=lambda classes: None)
    assert found.similarity is None is found.class_map
    assert "cannot give back" in found.left_out
    assert found.num_queries == 3000


def test_data_without_groups_needs_no_class_vectors():
    def refuse(classes):
        raise AssertionError("asked for class vectors")

    found = draw(Grouped(10, 1), [1, 2], [2, -1], class_vectors=refuse)
    assert found.confusion == [[1, 1]]
    assert found.left_out == "all classes are of one group"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_training_that_went_astray_keeps_its_confusion(asked, value):
    found = draw(*asked, class_vectors=lambda classes: np.full((len(classes), 4), value, np.float32))
    assert found.similarity is None is found.class_map
    assert "not finite" in found.left_out
    assert found.num_queries == 3000


def test_vectors_without_a_direction_give_no_map():
    found = draw(
        Grouped(10, 2), [1, 2], [2, 1], class_vectors=lambda classes: np.zeros((len(classes), 4), np.float32)
    )
    assert found.class_map is None
    assert found.similarity == [[0.0, 0.0], [0.0, 0.0]]


def test_a_sample_is_of_its_row_without_replacement_and_from_all_over():
    """Classes of several blocks; a class of the last block is as likely as one of the first."""
    source = Grouped(200_000, 4, dim=2)
    chosen = choose_groups(np.array([3, 3, 1]), np.array([-1, 0, 2]))
    assert chosen.groups_G.tolist() == [3, 1]
    assert chosen.num_others == 2
    samples = sample_classes(source, chosen, 2000, seed=0)
    for row, groups in enumerate(([3], [1], [0, 2])):
        ids = samples[row]
        assert len(set(ids.tolist())) == len(ids) == 2000
        assert set((ids % 4).tolist()) == set(groups)
        assert np.mean(ids) == pytest.approx(100_000, rel=0.03)
    other_seed = sample_classes(source, chosen, 2000, seed=1)
    assert not np.array_equal(samples[0], other_seed[0])


def test_groups_that_no_query_met_are_in_no_row():
    chosen = choose_groups(np.array([2, 2, 1]), np.array([1, -1, 2]))
    samples = sample_classes(Grouped(100, 10), chosen, 24, seed=0)
    assert [set((ids % 10).tolist()) for ids in samples] == [{2}, {1}]
    assert [len(ids) for ids in samples] == [10, 10]


def test_few_classes_are_all_taken():
    samples = sample_classes(
        Grouped(7, 2), choose_groups(np.array([0, 0, 1]), np.array([0, 0, 0])), 24, seed=0
    )
    assert [ids.tolist() for ids in samples] == [[0, 2, 4, 6], [1, 3, 5]]


def test_quantiles_are_measured_times_from_the_fastest_to_the_slowest():
    seconds = np.random.default_rng(0).permutation(np.arange(1, 1001) / 1000).tolist()
    found = latency(1, seconds)
    assert [row[0] for row in found.quantiles] == [0, *QUANTILE_PERCENTS]
    assert dict(map(tuple, found.quantiles)) == pytest.approx(
        {0: 0.001, **{percent: percent / 100 for percent in QUANTILE_PERCENTS}}
    )
    assert dict(map(tuple, found.quantiles))[95] == found.p95_seconds
