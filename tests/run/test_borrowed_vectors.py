"""An index over the class vectors of a head: of the same run, and of a model saved before."""

import numpy as np
import pytest
from real_runs import SMALL, RunFolder

pytestmark = pytest.mark.slow


def answers_of(folder, method):
    with np.load(folder / "answers" / f"{method}.npz") as answers:
        return answers["classes_QK"]


def test_an_index_borrows_the_class_vectors_of_a_head(run_xclass, tmp_path):
    common = [*SMALL, "classes=500", "budget.minutes=null", "budget.examples=2000", "measure.heap_pass=false"]
    done = run_xclass(
        *common, "methods=[nearest_neighbour,dense_softmax]", "index.vectors=dense_softmax",
        "weights.dtype=bfloat16", f"hydra.run.dir={tmp_path}/first",
    )  # fmt: skip
    assert (done.exit_code, done.err) == (0, "")
    first = RunFolder(tmp_path / "first")
    build = first.record("nearest_neighbour-build-rss")
    assert build["details"]["vectors"] == "dense_softmax"
    assert 0 < build["details"]["lengths"]["least"] <= build["details"]["lengths"]["most"]
    assert build["examples_seen"] == 0
    expected = answers_of(first.path, "dense_softmax")
    np.testing.assert_array_equal(answers_of(first.path, "nearest_neighbour"), expected)
    done = run_xclass(
        *common, "methods=[nearest_neighbour]", "index.vectors=dense_softmax",
        f"index.model={first.path}/models/dense_softmax", f"hydra.run.dir={tmp_path}/second",
    )  # fmt: skip
    assert (done.exit_code, done.err) == (0, "")
    np.testing.assert_array_equal(answers_of(tmp_path / "second", "nearest_neighbour"), expected)


def test_a_folder_that_holds_no_head_is_a_failed_record_that_says_so(run_xclass, tmp_path):
    done = run_xclass(
        *SMALL, "classes=500", "methods=[nearest_neighbour]", "index.vectors=dense_softmax",
        f"index.model={tmp_path}/nothing", f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert done.exit_code == 1
    cause = RunFolder(tmp_path / "run").rows()["nearest_neighbour", "build"]["cause"]
    assert "nothing" in cause
    assert "not a readable" in cause or "encoder" in cause
