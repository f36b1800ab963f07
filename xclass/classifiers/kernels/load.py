"""Which implementation of the kernels this machine gets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import torch

from xclass.classifiers.kernels.base import Kernels
from xclass.classifiers.kernels.compiled import CompiledKernels
from xclass.classifiers.kernels.library import CompileError
from xclass.classifiers.kernels.plain import TorchKernels
from xclass.classifiers.kernels.sampled import CompiledSampledKernels, SampledKernels, TorchSampledKernels

_Kernels = TypeVar("_Kernels")


@cache
def load_kernels(device: str = "cpu") -> tuple[Kernels, str | None]:
    """Compiled kernels of the exact softmax, or plain torch where none can be had.

    Args:
        device: ``cpu``, or ``cuda`` (plain torch, which runs there).

    Returns:
        The kernels, and why they are not the compiled ones (None where they are).
    """
    return _load(device, CompiledKernels, TorchKernels)


@cache
def load_sampled_kernels(device: str = "cpu") -> tuple[SampledKernels, str | None]:
    """The same for the sampled softmax."""
    return _load(device, CompiledSampledKernels, TorchSampledKernels)


def kernel_facts(loaded: tuple[Kernels | SampledKernels, str | None]) -> dict[str, str]:
    """Facts for the record: which kernels ran, and why not the compiled ones."""
    kernels, reason = loaded
    return {"kernels": kernels.name} | ({"kernels_not_compiled": reason} if reason else {})


def _load(
    device: str, compiled: Callable[[], _Kernels], plain: Callable[[], _Kernels]
) -> tuple[_Kernels, str | None]:
    if torch.device(device).type != "cpu":
        return plain(), f"the compiled kernels are for the CPU, not {device}"
    try:
        return compiled(), None
    except CompileError as error:
        return plain(), str(error)
