"""The fused kernels: right in every format, on average where they round at random, and replaceable."""

import os
import stat

import numpy as np
import pytest
import torch

from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.compiled import CompiledKernels
from xclass.classifiers.kernels.library import CompileError
from xclass.classifiers.kernels.plain import TorchKernels
from xclass.classifiers.weights import bfloat16

KERNELS = {"compiled": CompiledKernels, "torch": TorchKernels}
BOTH = pytest.mark.parametrize("kernels", [CompiledKernels(), TorchKernels()], ids=KERNELS)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 8e-3}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
# Narrower and wider than a tile, a tile exactly, a single value.
SIZES = pytest.mark.parametrize("size", [(1, 1), (5, 3), (32, 256), (70, 300), (33, 1000)], ids=str)


def logits_of(size, dtype, scale=5.0):
    return (torch.randn(size, generator=torch.Generator().manual_seed(1)) * scale).to(dtype)


def real_of(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def no_true_classes(dtype):
    return TrueClasses.one_each(torch.empty(0, dtype=torch.int64), real_of(dtype))


@BOTH
@DTYPES
@SIZES
def test_log_sum_exp_over_two_blocks(kernels, dtype, size):
    logits, real = logits_of(size, dtype), real_of(dtype)
    offsets = torch.linspace(-1, 2, size[0], dtype=real)
    maximum = torch.full((size[1],), torch.finfo(real).min, dtype=real)
    total = torch.zeros(size[1], dtype=torch.float64)
    before = logits.clone()
    kernels.exp_sum(logits, maximum, total)
    kernels.exp_sum(logits, maximum, total, offsets)
    assert torch.equal(logits, before)
    both = torch.cat((logits.double(), logits.double() - offsets.double()[:, None]))
    # What is summed is exact in its format: only the arithmetic errs.
    torch.testing.assert_close(
        maximum.double() + total.log(), both.logsumexp(0), rtol=1e-6 if real == torch.float32 else 1e-12,
        atol=3e-6 if real == torch.float32 else 1e-12,
    )  # fmt: skip


@BOTH
@DTYPES
@SIZES
def test_errors_of_softmax_and_sigmoid(kernels, dtype, size):
    real = real_of(dtype)
    start = 100
    rows = torch.arange(start, start + size[0])
    columns = torch.arange(size[0]) % size[1]
    true = TrueClasses(rows, columns, torch.full((size[0],), 0.5, dtype=real))
    logits = logits_of(size, dtype)
    maximum, log_total = logits.to(real).amax(0), torch.full((size[1],), 1.5, dtype=real)
    share = torch.zeros(size, dtype=torch.float64)
    share[rows - start, columns] = 0.5
    truth = torch.exp(logits.double() - maximum.double() - 1.5) - 0.25 - share
    ours = logits.clone()
    kernels.softmax_errors(ours, maximum, log_total, true, start=start, shift=0.25)
    torch.testing.assert_close(ours.double(), truth, rtol=TOLERANCE[dtype], atol=1e-7)
    shifted = logits.double() - 1.25
    losses = torch.zeros(size[1], dtype=torch.float64)
    ours = logits.clone()
    kernels.sigmoid_errors(ours, losses, true, start=start, offset=1.25)
    torch.testing.assert_close(ours.double(), shifted.sigmoid() - share, rtol=TOLERANCE[dtype], atol=1e-7)
    expected = torch.nn.functional.softplus(shifted).sum(0)
    torch.testing.assert_close(losses, expected, rtol=1e-6 if real == torch.float32 else 1e-12, atol=1e-6)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_would_underflow_is_tiny_and_never_denormal(kernels, dtype):
    logits = torch.tensor([[-50.0], [-90.0], [-1e4], [0.0]]).to(dtype)
    zero = torch.zeros(1)
    kernels.softmax_errors(logits, zero, zero, no_true_classes(dtype), start=0)
    values = logits.double().flatten()
    assert float(values[0]) == pytest.approx(np.exp(-50.0), rel=5e-3)
    assert (values[1:3] > 1.1e-38).all()
    assert (values[1:3] < 2e-38).all()
    assert float(values[3]) == 1.0


@BOTH
@DTYPES
def test_an_update_shrinks_and_steps(kernels, dtype):
    rows, gradient = logits_of((40, 7), dtype, 1.0), logits_of((40, 7), dtype, 0.3)
    expected = 0.9 * rows.double() - 0.25 * gradient.double()
    ours = rows.clone()
    kernels.update(ours, gradient, rate=0.25, decay=0.1, key=None)
    tolerance = 2**-8 if dtype == torch.bfloat16 else 1e-6
    torch.testing.assert_close(ours.double(), expected, rtol=tolerance, atol=1e-7)


@BOTH
def test_stochastic_rounding_is_right_on_average_where_nearest_never_moves(kernels):
    """A step of a sixteenth of a unit in the last place."""
    rows = torch.ones(1 << 16).bfloat16()
    gradient = torch.full_like(rows, -1.0)
    unit = 2.0**-7
    nearest = rows.clone()
    kernels.update(nearest, gradient, rate=unit / 16, decay=0.0, key=None)
    assert torch.equal(nearest, rows)
    means = []
    for key in range(20):
        moved = rows.clone()
        kernels.update(moved, gradient, rate=unit / 16, decay=0.0, key=key)
        assert set(moved.double().unique().tolist()) <= {1.0, 1.0 + unit}
        means.append(float(moved.double().mean()))
    # Share 1/16 of 20 * 65536 draws: standard error 0.0002 of a unit.
    assert (np.mean(means) - 1.0) / unit == pytest.approx(1 / 16, abs=0.001)
    assert len(set(means)) > 10, "keys draw differently"
    again = rows.clone()
    kernels.update(again, gradient, rate=unit / 16, decay=0.0, key=0)
    assert float(again.double().mean()) == means[0]


@BOTH
def test_kahan_summation_follows_steps_that_rounding_to_nearest_loses(kernels):
    rows, lost = torch.ones(16, 4).bfloat16(), torch.zeros(16, 4).bfloat16()
    gradient = torch.full_like(rows, -1.0)
    for _ in range(1000):
        kernels.update_kahan(rows, gradient, lost, rate=1e-3, decay=0.0)
    torch.testing.assert_close(rows.double(), torch.full((16, 4), 2.0).double(), rtol=5e-3, atol=0)


def test_both_formats_of_bfloat16_agree_with_torch():
    values = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    ours = bfloat16.round_nearest(values)
    theirs = torch.from_numpy(values).bfloat16()
    np.testing.assert_array_equal(bfloat16.to_float32(ours), theirs.float().numpy())
    drawn = np.mean(
        [
            bfloat16.to_float32(bfloat16.round_stochastic(values, np.random.default_rng(seed)))
            for seed in range(200)
        ],
        axis=0,
    )
    assert abs((drawn - values) / np.abs(values)).mean() < 2**-8 / 200**0.5


def compiled_with(tmp_path, monkeypatch, script):
    """Kernels made with a compiler of this text, and nothing else on the PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    if script is not None:
        compiler = tools / "cc"
        compiler.write_text(script)
        compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tools))
    return CompiledKernels(tmp_path / "cache")


def test_without_a_compiler_the_reason_is_said(tmp_path, monkeypatch):
    with pytest.raises(CompileError, match="no C compiler"):
        compiled_with(tmp_path, monkeypatch, None)


def test_a_compiler_that_fails_leaves_nothing_and_its_last_words(tmp_path, monkeypatch):
    with pytest.raises(CompileError, match="no such header"):
        compiled_with(tmp_path, monkeypatch, "#!/bin/sh\necho no such header >&2\nexit 1\n")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_reason_not_a_crash(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CompileError, match="file"):
        CompiledKernels(tmp_path / "file" / "cache")


def test_the_second_process_takes_what_the_first_compiled(tmp_path):
    CompiledKernels(tmp_path)
    (made,) = tmp_path.iterdir()
    before = made.stat().st_mtime_ns
    os.utime(tmp_path, None)
    CompiledKernels(tmp_path)
    assert made.stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [made]
