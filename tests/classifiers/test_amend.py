"""Classes added to saved models and dropped from them: ids, answers, files, and nothing half done."""

import json

import numpy as np
import pytest
from amend_models import (
    CENTRES,
    DIM,
    EXACT,
    HEADS,
    INDEXES,
    LENGTH,
    NUM_CLASSES,
    answers,
    directions,
    save_model,
)

from xclass.classifiers.amend.change import BLOCK_CLASSES
from xclass.classifiers.amend.folder import amend_model
from xclass.classifiers.linear_server import LinearServer
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.classifiers.seal import seal
from xclass.classifiers.weights.bfloat16 import to_float32
from xclass.encoders.factory import load_encoder
from xclass.errors import ConfigError, ModelError

KINDS = pytest.mark.parametrize("kind", [*HEADS, *INDEXES])
NEW = directions(1, 7)
GONE = np.array([3, 17, 99, 100, 598])


def manifest_of(folder):
    return json.loads((folder / "model.json").read_text())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@KINDS
def test_a_new_class_is_found_by_its_vector_and_old_answers_stay(kind, tmp_path):
    model = save_model(kind, tmp_path / "model")
    before = contents(model)
    done = amend_model(model, tmp_path / "new", add=10 * NEW)
    assert list(done.added) == list(range(600, 607))
    assert contents(model) == before, "the old folder is only read"
    share = 1.0 if kind in EXACT else 0.7
    assert (answers(tmp_path / "new", NEW)[:, 0] == np.arange(600, 607)).mean() >= share
    old, new = answers(model, CENTRES), answers(tmp_path / "new", CENTRES)
    assert (old == new).mean() > 0.99
    assert sorted(contents(tmp_path / "new")) == sorted(before), "no map of ids where rows are ids"
    assert load_encoder(tmp_path / "new").dim == DIM


@KINDS
def test_a_dropped_class_is_never_answered_and_the_others_keep_their_ids(kind, tmp_path):
    model = save_model(kind, tmp_path / "model")
    done = amend_model(model, tmp_path / "new", drop=GONE[[4, 0, 2, 1, 3, 0]])
    assert (done.num_dropped, done.num_classes, list(done.added)) == (5, 595, [])
    everything = answers(tmp_path / "new", CENTRES[:50], 595)
    assert not np.isin(everything, GONE).any()
    kept = np.delete(np.arange(NUM_CLASSES), GONE)
    before, after = answers(model, CENTRES[kept])[:, 0], answers(tmp_path / "new", CENTRES[kept])[:, 0]
    unmoved = ~np.isin(before, GONE)
    assert (before == after)[unmoved].mean() > 0.99
    if kind in EXACT:
        np.testing.assert_array_equal(after, kept)


# PQ of 8 bits takes longest to train, and its rows are found as those of the others.
@pytest.mark.parametrize("kind", [kind for kind in (*HEADS, *INDEXES) if not kind.endswith("PQ8")])
def test_class_vectors_are_found_by_id_also_where_rows_were_dropped(kind, tmp_path):
    server = LinearServer(threads=1) if kind in HEADS else FaissServer(threads=1)
    server.load(save_model(kind, tmp_path / "model"))
    kept = np.array([0, 4, 101, 597, 599])
    before = server.class_vectors(kept)
    amend_model(tmp_path / "model", tmp_path / "amended", drop=GONE)
    server.load(tmp_path / "amended")
    np.testing.assert_array_equal(server.class_vectors(kept), before)
    assert before.dtype == np.float32
    if kind in EXACT:
        length = LENGTH if kind in HEADS else 1.0
        np.testing.assert_allclose(before, length * CENTRES[kept], atol=0.02 * length)


@KINDS
def test_add_then_drop_then_add(kind, tmp_path):
    """The ids of dropped classes, the newest ones too, are not given again."""
    model = save_model(kind, tmp_path / "0")
    amend_model(model, tmp_path / "1", add=NEW[:3])
    amend_model(tmp_path / "1", tmp_path / "2", drop=np.array([5, 601, 602]))
    done = amend_model(tmp_path / "2", tmp_path / "3", add=NEW[3:5])
    assert list(done.added) == [603, 604]
    done = amend_model(tmp_path / "3", tmp_path / "4", drop=np.array([0, 603]), add=NEW[5:])
    assert (list(done.added), done.num_classes) == ([605, 606], 602)
    last = tmp_path / "4"
    everything = answers(last, directions(3, 20), 602)
    expected = sorted({*range(607)} - {5, 601, 602, 0, 603})
    found = {int(row) for row in everything.ravel()} - {-1}
    assert found <= set(expected)
    if kind in EXACT:
        assert sorted(found) == expected
        np.testing.assert_array_equal(answers(last, NEW)[[0, 4, 5, 6], 0], [600, 604, 605, 606])
        np.testing.assert_array_equal(answers(last, CENTRES[6:])[:, 0], np.arange(6, 600))
    assert [step["first_added"] for step in manifest_of(last)["facts"]["amendments"]] == [600, None, 603, 605]


@pytest.mark.parametrize("kind", ["float32", "Flat"])
def test_dropping_the_last_classes_needs_no_map_but_their_ids_stay_taken(kind, tmp_path):
    model = save_model(kind, tmp_path / "model")
    amend_model(model, tmp_path / "a", drop=np.arange(590, 600))
    assert not (tmp_path / "a" / "classes.npy").exists()
    amend_model(tmp_path / "a", tmp_path / "b", add=NEW)
    np.testing.assert_array_equal(answers(tmp_path / "b", NEW)[:, 0], np.arange(600, 607))
    np.testing.assert_array_equal(np.load(tmp_path / "b" / "classes.npy")[[0, 589, 590]], [0, 589, 600])


@pytest.mark.parametrize("kind", HEADS)
def test_a_new_class_vector_of_a_head_has_the_median_length(kind, tmp_path):
    vectors = CENTRES * np.where(np.arange(NUM_CLASSES) % 3 == 0, 5.0, 1.0)[:, None].astype(np.float32)
    model = save_model(kind, tmp_path / "model", vectors=vectors)
    amend_model(model, tmp_path / "new", add=NEW.astype(np.float64) * 77)
    rows = np.load(tmp_path / "new" / "weights.npy")
    assert rows.dtype == (np.uint16 if kind == "bfloat16" else np.float32)
    values = to_float32(rows) if kind == "bfloat16" else rows
    np.testing.assert_allclose(values[600:], LENGTH * NEW, rtol=2**-7)
    np.testing.assert_array_equal(rows[:600], np.load(model / "weights.npy"))


def test_more_than_one_block_is_copied_whole(tmp_path):
    vectors = directions(5, 2 * BLOCK_CLASSES + 100)
    model = save_model("float32", tmp_path / "model", vectors=vectors)
    gone = np.array([0, BLOCK_CLASSES - 1, BLOCK_CLASSES, 2 * BLOCK_CLASSES + 99])
    new = directions(6, BLOCK_CLASSES + 1)
    amend_model(model, tmp_path / "new", drop=gone, add=new)
    rows = np.load(tmp_path / "new" / "weights.npy")
    expected = np.concatenate([np.delete(vectors, gone, axis=0), new]) * LENGTH
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    ids = np.load(tmp_path / "new" / "classes.npy")
    assert (np.diff(ids) > 0).all()
    assert ids[-1] == len(vectors) + len(new) - 1


@pytest.mark.parametrize("kind", ["Flat", "IVF8,SQ8", "HNSW16"])
def test_exact_vectors_beside_an_index_follow_its_rows(kind, tmp_path):
    model = save_model(kind, tmp_path / "model", has_exact_vectors=True)
    amend_model(model, tmp_path / "new", drop=GONE, add=3 * NEW)
    exact = np.load(tmp_path / "new" / "vectors.npy")
    assert exact.dtype == np.float16
    expected = np.concatenate([np.delete(CENTRES, GONE, axis=0), NEW])
    np.testing.assert_allclose(exact, expected, atol=1e-3)
    ids = np.load(tmp_path / "new" / "classes.npy")
    np.testing.assert_array_equal(ids, np.concatenate([np.delete(np.arange(600), GONE), np.arange(600, 607)]))


def test_vectors_of_an_l2_index_are_added_as_they_are(tmp_path):
    model = save_model("Flat", tmp_path / "model")
    text = (model / "model.json").read_text().replace('"normalise": true', '"normalise": false')
    (model / "model.json").write_text(text)
    seal(model)
    amend_model(model, tmp_path / "new", add=4 * NEW)
    server = FaissServer(threads=1)
    server.load(tmp_path / "new")
    np.testing.assert_allclose(server.search(NEW, 1).scores_QK[:, 0], 4, rtol=1e-5)


def test_held_bytes_count_the_ids(tmp_path):
    model = save_model("float32", tmp_path / "model")
    amend_model(model, tmp_path / "new", drop=GONE)
    server = LinearServer(threads=1)
    server.load(tmp_path / "new")
    assert server.held_bytes() == {"class vectors (mapped)": 4 * 595 * DIM, "class ids (mapped)": 8 * 595}


def test_an_index_finding_too_few_still_says_minus_one(tmp_path):
    model = save_model("IVF8,Flat", tmp_path / "model")
    amend_model(model, tmp_path / "new", drop=GONE)
    found = answers(tmp_path / "new", CENTRES[:5], 600)
    assert (found[:, 595:] == -1).all()
    assert (found[:, :595] >= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "nothing: allowed is at least one"),
        ({"drop": np.array([3, 600, -1])}, "--drop=-1,600: allowed is classes of this model: 600"),
        ({"drop": np.arange(599)}, "599 of 600 classes: allowed is what leaves at least 2"),
        ({"add": NEW[:, :5]}, "shape .7, 5.*one row of 16 values"),
        ({"add": NEW[0]}, "shape .16,"),
        ({"add": np.where(np.arange(7)[:, None] == 2, np.nan, NEW)}, "row 2: allowed is finite"),
        ({"add": NEW * (np.arange(7)[:, None] != 4)}, "row 4: allowed is finite"),
        ({"add": np.full((1, DIM), 1e300)}, "row 0: allowed is finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_what_cannot_be_done_is_refused_before_anything_is_written(change, message, tmp_path):
    model = save_model("float32", tmp_path / "model")
    with pytest.raises(ConfigError, match=message):
        amend_model(model, tmp_path / "new", **change)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_dropped_class_cannot_be_dropped_again(tmp_path):
    model = save_model("float32", tmp_path / "model")
    amend_model(model, tmp_path / "new", drop=GONE)
    with pytest.raises(ConfigError, match=r"--drop=17,98765: .* not there any more"):
        amend_model(tmp_path / "new", tmp_path / "other", drop=np.array([16, 17, 98765]))


def test_an_existing_folder_is_not_touched(tmp_path):
    model = save_model("float32", tmp_path / "model")
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "there", model):
        with pytest.raises(ConfigError, match="a folder that does not exist"):
            amend_model(model, out, drop=GONE)
    with pytest.raises(ConfigError, match=f"make {tmp_path / 'no'} first"):
        amend_model(model, tmp_path / "no" / "new", drop=GONE)


def test_a_file_that_is_not_known_is_not_carried_along(tmp_path):
    model = save_model("float32", tmp_path / "model")
    document = manifest_of(model)
    (model / "biases.npy").write_bytes(b"x")
    document["files"]["biases.npy"] = 1
    (model / "model.json").write_text(json.dumps(document))
    seal(model)
    with pytest.raises(ModelError, match=r"biases.npy: not a file that can be amended"):
        amend_model(model, tmp_path / "new", drop=GONE)


@pytest.mark.parametrize("kind", ["float32", "Flat"])
def test_a_damaged_map_of_ids_is_refused(kind, tmp_path):
    model = save_model(kind, tmp_path / "model")
    amend_model(model, tmp_path / "new", drop=GONE, add=NEW)
    path = tmp_path / "new" / "classes.npy"
    ids = np.load(path)
    for wrong in (ids + 10, ids.astype(np.float64)):
        np.save(path, wrong)
        with pytest.raises(ModelError, match=r"classes.npy: .*again"):
            answers(tmp_path / "new", NEW)


def test_what_fails_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    model = save_model("float32", tmp_path / "model")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xclass.classifiers.amend.folder.amend_class_ids", full)
    with pytest.raises(OSError, match="No space"):
        amend_model(model, tmp_path / "new", drop=GONE)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
