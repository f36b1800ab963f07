"""Heads on one to four ranks: same results, own classes only, checkpoints that any number of them opens."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rank_problems as problems
import torch

from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig, Loss
from xclass.classifiers.device import Device
from xclass.classifiers.kernels.compiled import CompiledKernels
from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.ranks.checkpoints import newest_checkpoint, remove_checkpoints
from xclass.classifiers.ranks.keeper import Checkpoints, open_keeper
from xclass.classifiers.ranks.ranks import SINGLE_RANK, own_classes
from xclass.classifiers.ranks.traffic import reduce_bytes, step_bytes
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig
from xclass.classifiers.sampled_softmax.memory import num_found
from xclass.classifiers.seal import seal
from xclass.classifiers.weights.config import Rounding, WeightDtype, WeightsConfig, WeightStorage
from xclass.errors import ConfigError, ModelError
from xclass.shapes import ProblemShape

CHILD = Path(__file__).parent / "children" / "in_ranks.py"
SIZES = pytest.mark.parametrize("size", [2, 4])
METHODS = pytest.mark.parametrize("method", list(problems.FITS))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """What four real processes left (children/in_ranks.py), in a network namespace where one can be had."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, str(CHILD), str(folder)]
    has_namespaces = (
        subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode == 0
    )
    if has_namespaces:
        command = ["unshare", "-Urn", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert (folder / "codes.json").exists(), done.stderr
    assert json.loads((folder / "codes.json").read_text()) == [0, 0, 0, -9], done.stderr
    return folder


@pytest.fixture(scope="module")
def found(out):
    """Callable: number of ranks -> what each of them found."""

    def read(path):
        with np.load(path) as file:
            return dict(file)

    return lambda size: [read(out / f"{size}-{rank}.npz") for rank in range(size)]


def assert_same(ranks, name, alone, *, is_sliced, **tolerance):
    """What ranks found of one thing: slices of it, or all of it, each."""
    parts = [found[name] for found in ranks]
    if is_sliced:
        assert max(map(len, parts)) <= -(-len(alone) // len(parts)), "a rank has more than its slice"
        np.testing.assert_allclose(np.concatenate(parts), alone, err_msg=name, **tolerance)
        return
    for part in parts:
        np.testing.assert_allclose(part, alone, err_msg=name, **tolerance)
        np.testing.assert_array_equal(part, parts[0], err_msg=f"{name}: ranks differ")


@SIZES
@pytest.mark.parametrize("name", list(problems.DENSE))
def test_the_exact_softmax_of_several_ranks_is_that_of_one(found, size, name):
    for key, value in problems.dense(SINGLE_RANK, name).items():
        assert_same(
            found(size), f"dense/{name}/{key}", value.numpy(), is_sliced=key == "weights",
            rtol=1e-12, atol=1e-12,
        )  # fmt: skip


@SIZES
@pytest.mark.parametrize("name", problems.SAMPLED)
def test_the_sampled_softmax_of_several_ranks_is_that_of_one(found, size, name):
    for key, value in problems.sampled(SINGLE_RANK, name).items():
        assert_same(
            found(size), f"sampled/{name}/{key}", value.numpy(), is_sliced=key in ("weights", "row_state"),
            rtol=1e-12, atol=1e-12,
        )  # fmt: skip


@METHODS
@SIZES
def test_a_fit_with_its_encoder_ends_at_the_same_model(found, out, tmp_path, size, method):
    """Class means, steps and saving; float32, so that the order of sums shows in the last digits."""
    classifier, encoder, report = problems.fit(method)
    classifier.save(tmp_path)
    ranks = found(size)
    assert {int(rank[f"fit/{method}/steps"]) for rank in ranks} == {report.facts["steps"], problems.FIT_STEPS}
    tolerance = {"rtol": 2e-5, "atol": 2e-5}
    table = encoder.trained_arrays()["encoder_table"]
    assert_same(ranks, f"fit/{method}/table", table, is_sliced=False, **tolerance)
    saved = out / f"model-{method}-{size}"
    ours, alone = (np.load(folder / "weights.npy") for folder in (saved, tmp_path))
    np.testing.assert_allclose(ours, alone, **tolerance)
    seal(saved)
    assert OpenedModel(saved, threads=1).num_classes == problems.NUM_CLASSES


@METHODS
@SIZES
def test_a_rank_holds_its_slice_and_no_more(found, size, method):
    held = [int(rank[f"fit/{method}/held"]) for rank in found(size)]
    classifier, _, _ = problems.fit(method)
    alone = sum(classifier.held_bytes().values())
    assert sum(held) == alone
    assert max(held) <= -(-problems.NUM_CLASSES // size) * alone // problems.NUM_CLASSES


def test_no_operation_of_a_rank_makes_what_is_as_large_as_all_weights_or_all_logits(out):
    """Its slice of 40 000 x 16 floats; all logits of 64 examples would be sixteen times as large."""
    for rank in range(4):
        assert json.loads((out / f"largest-{rank}.json").read_text()) == 4 * 10_000 * 16


@SIZES
def test_ranks_of_unequal_speed_take_the_same_steps_and_end_together(found, size):
    shares = [rank["clock/shares"] for rank in found(size)]
    assert len(shares[0]) > 5
    for share in shares:
        np.testing.assert_array_equal(share, shares[0])


@pytest.mark.parametrize("name", list(problems.KEPT))
def test_what_four_ranks_saved_three_and_one_open_bit_for_bit(found, out, name):
    checkpoint = newest_checkpoint(out / f"checkpoints-{name}", SINGLE_RANK)
    assert checkpoint.name == "step-000000000007"
    checkpoints = Checkpoints(folder=checkpoint.parent, every_seconds=1e9)
    classifier, encoder, report = problems.fit(name, checkpoints=checkpoints, steps=7)
    assert report.facts["steps"] == 7, "it had nothing left to do"
    opened = problems.arrays(classifier, encoder)
    files = {path.stem for path in checkpoint.glob("*.npy")} - {"streaming_gap", "streaming_last"}
    assert set(opened) == files, "nothing is left out"
    for stem, values in opened.items():
        saved = np.load(checkpoint / f"{stem}.npy")
        np.testing.assert_array_equal(values, saved, err_msg=stem)
        assert np.any(saved), stem
        three = [rank[f"{name}/7/{stem}"] for rank in found(3)]
        for part in three if stem.startswith("encoder_") else [np.concatenate(three)]:
            np.testing.assert_array_equal(part, saved, err_msg=stem)


@METHODS
def test_going_on_on_three_ranks_ends_where_an_uninterrupted_fit_ends(found, method):
    classifier, encoder, _ = problems.fit(method)
    three, tolerance = found(3), {"rtol": 2e-5, "atol": 2e-5}
    name = f"{method}/{problems.FIT_STEPS}"
    assert_same(three, f"{name}/weights", classifier._vectors.stored_CD, is_sliced=True, **tolerance)
    table = encoder.trained_arrays()["encoder_table"]
    assert_same(three, f"{name}/encoder_table", table, is_sliced=False, **tolerance)
    if method == "sampled_softmax":
        state = classifier._state_C.numpy()
        assert_same(three, f"{name}/row_state", state, is_sliced=True, **tolerance)


@pytest.mark.parametrize("name", list(problems.KEPT))
def test_going_on_in_one_process_is_bit_equal_to_never_having_stopped(tmp_path, name):
    whole = problems.arrays(*problems.fit(name)[:2])
    checkpoints = Checkpoints(folder=tmp_path, every_seconds=0.0)
    problems.fit(name, checkpoints=checkpoints, steps=5)
    again, encoder, report = problems.fit(name, checkpoints=checkpoints)
    assert report.facts["went_on_from"] == "step-000000000005"
    for stem, values in problems.arrays(again, encoder).items():
        np.testing.assert_array_equal(values, whole[stem], err_msg=stem)
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{problems.FIT_STEPS:012d}"], "one is kept"


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    mine = Checkpoints(folder=tmp_path, every_seconds=0.0, data="synthetic")
    problems.fit("dense_softmax", checkpoints=mine, steps=1)
    with pytest.raises(ModelError, match="a checkpoint with data=synthetic, not lemmas; "):
        problems.fit("dense_softmax", checkpoints=replace(mine, data="lemmas"), steps=2)


def test_only_checkpoints_are_deleted_of_a_folder_that_holds_more(tmp_path):
    for name in ("step-000000000004", ".partial", "step-by-step"):
        (tmp_path / name).mkdir()
    remove_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-by-step"]
    (tmp_path / "step-by-step").rmdir()
    remove_checkpoints(tmp_path)
    assert not tmp_path.exists()


def test_a_mapped_table_is_kept_and_taken_back_too(tmp_path):
    (files := tmp_path / "files").mkdir()
    mapped = {"storage": WeightStorage.memmap, "folder": str(files)}
    checkpoints = Checkpoints(folder=tmp_path / "checkpoints", every_seconds=0.0)
    problems.fit("dense_softmax", checkpoints=checkpoints, steps=5, **mapped)
    again = problems.fit("dense_softmax", checkpoints=checkpoints, **mapped)[0]
    whole = problems.fit("dense_softmax")[0]
    np.testing.assert_array_equal(again._vectors.stored_CD, whole._vectors.stored_CD)


def test_checkpoints_of_a_gpu_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="device=cuda: allowed is cpu with checkpoints; "):
        open_keeper(
            Checkpoints(folder=tmp_path, every_seconds=1.0), encoder=None, feed=None, ranks=SINGLE_RANK,
            device=Device.cuda,
        )  # fmt: skip


@METHODS
def test_a_checkpoint_is_a_model_that_can_be_served_once_it_is_sealed(out, tmp_path, method):
    folder = tmp_path / "model"
    shutil.copytree(newest_checkpoint(out / f"checkpoints-{method}", SINGLE_RANK), folder)
    seal(folder)
    model = OpenedModel(folder, threads=1)
    batch = problems.TinySource().scan_batch(0, 95)
    answers = model.answer(batch.inputs, 1)
    assert (answers.classes_QK[:, 0] == batch.classes_B).mean() > 0.3


def test_a_rank_that_is_killed_while_writing_leaves_the_checkpoint_before(out):
    folder = out / "checkpoints-of-the-killed"
    assert sorted(path.name for path in folder.iterdir()) == [".partial", "step-000000000003"]
    checkpoints = Checkpoints(folder=folder, every_seconds=1e9)
    assert problems.fit("dense_softmax", checkpoints=checkpoints, steps=9)[2].facts["steps"] == 9


def test_a_rank_that_waits_for_another_in_vain_says_that_its_time_is_over(out):
    text = json.loads((out / "waited.json").read_text())
    assert text.startswith("rank 0 of 2: a reduction failed, because another rank is gone or hangs (")


def test_the_others_end_at_once_and_say_in_one_line_that_a_rank_is_gone(out):
    for rank in range(3):
        text, seconds = json.loads((out / f"lost-{rank}.json").read_text())
        assert text.startswith(f"rank {rank} of 4: a barrier failed, because another rank is gone or hangs (")
        assert "\n" not in text
        assert seconds < 20


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("weights.npy", lambda data: data[:-8], "weights.npy: not "),
        ("row_state.npy", None, "row_state.npy: No such file"),
        ("checkpoint.json", lambda data: data[:40], "checkpoint.json: not a readable checkpoint"),
        ("checkpoint.json", lambda data: data.replace(b'"seed": 4', b'"seed": 5'), "seed=5, not 4"),
        ("weights.npy", lambda data: data.replace(b"(37, 6)", b"(36, 6)"), "of shape (36, 6), not"),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_refused_by_name(tmp_path, file, change, words):
    checkpoints = Checkpoints(folder=tmp_path, every_seconds=0.0)
    problems.fit("sampled_softmax", checkpoints=checkpoints, steps=2)
    path = newest_checkpoint(tmp_path, SINGLE_RANK) / file
    data = path.read_bytes()
    path.unlink()
    if change is not None:
        assert change(data) != data
        path.write_bytes(change(data))
    with pytest.raises(ModelError) as caught:
        problems.fit("sampled_softmax", checkpoints=checkpoints, steps=3)
    assert words in str(caught.value)
    assert "remove" in str(caught.value)


def test_bytes_of_a_step_are_the_closed_form_and_the_kernel_counts_little_more(out):
    """Four ranks; the kernel's own counter has the headers, acknowledgements and framing in it besides."""
    traffic = json.loads((out / "traffic.json").read_text())
    shape = ProblemShape(
        num_classes=200, dim=64, batch_size=510, scan_batch_size=1, num_queries=1, query_batch_size=1,
        top_k=1, threads=1,
    )  # fmt: skip
    settings = {
        "softmax": DenseSoftmaxConfig(),
        "smoothed": DenseSoftmaxConfig(label_smoothing=0.1),
        "one_vs_all": DenseSoftmaxConfig(loss=Loss.one_vs_all),
    }
    for name, config in settings.items():
        expected = config.traffic_bytes(shape, 4, is_trained=True)
        assert traffic[name]["counted"] == expected, name
        if traffic["has_namespace"]:
            assert expected <= traffic[name]["kernel"] < 1.15 * expected, name


def test_one_rank_exchanges_nothing():
    shape = problems.SHAPE
    assert step_bytes(shape, 1, num_sums=2, has_maximum=True, is_trained=True) == 0
    assert reduce_bytes(1, 10**9) == 0
    for config in problems.FITS.values():
        assert config.traffic_bytes(shape, 1, is_trained=True) == 0


@SIZES
def test_hard_negatives_exchange_what_each_rank_finds(found, size):
    """In closed form and counted: 16 neighbours of 2 examples, a float and a 64-bit class each."""
    shape = replace(problems.SHAPE, batch_size=problems.BATCH)
    plain, hard = SampledSoftmaxConfig(), SampledSoftmaxConfig(num_hard=16)
    more = hard.traffic_bytes(shape, size) - plain.traffic_bytes(shape, size)
    assert num_found(hard, shape.batch_size) == 16
    assert more == size * (size - 1) * 16 * (4 + 8)
    for rank in found(size):
        counted = rank["sampled/hard/traffic"] - rank["sampled/log_uniform/traffic"]
        assert counted == problems.STEPS * more


def test_more_ranks_than_classes_are_refused():
    class Five:
        rank, size = 0, 5

    with pytest.raises(ConfigError, match=r"ranks=5: allowed is 1 to 4, the number of classes"):
        own_classes(Five(), 4)


def test_stochastic_rounding_draws_by_the_place_among_all_classes():
    """So that it does not matter to which block, thread or rank a class belongs."""
    generator = torch.Generator().manual_seed(0)
    rows, gradient = (torch.randn(50, 8, generator=generator).bfloat16() for _ in range(2))
    whole, parts = rows.clone(), rows.clone()
    kernels = CompiledKernels()
    kernels.update(whole, gradient, rate=0.01, decay=0.0, key=7)
    for start, stop in ((0, 13), (13, 50)):
        kernels.update(parts[start:stop], gradient[start:stop], rate=0.01, decay=0.0, key=7, place=start * 8)
    assert torch.equal(whole, parts)
    other = rows.clone()
    kernels.update(other, gradient, rate=0.01, decay=0.0, key=7, place=8)
    assert not torch.equal(whole, other)


@pytest.mark.parametrize("method", list(problems.FITS))
def test_a_rank_needs_about_its_share_in_closed_form(method):
    """C = 5e6, D = 128 on four ranks: a quarter of the class vectors and what every rank has besides."""
    shape = ProblemShape(
        num_classes=5_000_000, dim=128, batch_size=512, scan_batch_size=8192, num_queries=1,
        query_batch_size=1, top_k=1, threads=1, num_examples=10**8,
    )  # fmt: skip
    config = type(problems.FITS[method])()
    whole, quarter = config.memory_law(shape).peak, config.rank_law(shape, 4).peak
    assert quarter.components["class vectors"] * 4 == whole.components["class vectors"]
    assert whole.total_bytes / 4 < quarter.total_bytes < whole.total_bytes / 4 + (64 << 20)


def test_the_first_rank_may_keep_all_rounding_errors():
    shape = problems.SHAPE
    weights = WeightsConfig(dtype=WeightDtype.bfloat16, kahan_share=0.5, rounding=Rounding.nearest)
    law = DenseSoftmaxConfig().rank_law(shape, 4, weights=weights).peak
    assert law.components["rounding errors"] == 2 * 10 * problems.DIM, "10 of 18 classes are its own"
