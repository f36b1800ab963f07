"""The kernels as C, compiled for this processor at first use and kept in the user's cache."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from xclass.classifiers.kernels.base import TrueClasses

_SOURCES = ("kernels.c", "block.h")
_FLAGS = (
    "-std=c11", "-O3", "-march=native", "-shared", "-fPIC", "-ffp-contract=fast",
    # Neither errno nor floating-point traps are looked at; each keeps compilers from making vectors.
    "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
_WIDE_FLAG = "-mprefer-vector-width=512"
_COMPILE_SECONDS = 120
_SUFFIX = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}
_REAL = {
    torch.float32: ctypes.c_float,
    torch.bfloat16: ctypes.c_float,
    torch.float64: ctypes.c_double,
}
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_ssize_t


class CompileError(Exception):
    """The kernels cannot be compiled or loaded here; the message says why."""


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
        self._library = _load(cache or _default_cache())

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
        self, rows_PD: torch.Tensor, gradient_PD: torch.Tensor, *, rate: float, decay: float, key: int | None
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
            self._library["update_stochastic"](*arguments, ctypes.c_uint32(key))

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


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "xclass"


def _load(cache: Path) -> ctypes.CDLL:
    """Open the compiled file for these sources, this compiler and this processor; compile it if need be."""
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if compiler is None:
        raise CompileError("no C compiler (cc, gcc or clang) on the PATH")
    folder = Path(__file__).parent
    sources = b"".join((folder / name).read_bytes() for name in _SOURCES)
    wide = [_WIDE_FLAG] if platform.machine() == "x86_64" else []
    flags = [*_FLAGS, *wide]
    facts = repr((compiler, Path(compiler).stat().st_mtime_ns, flags, _processor())).encode()
    target = cache / f"kernels-{hashlib.sha256(sources + facts).hexdigest()[:16]}.so"
    try:
        if not target.is_file():
            _compile([compiler, *flags, str(folder / _SOURCES[0]), "-lm"], target)
        return ctypes.CDLL(str(target))
    except OSError as error:
        raise CompileError(f"{target}: {error}") from error


def _compile(command: list[str], target: Path) -> None:
    """Compile into a file that appears whole or not at all: other children may be at the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        try:
            subprocess.run(
                [*command, "-o", str(made)], check=True, capture_output=True, text=True,
                timeout=_COMPILE_SECONDS,
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
            raise CompileError(f"{command[0]}: {''.join(reason)}") from error
        made.replace(target)


def _processor() -> str:
    """What ``-march=native`` depends on: a home folder may be shared by machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    kept = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kept)}))
