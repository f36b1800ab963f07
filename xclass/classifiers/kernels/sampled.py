"""Kernels of the sampled softmax: which rows a step touches, the softmax over a block, the update of rows."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from xclass.classifiers.exponential import exp_
from xclass.classifiers.kernels.library import load_library
from xclass.classifiers.kernels.plain import round_stochastic
from xclass.data.base import IntArray

_SOURCES = ("sampled.c", "sampled.h", "kernels.c", "block.h")
_SUFFIX = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientLayout:
    """Where gradients stand in their table.

    Row i belongs to true class i, row ``base + p stride + k`` to sampled class k as part p of the batch sees
    it (each thread has its own examples).
    """

    parts: int
    base: int
    stride: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TouchedRows:
    """The rows of one step.

    Attributes:
        rows_U: distinct classes, rising, int64.
        starts_U1: shape (U + 1,); row u is moved by the gradients ``order[starts[u]:starts[u + 1]]``.
        order_T: rows of the table of gradients, see :class:`GradientLayout`.
        sampled_K: distinct sampled classes, rising.
        times_K: how often each was drawn.
        hit_examples_H: examples whose true class was sampled.
        hit_places_H: where among ``sampled_K`` it stands.
    """

    rows_U: IntArray
    starts_U1: IntArray
    order_T: IntArray
    sampled_K: IntArray
    times_K: IntArray
    hit_examples_H: IntArray
    hit_places_H: IntArray


@dataclass(kw_only=True, slots=True)
class RowState:
    """What the update of touched rows reads and writes.

    Attributes:
        weights_CD: class vectors.
        state_C: sum of mean squares of each row's gradients; float32, float64 for float64.
        lost_KD: rounding errors of the first K classes (bfloat16, Kahan summation); None: of none.
        is_stochastic: bfloat16 is rounded up and down at random instead of to nearest.
    """

    weights_CD: torch.Tensor
    state_C: torch.Tensor
    lost_KD: torch.Tensor | None = None
    is_stochastic: bool = True


class SampledKernels(Protocol):
    """What both implementations offer."""

    name: str
    """``compiled`` or ``torch``."""

    def touch(self, classes_B: IntArray, drawn_S: IntArray, layout: GradientLayout) -> TouchedRows:
        """Group the true and the drawn classes of a step."""
        ...

    def gather(self, table_CD: torch.Tensor, rows_T: IntArray, out_TD: torch.Tensor) -> None:
        """Copy rows of a contiguous table behind each other; ``out_TD`` may be a part of a larger array."""
        ...

    def exp_shifted(
        self, logits_KB: torch.Tensor, offsets_K: torch.Tensor, maximum_B: torch.Tensor, total_B: torch.Tensor
    ) -> None:
        """Turn logits into ``exp(logit - offset - maximum)`` and sum them up.

        Args:
            logits_KB: shape (K, B), contiguous; overwritten.
            offsets_K: accumulation type; what each row is lessened by.
            maximum_B: accumulation type; of terms that stand in no row, raised to that of all terms.
            total_B: float64; of terms that stand in no row, relative to ``maximum_B``; the rows are added.
        """
        ...

    def adagrad(
        self, state: RowState, gradient_TD: torch.Tensor, touched: TouchedRows, rows: range, *, rate: float,
        decay: float, key: int,
    ) -> None:  # fmt: skip
        """Row-wise Adagrad in place, gradients of the same row summed first; other rows are not touched.

        ``state[r] += mean(g_r^2); w_r <- (1 - rate decay) w_r - rate g_r / (sqrt(state[r]) + 1e-10)``.

        Args:
            state: of all rows.
            gradient_TD: as ``touched.order_T`` counts them, dtype of the weights.
            touched: the rows.
            rows: the part of ``touched.rows_U`` to be moved by this call.
            rate: learning rate.
            decay: weight decay per unit of learning rate, on the touched rows.
            key: of stochastic rounding, 0 to 2**32 - 1.

        Source: FBGEMM ``EXACT_ROWWISE_ADAGRAD``; Duchi, Hazan, Singer, JMLR 2011; decay apart from the
        gradient: Loshchilov & Hutter, ICLR 2019.
        """
        ...


class CompiledSampledKernels:
    """A :class:`SampledKernels` in C; each call releases the interpreter lock."""

    name = "compiled"

    def __init__(self) -> None:
        """Compile, or take what was compiled before.

        Raises:
            CompileError: no compiler, or one that cannot compile this.
        """
        self._library = load_library(_SOURCES)

    def touch(self, classes_B: IntArray, drawn_S: IntArray, layout: GradientLayout) -> TouchedRows:
        """Group by a stable radix sort; 40 us for 5 000 classes."""
        batch, total = len(classes_B), len(classes_B) + len(drawn_S)
        num_order = batch + layout.parts * len(drawn_S)
        sizes = (total, total, total + 1, num_order, total, total, batch, batch, 3, 2 * total, 2 * total)
        buffers = [np.empty(size, dtype=np.int64) for size in sizes]
        ids, rows, starts, order, sampled, times, examples, places, counts, *_ = buffers
        ids[:batch], ids[batch:] = classes_B, drawn_S
        self._library.group_rows(
            _address(ids), _size(batch), _size(total), _size(layout.parts), _size(layout.base),
            _size(layout.stride), *(_address(buffer) for buffer in buffers[1:]),
        )  # fmt: skip
        num_rows, num_sampled, num_hits = counts.tolist()
        return TouchedRows(
            rows_U=rows[:num_rows], starts_U1=starts[: num_rows + 1], order_T=order[: starts[num_rows]],
            sampled_K=sampled[:num_sampled], times_K=times[:num_sampled],
            hit_examples_H=examples[:num_hits], hit_places_H=places[:num_hits],
        )  # fmt: skip

    def gather(self, table_CD: torch.Tensor, rows_T: IntArray, out_TD: torch.Tensor) -> None:
        """Rows are asked for before they are needed."""
        row_bytes = table_CD.shape[1] * table_CD.itemsize
        self._library.gather_rows(
            _address(table_CD), _size(row_bytes), _address(rows_T), _size(len(rows_T)), _address(out_TD)
        )

    def exp_shifted(
        self, logits_KB: torch.Tensor, offsets_K: torch.Tensor, maximum_B: torch.Tensor, total_B: torch.Tensor
    ) -> None:
        """One look for the maximum, one exponential per logit."""
        rows, columns = logits_KB.shape
        self._library[f"exp_shifted_{_SUFFIX[logits_KB.dtype]}"](
            _address(logits_KB), _size(rows), _size(columns), _address(offsets_K), _address(maximum_B),
            _address(total_B),
        )  # fmt: skip

    def adagrad(
        self, state: RowState, gradient_TD: torch.Tensor, touched: TouchedRows, rows: range, *, rate: float,
        decay: float, key: int,
    ) -> None:  # fmt: skip
        """Sum, state, step and rounding of a row while it is in the first-level cache."""
        weights_CD, lost_KD = state.weights_CD, state.lost_KD
        real = ctypes.c_double if weights_CD.dtype == torch.float64 else ctypes.c_float
        self._library[f"adagrad_rows_{_SUFFIX[weights_CD.dtype]}"](
            _address(weights_CD), _address(state.state_C), _address(gradient_TD),
            _address(touched.rows_U[rows.start :]), _address(touched.starts_U1[rows.start :]),
            _address(touched.order_T), _size(len(rows)),
            _size(weights_CD.shape[1]), real(rate), real(decay),
            ctypes.c_void_p(None) if lost_KD is None else _address(lost_KD),
            _size(0 if lost_KD is None else len(lost_KD)), ctypes.c_int(state.is_stochastic),
            ctypes.c_uint32(key),
        )  # fmt: skip


class TorchSampledKernels:
    """A :class:`SampledKernels` of numpy and torch operations: without a C compiler, or on a GPU."""

    name = "torch"

    def touch(self, classes_B: IntArray, drawn_S: IntArray, layout: GradientLayout) -> TouchedRows:
        """Group by sorting."""
        sampled_K, times_K = np.unique(drawn_S, return_counts=True)
        examples_H = np.flatnonzero(np.isin(classes_B, sampled_K))
        parts = range(layout.base, layout.base + layout.parts * layout.stride, layout.stride)
        ids_T = np.concatenate((classes_B, *(sampled_K for _ in parts)))
        places_T = np.concatenate(
            (np.arange(len(classes_B)), *(start + np.arange(len(sampled_K)) for start in parts))
        )
        sorted_T = np.argsort(ids_T, kind="stable")
        starts = np.flatnonzero(np.diff(ids_T[sorted_T], prepend=-1))
        return TouchedRows(
            rows_U=ids_T[sorted_T[starts]], starts_U1=np.append(starts, len(ids_T)),
            order_T=places_T[sorted_T], sampled_K=sampled_K, times_K=times_K, hit_examples_H=examples_H,
            hit_places_H=np.searchsorted(sampled_K, classes_B[examples_H]),
        )  # fmt: skip

    def gather(self, table_CD: torch.Tensor, rows_T: IntArray, out_TD: torch.Tensor) -> None:
        """``index_select``."""
        torch.index_select(table_CD, 0, torch.from_numpy(rows_T).to(table_CD.device), out=out_TD)

    def exp_shifted(
        self, logits_KB: torch.Tensor, offsets_K: torch.Tensor, maximum_B: torch.Tensor, total_B: torch.Tensor
    ) -> None:
        """In the accumulation type; a copy of the block where that is another."""
        values_KB = logits_KB.to(maximum_B.dtype)
        values_KB -= offsets_K[:, None]
        new_maximum_B = torch.maximum(maximum_B, values_KB.amax(dim=0))
        total_B *= torch.exp(maximum_B - new_maximum_B)
        total_B += exp_(values_KB.sub_(new_maximum_B)).sum(dim=0)
        maximum_B.copy_(new_maximum_B)
        if values_KB is not logits_KB:
            logits_KB.copy_(values_KB)

    def adagrad(
        self, state: RowState, gradient_TD: torch.Tensor, touched: TouchedRows, rows: range, *, rate: float,
        decay: float, key: int,
    ) -> None:  # fmt: skip
        """On copies of the touched rows in the accumulation type."""
        weights_CD, state_C = state.weights_CD, state.state_C
        device = weights_CD.device
        rows_U = torch.from_numpy(touched.rows_U[rows.start : rows.stop]).to(device)
        starts_U1 = touched.starts_U1[rows.start : rows.stop + 1]
        order_T = torch.from_numpy(touched.order_T[starts_U1[0] : starts_U1[-1]]).to(device)
        groups_T = torch.from_numpy(np.repeat(np.arange(len(rows_U)), np.diff(starts_U1))).to(device)
        sum_UD = torch.zeros(len(rows_U), weights_CD.shape[1], dtype=state_C.dtype, device=device)
        sum_UD.index_add_(0, groups_T, gradient_TD[order_T].to(state_C.dtype))
        state_C[rows_U] += sum_UD.square().mean(dim=1)
        sum_UD.mul_((rate / (state_C[rows_U].sqrt() + 1e-10))[:, None])
        old_UD = weights_CD[rows_U].to(state_C.dtype)
        change_UD = -rate * decay * old_UD - sum_UD
        if weights_CD.dtype == torch.bfloat16 and state.is_stochastic:
            weights_CD[rows_U] = round_stochastic(old_UD + change_UD, key)
        else:
            weights_CD[rows_U] = (old_UD + change_UD).to(weights_CD.dtype)
        if state.lost_KD is not None:
            num_kahan = int(torch.searchsorted(rows_U, len(state.lost_KD)))
            kept, old_UD, change_UD = rows_U[:num_kahan], old_UD[:num_kahan], change_UD[:num_kahan]
            change_UD = change_UD + state.lost_KD[kept].float()
            weights_CD[kept] = (old_UD + change_UD).bfloat16()
            state.lost_KD[kept] = (change_UD - (weights_CD[kept].float() - old_UD)).bfloat16()


def _address(array: torch.Tensor | IntArray) -> ctypes.c_void_p:
    if isinstance(array, torch.Tensor):
        return ctypes.c_void_p(array.data_ptr())
    return ctypes.c_void_p(array.ctypes.data)


def _size(number: int) -> ctypes.c_ssize_t:
    return ctypes.c_ssize_t(number)
