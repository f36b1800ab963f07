"""Which implementation of the kernels this machine gets."""

from __future__ import annotations

from functools import cache

import torch

from xclass.classifiers.kernels.base import Kernels
from xclass.classifiers.kernels.compiled import CompiledKernels, CompileError
from xclass.classifiers.kernels.plain import TorchKernels


@cache
def load_kernels(device: str = "cpu") -> tuple[Kernels, str | None]:
    """Compiled kernels, or plain torch where none can be had.

    Args:
        device: ``cpu``, or ``cuda`` (plain torch, which runs there).

    Returns:
        The kernels, and why they are not the compiled ones (None where they are).
    """
    if torch.device(device).type != "cpu":
        return TorchKernels(), f"the compiled kernels are for the CPU, not {device}"
    try:
        return CompiledKernels(), None
    except CompileError as error:
        return TorchKernels(), str(error)
