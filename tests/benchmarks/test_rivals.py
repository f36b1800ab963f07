"""What the benchmark of rivals does to files and answers; the rivals themselves run in ``make bench``."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix, save_npz

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from rivals_methods import best_of
from rivals_mulan import read_xmc, write_xmc
from rivals_score import score

XML = '<labels xmlns="http://mulan.sourceforge.net/labels"><label name="a"/><label name="b"/></labels>'
ARFF = """@relation toy
@attribute f0 {0,1}
@attribute f1 {0,1}
@attribute f2 {0,1}
@attribute a {0,1}
@attribute b {0,1}
@data
{0 1,2 1,4 1}
{1 1}
{3 1,4 1}
"""


def test_an_arff_file_keeps_its_features_and_classes(tmp_path):
    (tmp_path / "toy-train.arff").write_text(ARFF)
    (tmp_path / "toy.xml").write_text(XML)
    write_xmc(tmp_path / "toy-train.arff", tmp_path / "train.txt")
    assert (tmp_path / "train.txt").read_text() == "3 3 2\n1 0:1 2:1\n 1:1\n0,1\n"
    x, y = read_xmc(tmp_path / "train.txt")
    np.testing.assert_array_equal(x.toarray(), [[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(y.toarray(), [[0, 1], [0, 0], [1, 1]])


def test_precision_counts_right_answers_and_no_missing_ones(tmp_path):
    (tmp_path / "features").mkdir()
    save_npz(tmp_path / "features" / "test_x.npz", csr_matrix((2, 1)))
    truth = csr_matrix(np.array([[1, 0, 0, 1], [0, 1, 0, 0]], np.float32))
    save_npz(tmp_path / "features" / "test_y.npz", truth)
    # Class 0 is right for the first query; -1 must not be counted as its class 0, nor as its last one.
    metrics = score(tmp_path, np.array([[0, 1, 3, -1, -1], [0, 1, -1, -1, -1]]))
    assert metrics["num_queries"] == 2
    assert metrics["P@1"]["value"] == 0.5
    assert metrics["P@3"]["value"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert metrics["P@5"]["value"] == pytest.approx((2 / 5 + 1 / 5) / 2)
    assert metrics["P@1"]["low"] < 0.5 < metrics["P@1"]["high"]


def test_the_best_columns_come_first_and_rows_with_few_are_filled_up():
    scores = csr_matrix(np.array([[0.0, 3, 1, 2, 5, 4, 0.5], [0, 0, 0.2, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(best_of(scores), [[4, 5, 1, 3, 2], [2, -1, -1, -1, -1]])
