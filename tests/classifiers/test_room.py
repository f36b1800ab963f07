"""Room taken before adding: the index is bit for bit the one that FAISS makes, and its arrays never move."""

import faiss
import numpy as np
import pytest

from xclass.classifiers.nearest_neighbour.build import (
    add_classes,
    make_index,
    skip_polysemous_training,
    train_index,
)
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES
from xclass.classifiers.nearest_neighbour.index_kind import parse_index_kind
from xclass.classifiers.nearest_neighbour.room import assign_lists, reserve_lists

NUM_CLASSES, DIM = ADD_CLASSES + 5000, 16
VECTORS = np.random.default_rng(3).standard_normal((NUM_CLASSES, DIM), dtype=np.float32)


class Rows:
    """Class vectors that are a matrix."""

    def read(self, start, stop):
        return VECTORS[start:stop]

    def release(self, stop):
        pass


@pytest.fixture(autouse=True)
def single_thread():
    """A graph depends on the order in which threads link."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.mark.parametrize(
    "factory",
    [
        "SQ8", "RaBitQ2", "PQ8x4fs", "IVF16,Flat", "IVF16,SQ8", "IVF16,PQ4", "IVF16,RaBitQ4", "IVF16,PQ8x4fs",
        "HNSW8", "HNSW8,SQ8", "OPQ4_8,IVF16,PQ4",
    ],
)  # fmt: skip
def test_an_index_with_room_is_the_index_without(factory):
    roomy = make_index(factory, dim=DIM, num_classes=NUM_CLASSES, is_l2=True)
    plain = faiss.index_factory(DIM, factory, faiss.METRIC_L2)
    skip_polysemous_training(plain)
    for index in (roomy, plain):
        index.train(VECTORS[:2000])
    add_classes(roomy, Rows(), NUM_CLASSES)
    for start in range(0, NUM_CLASSES, ADD_CLASSES):
        plain.add(VECTORS[start : start + ADD_CLASSES])
    assert roomy.ntotal == plain.ntotal == NUM_CLASSES
    np.testing.assert_array_equal(faiss.serialize_index(roomy), faiss.serialize_index(plain))


def places(factory, index):
    inner = faiss.downcast_index(index)
    if isinstance(inner, faiss.IndexHNSW):
        return [inner.hnsw.neighbors.data(), inner.hnsw.levels.data(), inner.hnsw.offsets.data()]
    return [inner.codes.data() if hasattr(inner.codes, "data") else inner.codes.get()]


@pytest.mark.parametrize("factory", ["SQ8", "PQ8x4fs", "HNSW8"])
def test_no_array_moves_while_classes_are_added(factory):
    index = make_index(factory, dim=DIM, num_classes=NUM_CLASSES, is_l2=True)
    if not index.is_trained:
        index.train(VECTORS[:2000])
    before = [int(place) for place in places(factory, index)]
    add_classes(index, Rows(), NUM_CLASSES)
    assert [int(place) for place in places(factory, index)] == before


def test_no_list_moves_while_classes_are_added():
    index = make_index("IVF16,SQ8", dim=DIM, num_classes=NUM_CLASSES, is_l2=True)
    index.train(VECTORS[:2000])
    reserve_lists(index, assign_lists(index, Rows(), NUM_CLASSES))
    lists = faiss.downcast_InvertedLists(index.invlists)
    assert index.ntotal == 0
    places = []
    for start in range(0, NUM_CLASSES, 1000):
        index.add(VECTORS[start : start + 1000])
        places.append([int(lists.get_codes(number)) for number in range(index.nlist)])
    assert min(lists.list_size(number) for number in range(index.nlist)) > 64, "doubled several times"
    assert all(place == places[0] for place in places)


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["OPQ4,PQ4", "OPQ4_8,IVF16,PQ4"])
def test_an_index_trained_behind_a_rotation_is_the_one_that_is_trained_at_once(factory):
    """The sample is rotated block by block: the same sums, added up in another order."""
    kind = parse_index_kind(factory)
    ours, plain = (
        make_index(factory, dim=DIM, num_classes=NUM_CLASSES, is_l2=True),
        faiss.index_factory(DIM, factory, faiss.METRIC_L2),
    )
    skip_polysemous_training(plain)
    assert train_index(ours, Rows(), kind, NUM_CLASSES, seed=0) == NUM_CLASSES
    plain.train(VECTORS)
    assert ours.is_trained
    for index in (ours, plain):
        index.add(VECTORS)
    found = [index.search(VECTORS[:500], 5)[1] for index in (ours, plain)]
    assert (found[0] == found[1]).mean() > 0.9
