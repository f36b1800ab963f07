"""data=embeddings: all formats give the same vectors, dim comes from the file, damaged files are refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from xclass.config import RunConfig
from xclass.data.embeddings.config import EmbeddingsConfig
from xclass.data.embeddings.entry import open_source, prepare
from xclass.errors import ConfigError, DataError

N, D, NUM_CLASSES = 700, 12, 30
rng = np.random.default_rng(0)
VECTORS = rng.normal(size=(N, D)).astype(np.float32) * 5
VECTORS[7] = 0
CLASSES = 1000 + (NUM_CLASSES * rng.random(N) ** 2).astype(np.int64)
PAIRS = np.stack([CLASSES, np.where(np.arange(N) % 3 == 0, 1000 + np.arange(N) % NUM_CLASSES, -1)], axis=1)
FORMATS = ["npy", "safetensors", "fixed_parquet", "list_parquet", "text"]


def lists(classes):
    return [sorted({int(c) for c in np.atleast_1d(row) if c >= 0}) for row in classes]


def write(folder, kind, vectors=VECTORS, classes=CLASSES, *, stem="train"):
    """Files of a format; the settings that name them."""
    prefix = "" if stem == "train" else "test_"
    if kind in ("npy", "text"):
        path, classes_path = folder / f"{stem}.npy", folder / f"{stem}_classes.{kind}"
        np.save(path, vectors)
        if kind == "npy":
            np.save(classes_path, classes)
        else:
            classes_path.write_text("".join(",".join(map(str, row)) + "\n" for row in lists(classes)))
        return {f"{prefix}path": str(path), f"{prefix}classes_path": str(classes_path)}
    if kind == "safetensors":
        path = folder / f"{stem}.safetensors"
        save_file({"vectors": vectors, "classes": classes, "scale": np.ones(3, np.float32)}, path)
        return {f"{prefix}path": str(path)}
    path, flat = folder / f"{stem}.parquet", pa.array(vectors.ravel())
    column = (
        pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        if kind == "fixed_parquet"
        else pa.array([row.tolist() for row in vectors], pa.list_(pa.float32()))
    )
    held = pa.array(lists(classes)) if classes.ndim == 2 else pa.array(classes)
    pq.write_table(pa.table({"name": ["a"] * len(vectors), "v": column, "c": held}), path, row_group_size=97)
    return {f"{prefix}path": str(path)}


def opened(folder, *, num_classes=None, **settings):
    config = EmbeddingsConfig(cache=str(folder / "cache"), **settings)
    facts = prepare(config, num_classes=num_classes, dim=D, seed=0, progress=lambda *_: None)
    return open_source(config, num_classes=facts["num_classes"], dim=D, seed=0, facts=facts), facts


def rows(source, batch):
    """Set of (vector, classes as numbered in the file)."""
    sets = batch.sets
    return {
        (
            batch.inputs[i].tobytes(),
            tuple(
                sorted(
                    int(source.class_name(c).removeprefix("class "))
                    for c in sets.classes[sets.starts[i] : sets.starts[i + 1]]
                )
            ),
        )
        for i in range(len(batch))
    }


def expected(vectors, classes):
    return {(vectors[i].tobytes(), tuple(row)) for i, row in enumerate(lists(classes))}


@pytest.mark.parametrize("classes", [CLASSES, PAIRS], ids=["one class", "several"])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_every_vector_with_its_classes(tmp_path, kind, classes):
    settings = write(tmp_path, kind, classes=classes)
    source, facts = opened(tmp_path, unit_length=False, **settings)
    train, test = source.example_batch(0, source.num_examples), source.queries(10**6, seed=0)
    assert train.inputs.dtype == np.float32
    assert rows(source, train) | rows(source, test) == expected(VECTORS, classes)
    assert len(train) + len(test) == N
    assert 0.04 < len(test) / N < 0.17
    assert (facts["dim"], facts["num_zero_vectors"]) == (D, 1)
    sums = np.bincount(source.train_batch(0, 0, source.num_train).classes_B)
    assert sums.tolist() == source.class_counts().tolist()


def test_all_formats_are_split_alike(tmp_path):
    held_out = []
    for kind in FORMATS:
        source, _ = opened(tmp_path, unit_length=False, **write(tmp_path, kind))
        held_out.append(rows(source, source.queries(10**6, seed=0)))
    assert held_out[0]
    assert all(found == held_out[0] for found in held_out)


@pytest.mark.parametrize("kind", FORMATS)
def test_files_of_training_and_of_test_are_told_apart(tmp_path, kind):
    settings = write(tmp_path, kind, VECTORS[:500], CLASSES[:500])
    settings |= write(tmp_path, kind, VECTORS[500:], CLASSES[500:], stem="test")
    source, facts = opened(tmp_path, unit_length=False, **settings)
    assert rows(source, source.example_batch(0, source.num_examples)) == expected(
        VECTORS[:500], CLASSES[:500]
    )
    assert rows(source, source.queries(500, seed=1)) == expected(VECTORS[500:], CLASSES[500:])
    assert facts["split"] == "as the files have it"


def test_vectors_have_length_1_unless_it_is_declined(tmp_path):
    settings = write(tmp_path, "npy")
    source, _ = opened(tmp_path, **settings)
    lengths = np.linalg.norm(source.example_batch(0, source.num_examples).inputs, axis=1)
    assert np.count_nonzero(lengths) >= len(lengths) - 1
    np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)
    plain, _ = opened(tmp_path, unit_length=False, **settings)
    assert plain.example_batch(0, 50).inputs.max() > 1


@pytest.mark.parametrize("kind", ["float16", "float64", "bfloat16"])
def test_other_precisions_are_read_as_float32(tmp_path, kind):
    settings = write(tmp_path, "safetensors")
    path = Path(settings["path"])
    stored = VECTORS.view(np.uint32) & np.uint32(0xFFFF0000) if kind == "bfloat16" else VECTORS.astype(kind)
    wanted = stored.view(np.float32) if kind == "bfloat16" else stored.astype(np.float32)
    if kind == "bfloat16":
        # numpy has no such type: written as uint16, then named what it is.
        save_file({"v": (stored >> np.uint32(16)).astype(np.uint16), "c": CLASSES}, path)
        document = path.read_bytes()
        assert document.count(b'"U16"') == 1
        length = int.from_bytes(document[:8], "little")
        header = json.loads(document[8 : 8 + length])
        header["v"]["dtype"] = "BF16"
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + document[8 + length :])
    else:
        save_file({"v": stored, "c": CLASSES}, path)
    source, _ = opened(tmp_path, unit_length=False, **settings)
    found = rows(source, source.example_batch(0, source.num_examples))
    assert found <= expected(wanted, CLASSES)
    assert len(found) == source.num_examples


def test_dim_is_that_of_the_vectors_and_another_is_refused(tmp_path):
    settings = write(tmp_path, "npy")
    assert RunConfig(data=EmbeddingsConfig(**settings)).dim == D
    assert RunConfig(data=EmbeddingsConfig(**settings), dim=9).dim == 9, "a record needs no file"
    with pytest.raises(ConfigError, match=f"dim=9: allowed is {D} with .*train.npy"):
        prepare(
            EmbeddingsConfig(cache=str(tmp_path / "cache"), **settings),
            num_classes=None, dim=9, seed=0, progress=print,
        )  # fmt: skip
    assert RunConfig().dim == RunConfig(data=EmbeddingsConfig()).dim == 64


def test_parquet_says_its_dim_once_it_was_converted(tmp_path):
    settings = write(tmp_path, "list_parquet") | {"cache": str(tmp_path / "cache")}
    with pytest.raises(ConfigError, match=r"dim=0: .* which Parquet does not say"):
        RunConfig(data=EmbeddingsConfig(**settings))
    with pytest.raises(DataError, match=r"train.parquet: row 0: a vector of 12 numbers, and dim=13"):
        prepare(EmbeddingsConfig(**settings), num_classes=None, dim=13, seed=0, progress=lambda *_: None)
    prepare(EmbeddingsConfig(**settings), num_classes=None, dim=D, seed=0, progress=lambda *_: None)
    assert RunConfig(data=EmbeddingsConfig(**settings)).dim == D


def bad_vector(value):
    vectors = VECTORS.copy()
    vectors[612, 3] = value
    return vectors


@pytest.mark.parametrize(
    ("kind", "vectors", "classes", "message"),
    [
        ("npy", bad_vector(np.nan), CLASSES, "train.npy: row 612: a vector with nan or infinity"),
        (
            "list_parquet",
            bad_vector(np.inf),
            CLASSES,
            "train.parquet: row 612: a vector with nan or infinity",
        ),
        ("npy", VECTORS, CLASSES[:-1], "train_classes.npy: classes of 699 rows, but "),
        ("npy", VECTORS, CLASSES * 0.5, "train_classes.npy: 0 arrays with classes (whole numbers)"),
        ("npy", VECTORS, np.zeros(N, np.int64), "train.npy: 1 classes with training examples"),
        ("npy", VECTORS[0], CLASSES, "train.npy: 0 arrays with vectors"),
        ("npy", np.asfortranarray(VECTORS), CLASSES, "train.npy: column after column (Fortran order)"),
        ("npy", VECTORS.astype(">f4"), CLASSES, "train.npy: numbers of type >f4"),
    ],
    ids=["nan", "infinity", "rows", "kind of classes", "one class", "one dimension", "Fortran", "big-endian"],
)
def test_what_cannot_be_meant_is_refused_by_file_and_row(tmp_path, kind, vectors, classes, message):
    settings = write(tmp_path, kind, vectors, classes)
    with pytest.raises(DataError) as caught:
        opened(tmp_path, **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("kind", ["npy", "safetensors", "list_parquet"])
def test_a_file_that_is_cut_short_is_refused(tmp_path, kind):
    settings = write(tmp_path, kind)
    path = Path(settings["path"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"{path.name}: .*cut short"):
        opened(tmp_path, **settings)


def test_a_line_of_classes_that_is_none_is_named(tmp_path):
    settings = write(tmp_path, "text")
    path = Path(settings["classes_path"])
    path.write_text(path.read_text().replace("\n", "\nshoes\n", 1))
    with pytest.raises(DataError, match=r"train_classes.text:2: 'shoes' is no class number; a line holds"):
        opened(tmp_path, **settings)


def test_a_column_is_chosen_by_name_where_several_fit(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": VECTORS, "b": VECTORS + 1, "c": CLASSES}, path)
    with pytest.raises(DataError, match=r"2 arrays with vectors .*; it holds .*data.vector_column="):
        opened(tmp_path, path=str(path))
    source, _ = opened(tmp_path, path=str(path), vector_column="b", unit_length=False)
    assert rows(source, source.queries(1000, seed=0)) <= expected(VECTORS + 1, CLASSES)


def test_a_file_that_changed_after_it_was_prepared_is_not_read(tmp_path):
    settings = write(tmp_path, "npy")
    _, facts = opened(tmp_path, **settings)
    np.save(settings["path"], VECTORS[::-1])
    config = EmbeddingsConfig(cache=str(tmp_path / "cache"), **settings)
    with pytest.raises(DataError, match=r"train.npy: it changed after it was prepared; run again"):
        open_source(config, num_classes=NUM_CLASSES, dim=D, seed=0, facts=facts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "a.csv"}, "allowed is a file .npy, .safetensors, .parquet"),
        ({"path": "a.npy"}, "data.classes_path=null: allowed is a file with the class number of each row"),
        ({"path": "a.parquet", "test_path": "b.npy"}, "data.test_classes_path=null"),
        ({"path": "a.parquet", "test_classes_path": "b.txt"}, "null without data.test_path"),
        ({"path": "a.parquet", "test_path": "a.parquet"}, "another file than data.path"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        EmbeddingsConfig(**settings)
    assert message in str(caught.value)
