"""Ranking again by float16 vectors: the same answers whether they are mapped or read."""

import numpy as np
import pytest

from xclass.classifiers.nearest_neighbour.second_stage import EXACT_VECTORS, SecondStage
from xclass.measure.status import read_status
from xclass.units import MIB

C, D, Q, R = 200_000, 128, 50, 400


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    vectors_CD = np.random.default_rng(0).standard_normal((C, D), dtype=np.float32).astype(np.float16)
    np.save(folder / EXACT_VECTORS, vectors_CD)
    return folder


@pytest.fixture
def problem():
    generator = np.random.default_rng(1)
    rows_QR = np.stack([generator.choice(C, R, replace=False) for _ in range(Q)])
    rows_QR[3, 5:] = -1
    return generator.standard_normal((Q, D), dtype=np.float32), rows_QR


def rank(model, problem, **settings):
    stage = SecondStage(model, (C, D), is_l2=False, **settings)
    before = read_status().file_bytes
    answers = stage.rank(*problem, 10)
    return answers, read_status().file_bytes - before


def test_reading_changes_no_answer(model, problem):
    mapped, read = (rank(model, problem, is_mapped=is_mapped)[0] for is_mapped in (True, False))
    for left, right in zip(mapped, read, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (mapped[1][3, 5:] == -1).all()


@pytest.mark.parametrize("is_mapped", [True, False])
def test_its_vectors_are_those_of_the_file(model, is_mapped):
    stage = SecondStage(model, (C, D), is_l2=False, is_mapped=is_mapped)
    rows = np.array([5, 0, C - 1])
    np.testing.assert_array_equal(
        stage.vectors(rows), np.load(model / EXACT_VECTORS)[rows].astype(np.float32)
    )


@pytest.mark.memory
def test_what_is_read_leaves_nothing_resident(model, problem):
    _, mapped_bytes = rank(model, problem)
    _, read_bytes = rank(model, problem, is_mapped=False)
    assert mapped_bytes > 32 * MIB
    assert read_bytes <= MIB
