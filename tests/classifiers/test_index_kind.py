"""Which FAISS factory strings are understood, and that the bytes stated for them are those of the file."""

import itertools

import faiss
import numpy as np
import pytest

from xclass.classifiers.nearest_neighbour.build import skip_polysemous_training
from xclass.classifiers.nearest_neighbour.classifier import NearestNeighbour
from xclass.classifiers.nearest_neighbour.config import NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.nearest_neighbour.index_kind import parse_index_kind
from xclass.classifiers.nearest_neighbour.index_parts import decode_rows, faiss_index_bytes
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

NUM_CLASSES, DIM = 20_000, 64


def shape_of(num_classes, dim):
    return ProblemShape(
        num_classes=num_classes, dim=dim, batch_size=32, scan_batch_size=256, num_queries=10,
        query_batch_size=5, top_k=5, threads=1,
    )  # fmt: skip


class OnePerClass:
    """A feed of one example per class: its mean."""

    def __init__(self, vectors):
        self._vectors = vectors

    def scan(self):
        yield self._vectors, np.arange(len(self._vectors))


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(NUM_CLASSES, DIM)).astype(np.float32)


@pytest.mark.parametrize(
    "factory",
    [
        "Flat", "SQ8", "SQ6", "SQ4", "SQfp16", "SQbf16", "PQ16x4", "PQ8x6", "IVF64,Flat", "IVF64,SQ8",
        "HNSW32", "HNSW16,Flat", "HNSW8", "HNSW32,SQ8", "RaBitQ", "RaBitQ2", "RaBitQ4", "IVF64,RaBitQ3",
        "IVF{lists},SQ8", "PQ32x4fs", "IVF64,PQ32x4fs",
    ],
)  # fmt: skip
def test_stated_bytes_are_those_of_the_file(factory, vectors, tmp_path):
    config, shape = NearestNeighbourConfig(), shape_of(NUM_CLASSES, DIM)
    index = IndexConfig(factory=factory, folder=str(tmp_path))
    classifier = NearestNeighbour(config, shape=shape, encoder=IdentityEncoder(dim=DIM), seed=0, index=index)
    classifier.fit(OnePerClass(vectors))
    classifier.save(tmp_path)
    real_bytes = (tmp_path / "index.faiss").stat().st_size
    assert config.model_bytes(shape, index=index) == pytest.approx(real_bytes, rel=0.02)
    held, parts = classifier.held_bytes(), index.kind(NUM_CLASSES).parts(NUM_CLASSES, DIM)
    assert sum(held.values()) == real_bytes
    assert set(parts) <= set(held), "the same parts, by the same names"
    for name in set(parts) - {"index structure"}:
        assert held[name] == pytest.approx(parts[name], rel=0.01), name
    decoded = decode_rows(faiss.read_index(str(tmp_path / "index.faiss")), np.arange(0, 500, 7))
    wanted = vectors[:500:7]
    cosines = np.einsum("bd,bd->b", decoded, wanted)
    cosines /= np.linalg.norm(decoded, axis=1) * np.linalg.norm(wanted, axis=1)
    assert cosines.min() > 0.55, "every kind can give its vectors back"


@pytest.mark.parametrize(
    "factory",
    [
        "PQ16",
        "IVF64,PQ16",
        "HNSW16,PQ16",
        *(
            pytest.param(factory, marks=pytest.mark.slow)
            for factory in ("OPQ16,IVF64,PQ16", "OPQ16_32,IVF64,PQ16", "OPQ16_32,Flat", "OPQ8_32,HNSW16")
        ),
    ],
)
def test_stated_bytes_of_what_trains_for_long_are_those_of_the_file(factory, vectors):
    """Trained on few vectors, which changes no size; on all of them a rotation takes minutes."""
    index = faiss.index_factory(DIM, factory, faiss.METRIC_L2)
    skip_polysemous_training(index)
    index.train(vectors[:1000])
    index.add(vectors)
    stated_bytes = NearestNeighbourConfig().model_bytes(
        shape_of(NUM_CLASSES, DIM), index=IndexConfig(factory=factory)
    )
    assert stated_bytes == pytest.approx(faiss_index_bytes(index), rel=0.02)


@pytest.mark.parametrize("dim", [33, 7])
@pytest.mark.parametrize(
    "factory", ["SQ8", "SQ6", "SQ4", "SQfp16", "RaBitQ1", "RaBitQ2", "RaBitQ3", "RaBitQ8"]
)
def test_code_bytes_are_exact_for_odd_dimensions(factory, dim):
    assert parse_index_kind(factory).code_bytes(dim) == faiss.index_factory(dim, factory).sa_code_size()


def every_understood_string():
    rotations = ("", "OPQ16,", "OPQ16_32,", "OPQ0,")
    lists = ("", "IVF64,", "IVF0,")
    graphs = ("", "HNSW32", "HNSW32,", "HNSW0", "HNSW1")
    codes = (
        "",
        "Flat",
        "SQ8",
        "SQ6",
        "SQ4",
        "SQ16",
        "SQfp16",
        "SQbf16",
        "PQ16",
        "PQ16x4",
        "RaBitQ3",
        "PQ8x10",
        "PQ0",
        "PQ8x0",
    )
    for parts in itertools.product(rotations, lists, graphs, codes):
        try:
            parse_index_kind("".join(parts))
        except ConfigError:
            continue
        yield "".join(parts)


def test_faiss_can_build_every_string_that_is_understood():
    """Else the error comes out of a child, after minutes, in FAISS's words."""
    understood = list(every_understood_string())
    assert len(understood) > 40
    for factory in understood:
        assert faiss.index_factory(DIM, factory).d == DIM


@pytest.mark.parametrize(
    "factory",
    [
        "", "flat", "Flatt", "IVF64", "IVF64,", "IVF0,Flat", "HNSW", "HNSW0", "HNSW1", "HNSW32Flat",
        "HNSW32,", "IVF64,HNSW32", "PQ", "PQ0", "PQ16x17", "LSH", "NSG32", "Flat,Flat", " Flat", "Flat\n",
        "OPQ16", "IVF64_HNSW32,Flat", "PQ16,Flat",
    ],
)  # fmt: skip
def test_other_strings_are_refused_by_key(factory):
    with pytest.raises(ConfigError, match=r"^index\.factory=") as caught:
        IndexConfig(factory=factory)
    assert caught.value.key == "index.factory"
    assert caught.value.value == factory
    assert "Flat" in str(caught.value)


@pytest.mark.parametrize(
    ("factory", "num_classes", "dim"),
    [
        ("PQ16", 1000, 40),
        ("IVF64,PQ16", 1000, 24),
        ("OPQ16,PQ8", 1000, 24),
        ("OPQ16_24,PQ8", 1000, 64),
        ("IVF4096,Flat", 4095, 64),
        ("PQ16", 255, 64),
        ("PQ8x10", 1000, 64),
    ],
)
def test_an_index_that_does_not_suit_the_problem_is_refused_before_any_work(factory, num_classes, dim):
    with pytest.raises(ConfigError, match=rf"^index\.factory={factory}: allowed is "):
        NearestNeighbour(
            NearestNeighbourConfig(),
            shape=shape_of(num_classes, dim),
            encoder=IdentityEncoder(dim=dim),
            seed=0,
            index=IndexConfig(factory=factory),
        )


def test_what_is_flat_and_what_needs_training():
    assert parse_index_kind("Flat").is_flat
    assert not parse_index_kind("Flat").needs_training
    assert not parse_index_kind("HNSW32").needs_training
    for factory in ("SQ8", "PQ16", "IVF64,Flat", "OPQ16_32,Flat", "HNSW32,SQ8"):
        assert parse_index_kind(factory).needs_training
        assert not parse_index_kind(factory).is_flat
        assert not faiss.index_factory(DIM, factory).is_trained
