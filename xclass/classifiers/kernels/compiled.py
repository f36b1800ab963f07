"""The kernels of the exact softmax as C."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.library import load_library

_SOURCES = ("kernels.c", "block.h")
_SUFFIX = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}
_REAL = {
    torch.float32: ctypes.c_float,
    torch.bfloat16: ctypes.c_float,
    torch.float64: ctypes.c_double,
}
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_ssize_t


class CompiledKernels:
    """A :class:`xclass.classifiers.kernels.base.Kernels` in C; each call releases the interpreter lock."""

    name = "compiled"

    def __init__(self, cache: Path | None = None) -> None:
        """Compile, or take what was compiled before.

        Args:
            cache: folder of the compiled file; None: ``$XDG_CACHE_HOME/xclass`` or ``~/.cache/xclass``.

        Raises:
            CompileError: no compiler, or one that cannot compile this.
        """
        self._library = load_library(_SOURCES, cache)

    def exp_sum(
        self,
        logits_PB: torch.Tensor,
        maximum_B: torch.Tensor,
        total_B: torch.Tensor,
        offsets_P: torch.Tensor | None = None,
    ) -> None:
        """Take a block into a running log-sum-exp."""
        rows, columns = logits_PB.shape
        self._call(
            "exp_sum", logits_PB, _SIZE(rows), _SIZE(columns), _address(offsets_P), _address(maximum_B),
            _address(total_B),
        )  # fmt: skip

    def softmax_errors(
        self,
        logits_PB: torch.Tensor,
        maximum_B: torch.Tensor,
        log_total_B: torch.Tensor,
        true: TrueClasses,
        *,
        start: int,
        shift: float = 0.0,
        offsets_P: torch.Tensor | None = None,
    ) -> None:
        """Turn logits into errors of a softmax."""
        rows, columns = logits_PB.shape
        real = _REAL[logits_PB.dtype]
        self._call(
            "softmax_errors", logits_PB, _SIZE(rows), _SIZE(columns), _address(offsets_P),
            _address(maximum_B), _address(log_total_B), real(shift),
            *_true_arguments(true, start, start + rows),
        )  # fmt: skip

    def sigmoid_errors(
        self,
        logits_PB: torch.Tensor,
        losses_B: torch.Tensor,
        true: TrueClasses,
        *,
        start: int,
        offset: float = 0.0,
    ) -> None:
        """Turn logits into errors of one-vs-all classifiers."""
        rows, columns = logits_PB.shape
        real = _REAL[logits_PB.dtype]
        self._call(
            "sigmoid_errors", logits_PB, _SIZE(rows), _SIZE(columns), real(offset), _address(losses_B),
            *_true_arguments(true, start, start + rows),
        )  # fmt: skip

    def update(
        self,
        rows_PD: torch.Tensor,
        gradient_PD: torch.Tensor,
        *,
        rate: float,
        decay: float,
        key: int | None,
        place: int = 0,
    ) -> None:
        """``w <- (1 - decay) w - rate g``."""
        real = _REAL[rows_PD.dtype]
        arguments = (
            _address(rows_PD), _address(gradient_PD), _SIZE(rows_PD.numel()), real(rate), real(decay),
        )  # fmt: skip
        if rows_PD.dtype != torch.bfloat16:
            self._library[f"update_{_SUFFIX[rows_PD.dtype]}"](*arguments)
        elif key is None:
            self._library["update_nearest"](*arguments)
        else:
            self._library["update_stochastic"](*arguments, ctypes.c_uint32(key), ctypes.c_uint32(place))

    def update_kahan(
        self,
        rows_PD: torch.Tensor,
        gradient_PD: torch.Tensor,
        lost_PD: torch.Tensor,
        *,
        rate: float,
        decay: float,
    ) -> None:
        """The same with Kahan summation."""
        self._library["update_kahan"](
            _address(rows_PD), _address(gradient_PD), _address(lost_PD), _SIZE(rows_PD.numel()),
            ctypes.c_float(rate), ctypes.c_float(decay),
        )  # fmt: skip

    def _call(self, function: str, logits_PB: torch.Tensor, *arguments: object) -> None:
        assert logits_PB.is_contiguous()
        self._library[f"{function}_{_SUFFIX[logits_PB.dtype]}"](_address(logits_PB), *arguments)


def _address(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    return _POINTER(None if tensor is None else tensor.data_ptr())


def _true_arguments(true: TrueClasses, start: int, stop: int) -> tuple[object, ...]:
    """Where the true classes of a block begin in the batch's arrays, and how many they are."""
    here = true.between(start, stop)
    arrays = (true.classes_T, true.examples_T, true.shares_T, true.errors_T)
    places = (_POINTER(array.data_ptr() + here.start * array.itemsize) for array in arrays)
    return (ctypes.c_int64(start), *places, _SIZE(here.stop - here.start))
