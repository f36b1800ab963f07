"""Second stage of a search: what an index found, ranked again by float16 vectors in a mapped file.

Source: faiss ``IndexRefine`` with ``k_factor``; there the vectors are in memory.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xclass.classifiers.model_folder import advise_kernel, map_array
from xclass.classifiers.nameless_file import NamelessFile
from xclass.classifiers.nearest_neighbour.index_config import SECOND_STAGE_BYTES
from xclass.data.base import FloatArray, IntArray

EXACT_VECTORS = "vectors.npy"
"""Shape (C, D), float16, rows as in the index."""
_FLOAT16_MAX = 65504.0


class ExactVectorsWriter:
    """Writes the file from first row to last; its pages are the kernel's and count as resident nowhere."""

    def __init__(self, size: tuple[int, int], folder: str) -> None:
        """Make the file, without a name.

        Raises:
            ConfigError: ``index.folder`` cannot hold one.
            OSError: the disk is full.
        """
        self._file = NamelessFile(folder, key="index.folder")
        self._file.reserve(size, np.float16)
        self._end = self._file.first_byte

    def append(self, rows: FloatArray) -> None:
        """The next rows; values that float16 cannot hold become its greatest."""
        narrow = np.clip(rows, -_FLOAT16_MAX, _FLOAT16_MAX).astype(np.float16)
        self._end = self._file.write(narrow, self._end)

    def save(self, folder: Path) -> None:
        """Give it its name in the model."""
        self._file.save(folder / EXACT_VECTORS)


class SecondStage:
    """Ranks candidates by inner product or by L2 distance to their float16 vectors.

    Memory:
        :data:`SECOND_STAGE_BYTES`; of a mapped file those pages that hold candidates, and what lies around
        them. One fault maps up to 2 MiB where the file was written in one go and Linux is 6.18 or later, so
        that a bound on mapped pages could not be kept: nothing of the file is resident only if it is read.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], *, is_l2: bool, is_mapped: bool = True) -> None:
        """Map the file, or keep it open to read candidates one by one.

        Source: mm/filemap.c, ``filemap_map_pages``, "map entire large folio faultaround" (Linux 6.18).

        Raises:
            ModelError: it is missing or of another shape.
        """
        self._descriptor = -1
        mapped_CD = map_array(folder / EXACT_VECTORS, shape, np.float16)
        self._vectors_CD: npt.NDArray[np.float16] = np.asarray(mapped_CD)
        self._is_l2 = is_l2
        if not is_mapped:
            self._descriptor = os.open(folder / EXACT_VECTORS, os.O_RDONLY)
        self._first_byte = (folder / EXACT_VECTORS).stat().st_size - self._vectors_CD.nbytes
        # Fetch the page that is asked for, not 128 KiB around it.
        advise_kernel(self._vectors_CD, mmap.MADV_RANDOM)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def rank(self, queries_QD: FloatArray, rows_QR: IntArray, k: int) -> tuple[FloatArray, IntArray]:
        """The k best of the R candidates of each query.

        Args:
            queries_QD: as the index was asked.
            rows_QR: rows of the index; -1 for none.
            k: wanted.

        Returns:
            scores_QK, which rise with nearness (negated distances for L2), and rows_QK, both best first;
            -1 and -inf where there were fewer candidates, as FAISS pads.
        """
        num_queries, num_candidates = rows_QR.shape
        dim = self._vectors_CD.shape[1]
        scores_QK = np.full((num_queries, k), -np.inf, dtype=np.float32)
        rows_QK = np.full((num_queries, k), -1, dtype=np.int64)
        found = min(k, num_candidates)
        # Gathered in float16, widened, and multiplied or squared: 2 + 4 + 4 bytes per value.
        size = max(1, SECOND_STAGE_BYTES // (num_candidates * dim * 10))
        for start in range(0, num_queries, size):
            rows, queries = rows_QR[start : start + size], queries_QD[start : start + size]
            scores = self._score(queries, rows)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores_QK[start : start + size, :found] = np.take_along_axis(scores, order, axis=1)
            rows_QK[start : start + size, :found] = np.take_along_axis(rows, order, axis=1)
        return scores_QK, rows_QK

    def vectors(self, rows_B: IntArray) -> FloatArray:
        """Of these rows, shape (B, D), float32."""
        return self._gather(rows_B).astype(np.float32)

    def held_bytes(self) -> int:
        """Of the file, where its pages are used."""
        return self._vectors_CD.nbytes if self._descriptor < 0 else 0

    def _score(self, queries: FloatArray, rows: IntArray) -> FloatArray:
        vectors = self._gather(np.maximum(rows, 0)).astype(np.float32)
        if self._is_l2:
            vectors -= queries[:, None, :]
            scores: FloatArray = -np.einsum("qrd,qrd->qr", vectors, vectors)
        else:
            scores = np.matmul(vectors, queries[:, :, None])[:, :, 0]
        scores[rows < 0] = -np.inf
        return scores

    def _gather(self, rows: IntArray) -> npt.NDArray[np.float16]:
        """Vectors of the rows, shape (Q, R, D)."""
        if self._descriptor < 0:
            # Three times as fast as indexing.
            return np.take(self._vectors_CD, rows, axis=0)
        descriptor, size = self._descriptor, self._vectors_CD.strides[0]
        offsets = (self._first_byte + rows.reshape(-1) * size).tolist()
        joined = b"".join([os.pread(descriptor, size, offset) for offset in offsets])
        return np.frombuffer(joined, dtype=np.float16).reshape(*rows.shape, -1)
