"""Looks through vectors once, front to back, and ranks their classes; the vectors stay where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray, batch_ranges
from xclass.data.embeddings.classes import read_classes
from xclass.data.embeddings.config import FORMAT_VERSION, EmbeddingsConfig, vectors_in
from xclass.data.embeddings.layout import ArrayLayout
from xclass.data.embeddings.parquet import parquet_vectors
from xclass.data.embeddings.vectors import VectorFile
from xclass.data.manifest import read_manifest_document, write_manifest
from xclass.data.publish import publishing
from xclass.data.ranking import TEST, TRAIN, StagedRows, rank_rows
from xclass.data.row_hashes import hash_words
from xclass.data.table_files import InputFile
from xclass.errors import ConfigError, DataError

CONVERTED = "vectors.f4"
"""Vectors of Parquet files, float32, those of the test after those of training."""
_CHUNK_BYTES = 8 << 20

Progress = Callable[[int, int, str], None]


def prepare(config: EmbeddingsConfig, *, dim: int, progress: Progress) -> Path:
    """Make sure that the ranks of the classes lie in the cache, and the vectors too if they came as Parquet.

    Args:
        config: which files.
        dim: that the run asks for.
        progress: told bytes or rows done, in all, and what.

    Returns:
        The folder for :class:`xclass.data.embeddings.source.EmbeddingsSource`.

    Raises:
        ConfigError: a file that is not there, or another ``dim`` than the vectors have.
        DataError: a vector with nan or infinity, another number of classes than of vectors, a file that is
            cut short or that changed meanwhile, a full disk.

    Memory: about 40 MiB, or of Parquet 140 MiB, then 12 MiB and 90 B per class, whatever the size of the
    files: 36.6 MiB over the base for 51 MB of 20,000 classes, 86.5 MiB for 27.1 GB of a million classes (on
    24 GB of RAM); Parquet of one row group 141.8 and 139.7 MiB for 26 and 257 MB. Disk: 10 B per vector and
    4 B per class of it, 20 B more while they are made, and ``4 D`` B per vector of Parquet.
    """
    folder = config.folder()
    if folder.exists():
        document = read_manifest_document(folder, version=FORMAT_VERSION)
        _check_dim(config.path, document["dim"], dim)
        return folder
    files = config.input_files()
    with publishing(folder, room=_room(files, config)) as partial:
        with ExitStack() as opened:
            reader = _Reader(partial, opened, config, dim=dim, progress=progress)
            for side, path, classes in (
                (TRAIN, config.path, config.classes_path),
                (TEST, config.test_path, config.test_classes_path),
            ):
                if path is not None:
                    reader.read(side, Path(path), Path(classes or path))
            reader.staged.finish()
        for file in files:
            if InputFile.look_at(Path(file.path)) != file:
                raise DataError(f"{file.path}: it changed while it was read; start again when it is complete")
        _write(partial, config, reader, files)
    read_manifest_document(folder, version=FORMAT_VERSION)
    return folder


class _Reader:
    """One pass over the classes and the vectors of each side."""

    def __init__(
        self, folder: Path, opened: ExitStack, config: EmbeddingsConfig, *, dim: int, progress: Progress
    ) -> None:
        self.staged = StagedRows(folder, opened)
        self.layouts: list[ArrayLayout] = []
        self.digests: dict[str, str] = {}
        self.num_zero_vectors = 0
        self.dim = dim
        self._folder = folder
        self._config = config
        self.progress = progress

    def read(self, side: int, path: Path, classes_path: Path) -> None:
        """Both, which must have equally many rows."""
        before = self.staged.num_rows
        for classes, sizes in read_classes(classes_path, self._config.class_column):
            self.staged.append(classes, sizes, side=side)
        num_rows = self.staged.num_rows - before
        num_vectors = self._convert(path) if path.suffix == ".parquet" else self._look_through(path)
        if num_rows != num_vectors:
            raise DataError(
                f"{classes_path}: classes of {num_rows} rows, but {path} has {num_vectors} vectors; "
                "give each vector its line or number"
            )
        if not num_rows:
            raise DataError(f"{path}: no vectors; name a file with some")

    def _look_through(self, path: Path) -> int:
        """Every vector of a file that stays where it lies."""
        layout = vectors_in(path, self._config.vector_column)
        _check_dim(path, layout.shape[1], self.dim, is_test=str(path) == self._config.test_path)
        file, digest = VectorFile(layout, unit_length=False), hashlib.sha256()
        self.layouts.append(layout)
        size = file.num_rows
        for start, stop in batch_ranges(size, max(1, _CHUNK_BYTES // (self.dim * layout.value_bytes))):
            raw = file.read_raw(start, stop)
            digest.update(raw.view(np.uint8).data)
            self._look(file.to_float32(raw), path, start)
            self.progress(stop, size, f"vectors of {path.name}")
        self.digests[str(path)] = digest.hexdigest()
        return size

    def _convert(self, path: Path) -> int:
        """Every vector of a Parquet file, into the folder."""
        done, digest = 0, hashlib.sha256()
        with (self._folder / CONVERTED).open("ab") as file:
            for vectors_BD in parquet_vectors(path, self._config.vector_column, self.dim):
                self._look(vectors_BD, path, done)
                file.write(np.ascontiguousarray(vectors_BD, "<f4").data)
                digest.update(np.ascontiguousarray(vectors_BD, "<f4").data)
                done += len(vectors_BD)
                self.progress(done, self.staged.num_rows, f"vectors of {path.name}")
        self.digests[str(path)] = digest.hexdigest()
        return done

    def _look(self, vectors_BD: FloatArray, path: Path, first_row: int) -> None:
        # A sum of squares is finite only if every number is, but for an overflow, which is looked into.
        with np.errstate(over="ignore", invalid="ignore"):
            squares_B = np.einsum("bd,bd->b", vectors_BD, vectors_BD)
        if not np.isfinite(squares_B).all():
            is_bad_B = ~np.isfinite(vectors_BD).all(axis=1)
            if not is_bad_B.any():
                row = first_row + int(np.argmax(~np.isfinite(squares_B)))
                raise DataError(f"{path}: row {row}: a vector too long for float32; divide all by a number")
            row = first_row + int(np.argmax(is_bad_B))
            raise DataError(
                f"{path}: row {row}: a vector with nan or infinity (or beyond float32); correct it or leave "
                "the row and its class out"
            )
        self.num_zero_vectors += int(np.count_nonzero(squares_B == 0))
        if self._config.test_path is None:
            self.staged.append_hashes(_hashes(vectors_BD))


def _hashes(vectors_BD: FloatArray) -> npt.NDArray[np.uint64]:
    """Of each vector as it is, so that equal ones have equal hashes."""
    words = np.ascontiguousarray(vectors_BD).view(np.uint32)
    # -0.0 equals 0.0
    return hash_words(np.where(words == np.uint32(1 << 31), np.uint32(0), words))


def _write(partial: Path, config: EmbeddingsConfig, reader: _Reader, files: list[InputFile]) -> None:
    share = config.test_share if config.test_path is None else None
    staged = reader.staged
    counts = rank_rows(
        partial, of=str(config.path), num_rows=staged.num_rows, test_share=share, report=reader.progress
    )
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        **counts,
        "num_rows": staged.num_rows,
        "num_rows_without_class": staged.num_without_class,
        "num_zero_vectors": reader.num_zero_vectors,
        "dim": reader.dim,
        "value_bytes": reader.layouts[0].value_bytes if reader.layouts else 4,
        "arrays": [asdict(layout) for layout in reader.layouts],
        "looked_at": [asdict(file) for file in files],
        "inputs": [
            {
                "path": file.path,
                "size_bytes": file.size_bytes,
                "vectors_sha256": reader.digests.get(file.path),
            }
            for file in files
        ],
        "test_share": share,
    }
    write_manifest(partial, document, has_digests=False)


def _check_dim(path: Path | str | None, found: int, dim: int, *, is_test: bool = False) -> None:
    if found == dim:
        return
    if is_test:
        raise ConfigError(
            "data.test_path",
            path,
            allowed=f"vectors of {dim} dimensions, as those of data.path are; these have {found}",
            remedy="make both with the same model",
        )
    raise ConfigError(
        "dim", dim, allowed=f"{found} with {path}, whose vectors have it", remedy="leave it out"
    )


def _room(files: list[InputFile], config: EmbeddingsConfig) -> str:
    converted = sum(file.size_bytes for file in files if file.path.endswith(".parquet"))
    return f"about {(2 * converted + 100_000_000) / 1e9:.1f} GB"
