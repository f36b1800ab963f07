"""The tree is Huffman's, a step follows the gradient, and a search finds the most probable classes."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.classifiers.hierarchical_softmax.search import search_tree
from xclass.classifiers.hierarchical_softmax.step import tree_step
from xclass.classifiers.hierarchical_softmax.tree import build_tree, children_of, paths_of

COUNTS = st.lists(st.integers(0, 1 << 40), min_size=2, max_size=60)


def depths(parents):
    num_classes = len(parents) // 2 + 1
    return np.bincount(paths_of(parents, np.arange(num_classes)).examples_T, minlength=num_classes)


def least_cost(counts):
    """Sum of count x depth of an optimal tree, by the textbook's heap."""
    heap, cost = [int(count) for count in counts], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        cost += pair
        heapq.heappush(heap, pair)
    return cost


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_no_tree_has_a_smaller_expected_depth(counts):
    counts_C = np.sort(np.array(counts, dtype=np.int64))[::-1]
    parents = build_tree(counts_C)
    assert int((depths(parents) * counts_C).sum()) == least_cost(counts)
    assert sum(0.5 ** depths(parents)) == pytest.approx(1.0), "every question has two answers"
    np.testing.assert_array_equal(np.sort(children_of(parents).ravel()), np.arange(2 * len(counts) - 2))


def made_tree(num_classes, dim, *, seed=0, scale=1.0):
    generator = np.random.default_rng(seed)
    parents = build_tree(np.sort(generator.integers(1, 1000, num_classes))[::-1])
    vectors = (scale * generator.normal(size=(num_classes - 1, dim))).astype(np.float32)
    return parents, vectors, generator.normal(size=(24, dim)).astype(np.float32)


def log_probabilities(parents, vectors_ID, inputs_BD):
    """Of every class, in float64, path by path."""
    num_classes = len(parents) // 2 + 1
    paths = paths_of(parents, np.arange(num_classes))
    logits = inputs_BD.astype(np.float64) @ vectors_ID.astype(np.float64)[paths.questions_T].T
    signs = np.where(paths.sides_T == 1, 1.0, -1.0)
    result = np.zeros((len(inputs_BD), num_classes))
    np.add.at(result.T, paths.examples_T, -np.logaddexp(0.0, -signs * logits).T)
    return result


@pytest.mark.parametrize("scale", [0.05, 1.0, 10.0], ids="scale {}".format)
def test_a_search_finds_exactly_the_most_probable_classes(scale):
    """Also where every class is about as probable as the other: nothing is cut then but by the bound."""
    parents, vectors, queries = made_tree(400, 12, scale=scale)
    expected = log_probabilities(parents, vectors, queries)
    assert np.exp(expected).sum(axis=1) == pytest.approx(1.0)
    found = search_tree(vectors, children_of(parents), queries, 5, num_kept=400)
    np.testing.assert_array_equal(found.classes_QK, np.argsort(-expected, axis=1)[:, :5])
    np.testing.assert_allclose(found.scores_QK, -np.sort(-expected, axis=1)[:, :5], rtol=1e-4, atol=1e-4)


def test_a_search_that_may_keep_one_node_still_finds_as_many_classes_as_are_wanted():
    parents, vectors, queries = made_tree(400, 12)
    found = search_tree(vectors, children_of(parents), queries, 5, num_kept=1).classes_QK
    assert all(len(set(row)) == 5 and min(row) >= 0 for row in found.tolist())


def test_a_step_follows_the_gradient():
    """Against central differences of the loss in float64; and with Adagrad's first step of equal length."""
    parents, vectors, inputs = made_tree(9, 4, seed=1)
    classes = np.arange(24) % 9
    before, state = vectors.copy(), np.zeros(8, np.float32)

    def loss(vectors, inputs):
        return -log_probabilities(parents, vectors, inputs)[np.arange(24), classes].sum()

    stated, gradient = tree_step(
        vectors, state, inputs, paths_of(parents, classes), learning_rate=0.5, needs_input_gradient=True
    )
    assert stated * 24 == pytest.approx(loss(before, inputs), rel=1e-5)
    for array, found in ((before, None), (inputs, gradient)):
        expected = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            higher, lower = array.astype(np.float64), array.astype(np.float64)
            higher[at] += 1e-5
            lower[at] -= 1e-5
            pair = [(one, inputs) if found is None else (before, one) for one in (higher, lower)]
            expected[at] = (loss(*pair[0]) - loss(*pair[1])) / 2e-5
        if found is None:
            lengths = np.sqrt((expected**2).mean(axis=1, keepdims=True))
            found = (before - vectors) * lengths / 0.5
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)
