"""Whole runs over files of a user's own: sparse rows with several classes, and vectors."""

import numpy as np
import pytest
from real_runs import SMALL, RunFolder

QUICK = [*SMALL, "measure.heap_pass=false", "budget.minutes=null", "budget.examples=20000", "dim=16"]


def num_right(run, method):
    """Of the 50 queries."""
    with np.load(run.path / "answers" / f"{method}.npz") as answers:
        return np.count_nonzero(answers["classes_QK"][:, 0] == answers["truth_Q"])


def write_rows(folder):
    """30 classes, each with features of its own; every fifth example has two classes."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 900), ("test", 200)):
        lines = []
        for i in range(count):
            classes = sorted({i % 30, *([(i + 7) % 30] if i % 5 == 0 else [])})
            columns = sorted({10 * c + int(k) for c in classes for k in rng.choice(10, 5, replace=False)})
            lines.append(
                ",".join(map(str, classes)) + "".join(f" {c}:{rng.random() + 0.1:.4f}" for c in columns)
            )
        (folder / f"{name}.txt").write_text(f"{count} 300 30\n" + "\n".join(lines) + "\n")


def test_sparse_rows_train_a_head_through_a_projection(run_xclass, tmp_path):
    write_rows(tmp_path)
    done = run_xclass(
        *QUICK, "data=xmc", "path=train.txt", "test=test.txt", f"data.cache={tmp_path}/cache",
        "methods=[sampled_softmax]", f"hydra.run.dir={tmp_path}/run", cwd=tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.err
    run = RunFolder(tmp_path / "run")
    assert num_right(run, "sampled_softmax") > 38, "a fifth has a second class, which is not counted here"
    trained = run.record("sampled_softmax-train-rss")
    assert trained["held"]["projection table"] == 4 * 300 * 16
    assert trained["predicted"]["components"]["projection table"] == 4 * 300 * 16
    assert trained["data_facts"]["classes_per_example"] == pytest.approx(1.2)


def test_vectors_bring_their_own_dim(run_xclass, tmp_path):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 50, 2000)
    vectors = rng.normal(size=(50, 20))[classes] + 0.2 * rng.normal(size=(2000, 20))
    np.save(tmp_path / "vectors.npy", vectors.astype(np.float32))
    np.save(tmp_path / "classes.npy", classes)
    words = [word for word in QUICK if not word.startswith("dim=")]
    done = run_xclass(
        *words, "data=embeddings", "path=vectors.npy", f"data.classes_path={tmp_path}/classes.npy",
        f"data.cache={tmp_path}/cache", "methods=[nearest_neighbour]", f"hydra.run.dir={tmp_path}/run",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.err
    run = RunFolder(tmp_path / "run")
    record = run.record("nearest_neighbour-serve-rss")
    assert record["dim"] == record["data_facts"]["dim"] == 20
    assert num_right(run, "nearest_neighbour") > 45
