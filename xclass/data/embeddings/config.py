"""Settings of ``data=embeddings``, and what its batches cost. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from xclass.data.cache import cache_folder, check_cache
from xclass.data.embeddings.layout import ArrayLayout, npy_array, safetensors_arrays
from xclass.data.file_settings import (
    check_files,
    check_test_share,
    classes_of,
    num_train_of,
    number_name_bytes,
    one_file,
    query_index_bytes,
)
from xclass.data.table_files import InputFile, absolute, prepared_facts, prepared_folder
from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.errors import ConfigError, DataError
from xclass.shapes import DATA_BATCHES, FLOAT32_BYTES, MAPPED, ProblemShape

FORMAT_VERSION = 1
FORMATS = (".npy", ".safetensors", ".parquet")
_INDEX = f"index of the rows{MAPPED}"
_INDEX_BYTES_PER_ROW = 8 + 1 + 8 / 64
"""Number of the row; how many classes it has, and where a block of 64 rows has its classes."""


@dataclass(kw_only=True, slots=True)
class EmbeddingsConfig(DataTraits):
    """Which files, which of their arrays, and what is held out."""

    name: ClassVar[str] = "embeddings"
    entry: ClassVar[str] = "xclass.data.embeddings.entry"
    inputs: ClassVar[InputKind] = InputKind.vectors

    path: str | None = None
    """Training vectors: .npy or .safetensors, read where they lie, or .parquet, converted once. It
    must be named; short: ``path=FILE``."""
    classes_path: str | None = None
    """Class numbers of the rows of ``path``: .npy, .safetensors, .parquet, or a text file with a line per row
    (``3`` or ``3,17``); null: they stand in ``path`` too."""
    test_path: str | None = None
    """Test vectors, as ``path``; null: a part of ``path`` is held out. Short: ``test=FILE``."""
    test_classes_path: str | None = None
    """Class numbers of the rows of ``test_path``, as ``classes_path``."""
    vector_column: str | None = None
    """Tensor or column with the vectors; null: the only one that can be."""
    class_column: str | None = None
    """Tensor or column with the classes, whole numbers; null: the only one that can be."""
    unit_length: bool = True
    """Give each vector length 1, as cosine similarity has it; false: they stay as they are."""
    test_share: float = 0.1
    """Share of ``path`` that is held out where there is no ``test_path``: above 0, to 0.5."""
    cache: str | None = None
    """Folder of the prepared data; null: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``."""

    def __post_init__(self) -> None:
        """Refuse what no file can have; whether the files exist is asked when they are read.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_cache(self.cache)
        check_test_share(self.test_share)
        self.path, self.test_path = check_files(self.path, self.test_path)
        for key in ("path", "test_path"):
            value = getattr(self, key)
            if value is not None and not value.endswith(FORMATS):
                raise ConfigError(
                    f"data.{key}", value, allowed=f"a file {', '.join(FORMATS)}", remedy="convert it to .npy"
                )
        for key in ("classes_path", "test_classes_path"):
            if getattr(self, key) is not None:
                setattr(self, key, absolute(f"data.{key}", getattr(self, key)))
        self._check_classes()

    def _check_classes(self) -> None:
        """A .npy file holds one array: its classes are elsewhere."""
        for key, vectors in (("classes_path", self.path), ("test_classes_path", self.test_path)):
            value = getattr(self, key)
            if value is None and vectors is not None and vectors.endswith(".npy"):
                raise ConfigError(
                    f"data.{key}",
                    "null",
                    allowed="a file with the class number of each row, beside vectors in a .npy file",
                    remedy=f"e.g. data.{key}=classes.npy",
                )
            if value is not None and vectors is None:
                raise ConfigError(
                    f"data.{key}", value, allowed="null without data.test_path", remedy="add data.test_path"
                )

    @property
    def default_classes(self) -> int:
        """All that have training examples.

        Raises:
            ConfigError: they were not counted yet.
        """
        return classes_of(self.known_facts())

    @property
    def most_classes(self) -> int | None:
        """All that have training examples, once they are counted."""
        return (self.known_facts() or {}).get("num_classes")

    def vector_dim(self) -> int | None:
        """Dimensions of the vectors; None without a file.

        Raises:
            ConfigError: the file is not there, or does not say: Parquet says it once it was converted.
        """
        if self.path is None:
            return None
        train = self.train_file()
        if not self.path.endswith(".parquet"):
            try:
                return vectors_in(Path(train.path), self.vector_column).shape[1]
            except DataError as error:
                raise ConfigError("data.path", self.path, allowed="vectors", remedy=str(error)) from error
        dim = (prepared_facts(self.folder) or {}).get("dim")
        if dim is None:
            raise ConfigError(
                "dim",
                "0",
                allowed="the number of dimensions of the vectors, which Parquet does not say",
                remedy="add dim=... as your embedding model has; what is wrong is refused",
            )
        return int(dim)

    def train_file(self) -> InputFile:
        """The file of ``path`` as it is now.

        Raises:
            ConfigError: it is not there.
        """
        return one_file("data.path", self.path)

    def input_files(self) -> list[InputFile]:
        """All files as they are now.

        Raises:
            ConfigError: one is not there.
        """
        keys = ("path", "classes_path", "test_path", "test_classes_path")
        self.train_file()  # it must be named
        return [one_file(f"data.{key}", getattr(self, key)) for key in keys if getattr(self, key) is not None]

    def check_files(self) -> None:
        """Refuse files that are not here.

        Raises:
            ConfigError: naming the key.
        """
        self.input_files()

    def folder(self) -> Path:
        """Of the prepared data: named for the files (path, size, time of change) and for the settings."""
        share = self.test_share if self.test_path is None else None
        settings = [FORMAT_VERSION, share, self.vector_column, self.class_column]
        return prepared_folder(cache_folder(self.cache), "embeddings", self.input_files(), settings)

    def known_facts(self) -> Mapping[str, Any] | None:
        """Counts of the prepared data; before, the number of vectors; None where the file is gone."""
        if self.path is None:
            return None
        if (known := prepared_facts(self.folder)) is not None:
            return known
        try:
            layout = vectors_in(Path(self.path), self.vector_column)
        except (OSError, DataError):
            return None
        return {"num_examples": layout.shape[0], "value_bytes": layout.value_bytes}

    def mean_name_bytes(self) -> float:
        """Of ``class N``: see :func:`xclass.data.file_settings.number_name_bytes`."""
        return number_name_bytes(self.most_classes)

    def num_train(self, num_classes: int) -> int:
        """Training examples: exact for all classes once they are prepared."""
        return num_train_of(self.known_facts(), num_classes)

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: batches, and mapped pages of the index.

        Memory: ``(threads + 1) 4 D scan_batch`` or, in steps, ``2 * 4 D batch``, whichever is more, and the
        bytes of one such batch more per thread where the file has no float32; anonymous, whatever the size of
        the file. Mapped, so reclaimable: 9 1/8 B per example. The vectors are read with pread, so that they
        never become resident in this process.
        """
        known = self.known_facts() or {}
        value_bytes = int(known.get("value_bytes", FLOAT32_BYTES))
        raw = 0 if value_bytes == FLOAT32_BYTES else value_bytes
        scan = ((shape.threads + 1) * FLOAT32_BYTES + shape.threads * raw) * shape.scan_batch_size
        step = (2 * FLOAT32_BYTES + raw) * shape.batch_size
        return {
            DATA_BATCHES: max(scan, step) * shape.dim,
            _INDEX: round(_INDEX_BYTES_PER_ROW * shape.num_examples),
        }

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The index of the test examples; the queries themselves are counted elsewhere."""
        return {_INDEX: query_index_bytes(self.known_facts(), shape, _INDEX_BYTES_PER_ROW)}


def vectors_in(path: Path, column: str | None) -> ArrayLayout:
    """The vectors of a .npy or .safetensors file.

    Raises:
        OSError: the file cannot be read.
        DataError: it holds none, or more than one and none was named.
    """
    arrays = {"": npy_array(path)} if path.suffix == ".npy" else safetensors_arrays(path)
    fitting = {name: array for name, array in arrays.items() if array.has_vectors}
    return chosen(arrays, fitting, column, path, what="vectors (float, two dimensions)", key="vector_column")


def classes_in(path: Path, column: str | None) -> ArrayLayout:
    """The class numbers of a .npy or .safetensors file; raises as :func:`vectors_in` does."""
    arrays = {"": npy_array(path)} if path.suffix == ".npy" else safetensors_arrays(path)
    fitting = {name: array for name, array in arrays.items() if array.has_classes}
    return chosen(arrays, fitting, column, path, what="classes (whole numbers)", key="class_column")


def chosen(
    arrays: Mapping[str, ArrayLayout],
    fitting: Mapping[str, ArrayLayout],
    column: str | None,
    path: Path,
    *,
    what: str,
    key: str,
) -> ArrayLayout:
    """The array that was named, or the only one that fits.

    Raises:
        DataError: there is none, or more than one.
    """
    if column is not None and "" not in arrays:
        fitting = {name: array for name, array in fitting.items() if name == column}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    there = ", ".join(f"{name} ({array.describe()})".strip() for name, array in arrays.items()) or "nothing"
    remedy = f"choose one with data.{key}=..." if fitting else f"it must hold {what}"
    raise DataError(f"{path}: {len(fitting)} arrays with {what}; it holds {there}: {remedy}")
