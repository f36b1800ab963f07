"""Sparse features -> vectors: a CSR matrix times a table with one row per feature, which a head may train.

Untrained, the table is a random projection: rows of random signs are nearly orthogonal, so that the inner
product of two vectors estimates that of their features. Trained, it is the first layer below a softmax head.

Source: random signs, Achlioptas, "Database-friendly random projections", PODS 2001.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csc_array

from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Features
from xclass.encoders.config import TABLE_FILE
from xclass.shapes import MAPPED

_INIT_ROWS = 1 << 12
_ADAGRAD_EPSILON = np.float32(1e-8)


class TableEncoder:
    """Linear map of sparse features; an encoder adds where the features come from and what it saves.

    Memory: ``4 M D`` (table) + ``8 M`` if trainable (optimiser, slots).
    """

    def __init__(
        self,
        *,
        num_rows: int,
        dim: int,
        seed: int,
        learning_rate: float,
        is_trainable: bool,
        component: str,
        table_MD: FloatArray | None = None,
    ) -> None:
        """Draw the table, or take one.

        Args:
            num_rows: M, features that there are.
            dim: D.
            seed: of the table.
            learning_rate: step of row-wise Adagrad.
            is_trainable: whether :meth:`apply_gradient` changes the table.
            component: what the ledger calls it; its table is ``<component> table``.
            table_MD: a table to use as it is; a memory-mapped one stays mapped and cannot be trained.
        """
        assert not (is_trainable and table_MD is not None and not table_MD.flags.writeable)
        self.dim = dim
        self.is_trainable = is_trainable
        self._seed = seed
        self._learning_rate = learning_rate
        self._component = component
        self._table_MD = random_signs(num_rows, dim, seed) if table_MD is None else table_MD
        num_states = num_rows if is_trainable else 0
        self._adagrad_M = np.zeros(num_states, np.float32)
        self._slots_M = np.zeros(num_states, np.int32)

    def encode(self, features: Features) -> FloatArray:
        """``features @ table``, shape (B, D), float32. scipy releases the interpreter lock meanwhile."""
        vectors_BD: FloatArray = features @ self._table_MD
        return vectors_BD

    def apply_gradient(self, features: Features, gradient_BD: FloatArray) -> None:
        """One step of row-wise Adagrad on the rows that the batch touches, in place.

        Source: Duchi et al., JMLR 2011, with one accumulator per row holding the mean square, as in
        ``torch.optim`` users' row-wise variant (FBGEMM ``EXACT_ROWWISE_ADAGRAD``).
        """
        if not self.is_trainable:
            return
        rows_U, gradient_UD = self.table_gradient(features, gradient_BD)
        square_U = np.einsum("ud,ud->u", gradient_UD, gradient_UD) / np.float32(self.dim)
        self._adagrad_M[rows_U] += square_U
        step_U = np.float32(self._learning_rate) / (np.sqrt(self._adagrad_M[rows_U]) + _ADAGRAD_EPSILON)
        gradient_UD *= step_U[:, None]
        self._table_MD[rows_U] -= gradient_UD

    def table_gradient(self, features: Features, gradient_BD: FloatArray) -> tuple[IntArray, FloatArray]:
        """dloss/dtable on the U touched rows; only of a trainable encoder.

        Returns:
            ``rows_U``: distinct rows of the table, int64, in no order; ``gradient_UD``: float32.
        """
        assert self.is_trainable
        columns = features.indices
        # The last writer of a slot stands for its row: distinct rows without a sort.
        places = np.arange(len(columns), dtype=np.int32)
        self._slots_M[columns] = places
        rows_U = columns[self._slots_M[columns] == places].astype(np.int64)
        self._slots_M[rows_U] = np.arange(len(rows_U), dtype=np.int32)
        transposed = csc_array(
            (features.data, self._slots_M[columns], features.indptr), shape=(len(rows_U), len(gradient_BD))
        )
        return rows_U, transposed @ gradient_BD

    def trained_arrays(self) -> dict[str, FloatArray]:
        """The table and its optimiser; the slots are scratch of a step."""
        if not self.is_trainable:
            return {}
        return {TABLE_FILE.removesuffix(".npy"): self._table_MD, "encoder_state": self._adagrad_M}

    def held_bytes(self) -> dict[str, int]:
        """Bytes of the table (file pages if it was loaded) and of the optimiser."""
        is_mapped = not self._table_MD.flags.writeable
        table = f"{self._component} table"
        held = {f"{table}{MAPPED}" if is_mapped else table: self._table_MD.nbytes}
        if self.is_trainable:
            held[f"{self._component} optimiser"] = self._adagrad_M.nbytes + self._slots_M.nbytes
        return held

    def _save_table(self, folder: Path) -> None:
        """Write ``encoder_table.npy``; the optimiser is not saved."""
        np.save(folder / TABLE_FILE, self._table_MD, allow_pickle=False)


def random_signs(num_rows: int, dim: int, seed: int) -> FloatArray:
    """Rows of ``+-1/sqrt(dim)``: shape (num_rows, dim), float32, each of norm 1, determined by ``seed``.

    Memory: the result + 0.6 MiB at dim 64.
    """
    rng = np.random.default_rng(seed)
    table = np.empty((num_rows, dim), np.float32)
    for start in range(0, num_rows, _INIT_ROWS):
        block = table[start : start + _INIT_ROWS]
        bits = np.unpackbits(np.frombuffer(rng.bytes(-(-block.size // 8)), np.uint8))[: block.size]
        np.multiply(bits.reshape(block.shape), 2 / np.sqrt(dim), out=block, casting="unsafe")
        block -= np.float32(1 / np.sqrt(dim))
    return table
