"""The table of class vectors in each format and storage."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from xclass.classifiers.init import Init
from xclass.classifiers.weights import bfloat16
from xclass.classifiers.weights.config import Rounding, WeightDtype, WeightsConfig, WeightStorage
from xclass.classifiers.weights.rows import Bfloat16Rows
from xclass.classifiers.weights.table import allocate_class_vectors
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

C, D = 500, 12
SHAPE = ProblemShape(
    num_classes=C, dim=D, batch_size=32, scan_batch_size=64, num_queries=10, query_batch_size=5, top_k=5,
    threads=1,
)  # fmt: skip
FORMATS = pytest.mark.parametrize(
    ("dtype", "storage"), [(d, s) for d in WeightDtype for s in WeightStorage], ids=str
)


class Examples:
    """A feed of ten examples per class around distinct means."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.means = generator.standard_normal((C, D)).astype(np.float32)
        self.classes = generator.permutation(np.repeat(np.arange(C), 10))
        noise = generator.standard_normal((len(self.classes), D)).astype(np.float32)
        self.vectors = self.means[self.classes] + 0.1 * noise

    def scan(self):
        for start in range(0, len(self.classes), 64):
            yield self.vectors[start : start + 64], self.classes[start : start + 64]


def make(tmp_path, **settings):
    return allocate_class_vectors(WeightsConfig(folder=str(tmp_path), **settings), SHAPE)


def values_of(vectors):
    return vectors.tensor_CD.float().numpy()


@FORMATS
def test_means_are_taken_in_every_format(dtype, storage, tmp_path):
    expected = make(tmp_path)
    expected.start(Init.means, feed=Examples(), seed=0)
    vectors = make(tmp_path, dtype=dtype, storage=storage)
    facts = vectors.start(Init.means, feed=Examples(), seed=0)
    assert facts["init_examples"] == 10 * C
    tolerance = 0.0 if dtype is WeightDtype.float32 else 2**-7
    np.testing.assert_allclose(values_of(vectors), values_of(expected), rtol=0, atol=tolerance * 300)
    lengths = np.linalg.norm(values_of(vectors), axis=1)
    np.testing.assert_allclose(lengths, facts["init_scale"], rtol=1e-5 + tolerance)


def test_means_get_the_length_that_is_asked_for_and_keep_their_direction(tmp_path):
    long, short = make(tmp_path), make(tmp_path, init_length=20.0)
    long.start(Init.means, feed=Examples(), seed=0)
    assert short.start(Init.means, feed=Examples(), seed=0)["init_scale"] == 20.0
    np.testing.assert_allclose(np.linalg.norm(values_of(short), axis=1), 20.0, rtol=1e-5)
    directions = [values_of(v) / np.linalg.norm(values_of(v), axis=1)[:, None] for v in (long, short)]
    np.testing.assert_allclose(*directions, atol=1e-6)


@pytest.mark.parametrize("length", [-1.0, float("nan"), float("inf")])
def test_a_length_that_no_vector_has_is_refused(length):
    with pytest.raises(ConfigError, match=r"weights\.init_length"):
        WeightsConfig(init_length=length)


def test_sums_beyond_the_head_are_right_on_average(monkeypatch):
    """No class in the float32 head: every addition is rounded stochastically, and twelve examples add up."""
    monkeypatch.setattr("xclass.classifiers.weights.rows.HEAD_CLASSES", 0)
    bits = np.zeros((C, D), dtype=np.uint16)
    rows = Bfloat16Rows(bits, seed=0)
    for _ in range(12):
        rows.add(np.arange(C), np.full((C, D), 0.3, dtype=np.float32))
    sums = bfloat16.to_float32(bits)
    assert float(sums.mean()) == pytest.approx(3.6, rel=1e-3)
    assert float(sums.std()) < 2**-7 * 4


@FORMATS
def test_random_vectors_follow_the_seed_in_every_format(dtype, storage, tmp_path):
    first, second, third = (make(tmp_path, dtype=dtype, storage=storage) for _ in range(3))
    for vectors, seed in ((first, 1), (second, 1), (third, 2)):
        vectors.start(Init.random, feed=Examples(), seed=seed)
    np.testing.assert_array_equal(first.stored_CD, second.stored_CD)
    assert not np.array_equal(first.stored_CD, third.stored_CD)
    assert float(values_of(first).std()) == pytest.approx(D**-0.5, rel=0.05)


@FORMATS
def test_what_is_saved_is_what_is_held(dtype, storage, tmp_path):
    vectors = make(tmp_path, dtype=dtype, storage=storage)
    vectors.start(Init.random, feed=Examples(), seed=1)
    folder = tmp_path / "model"
    folder.mkdir()
    vectors.save(folder)
    saved = np.load(folder / "weights.npy", mmap_mode="r")
    assert saved.dtype == (np.float32 if dtype is WeightDtype.float32 else np.uint16)
    np.testing.assert_array_equal(saved, vectors.stored_CD)


def test_a_mapped_table_has_no_name_until_it_is_saved_and_is_not_copied_then(tmp_path):
    vectors = make(tmp_path, storage=WeightStorage.memmap)
    assert list(tmp_path.iterdir()) == []
    folder = tmp_path / "model"
    folder.mkdir()
    vectors.save(folder)
    assert (folder / "weights.npy").stat().st_ino == os.fstat(vectors.file._descriptor).st_ino


def test_a_mapped_table_on_another_file_system_is_copied(tmp_path):
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("one file system")
    vectors = allocate_class_vectors(WeightsConfig(folder="/dev/shm", storage=WeightStorage.memmap), SHAPE)
    vectors.start(Init.random, feed=Examples(), seed=1)
    vectors.save(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "weights.npy"), vectors.stored_CD)


def test_a_folder_that_cannot_hold_the_table_is_refused_by_key():
    with pytest.raises(ConfigError, match=r"weights\.folder=/proc"):
        allocate_class_vectors(WeightsConfig(folder="/proc", storage=WeightStorage.memmap), SHAPE)


def test_held_bytes_name_what_is_mapped_and_what_is_compensated(tmp_path):
    assert make(tmp_path, storage=WeightStorage.memmap).held_bytes() == {"class vectors (mapped)": 4 * C * D}
    low = make(tmp_path, dtype=WeightDtype.bfloat16, kahan_share=0.1)
    assert low.held_bytes() == {"class vectors": 2 * C * D, "rounding errors": 2 * C // 10 * D}
    assert low.lost_KD.dtype == torch.bfloat16
    for vectors, config in ((low, low.config),):
        assert config.memory_terms(SHAPE) == vectors.held_bytes()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_classes_is_a_share(share):
    with pytest.raises(ConfigError, match=r"weights\.kahan_share"):
        WeightsConfig(kahan_share=share)


def test_float32_carries_no_rounding_errors():
    assert WeightsConfig(kahan_share=0.5, rounding=Rounding.nearest).num_kahan_classes(100) == 0


def test_a_mapped_table_whose_rows_are_scattered_is_not_read_ahead(tmp_path):
    vectors = make(tmp_path, storage=WeightStorage.memmap)
    vectors.start(Init.random, feed=Examples(), seed=0)
    assert "rr" not in flags_of(vectors)
    vectors.expect_scattered_rows()
    assert "rr" in flags_of(vectors)  # VM_RAND_READ, man proc_pid_smaps(5)


def flags_of(vectors):
    address = vectors.stored_CD.ctypes.data
    is_inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            first, last = (int(word, 16) for word in words[0].split("-"))
            is_inside = first <= address < last
        elif is_inside and words[0] == "VmFlags:":
            return words[1:]
    raise AssertionError("not mapped")
