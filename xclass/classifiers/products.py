"""Matrix products of the heads: one thread each, in the library that is fastest on this processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")

Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object]
"""(left, right, out): ``out = left @ right``; either factor may be a transposed view."""


def choose_product(dtype: torch.dtype, device: str = "cpu") -> tuple[Product, str]:
    """The faster library for products of this dtype, and its name for the record.

    torch's wheels bring MKL, which takes AVX2 code on processors that are not Intel's: 105 GFLOP/s on one
    core of a Zen 5, where the OpenBLAS in numpy's wheels makes 220 (AVX-512). bfloat16 products are torch's
    (oneDNN: 450 GFLOP/s there, accumulated in float32); numpy has none.
    """
    is_real = dtype in (torch.float32, torch.float64) and torch.device(device).type == "cpu"
    if is_real and torch.backends.mkl.is_available() and not _is_intel():  # type: ignore[no-untyped-call]
        return _numpy_product, "numpy"
    return _torch_product, "torch"


def _numpy_product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
    np.matmul(left.numpy(), right.numpy(), out=out.numpy())


def _torch_product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
    torch.mm(left, right, out=out)


def _is_intel() -> bool:
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Every product runs on the thread that asks for it, in both libraries, until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


class Team:
    """Threads that each work on a part of the classes with products of their own.

    Between two barriers a thread keeps its block in its own cache; handing every single product to all
    threads costs a barrier each and moves the block from cache to cache.
    """

    def __init__(self, threads: int) -> None:
        """Start the threads; with one, the caller's own is used."""
        # In torch the number of threads belongs to the thread that asks.
        self._pool = None
        if threads > 1:
            self._pool = ThreadPoolExecutor(threads, "head", torch.set_num_threads, (1,))

    def each(self, work: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
        """Results in the order of the parts; the first exception is raised when all have ended."""
        if self._pool is None:
            return [work(part) for part in parts]
        return list(self._pool.map(work, parts))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
