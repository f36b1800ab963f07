"""The answers that a method gave to the held-out queries, kept with the truth."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xclass.data.base import Batch, ClassSets, FloatArray, IntArray
from xclass.errors import DataError
from xclass.evaluate.places import find_places

_DAMAGES = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, NotImplementedError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""What numpy and zipfile raise on bytes that are no archive of arrays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedAnswers:
    """Answers of one method with the truth: the file ``answers/<method>.npz``.

    A new metric needs no new run.
    """

    classes_QK: IntArray
    scores_QK: FloatArray
    truth_Q: IntArray
    """The class of each query; with several the first."""
    several: ClassSets | None
    """All true classes of each query; None where each has one."""

    @property
    def truth(self) -> ClassSets:
        """All true classes of each query."""
        return self.several or ClassSets.of_single(self.truth_Q)

    @property
    def met_truth(self) -> IntArray:
        """One true class of each query: of several the one that was answered first, if any was."""
        is_right_Q = find_places(self.classes_QK[:, :1], self.truth).first_places() == 0
        met_Q: IntArray = np.where(is_right_Q, self.classes_QK[:, 0], self.truth_Q)
        return met_Q

    @classmethod
    def of_queries(cls, queries: Batch, *, classes_QK: IntArray, scores_QK: FloatArray) -> SavedAnswers:
        """Answers beside what is right."""
        return cls(
            classes_QK=classes_QK, scores_QK=scores_QK, truth_Q=queries.classes_B, several=queries.several
        )

    def save(self, path: Path) -> None:
        """The file appears whole or, on a full disk, not at all."""
        path.parent.mkdir(exist_ok=True)
        arrays = {"classes_QK": self.classes_QK, "scores_QK": self.scores_QK, "truth_Q": self.truth_Q}
        if self.several is not None:
            arrays |= {"truth_starts": self.several.starts, "truth_classes": self.several.classes}
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes allow_pickle for one
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> SavedAnswers:
        """Read the file back.

        Raises:
            DataError: it is missing or damaged.
        """
        try:
            # Opened here: an array that is refused leaves the archive's own file open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                several = None
                if "truth_starts" in saved:
                    several = ClassSets(starts=saved["truth_starts"], classes=saved["truth_classes"])
                found = cls(
                    classes_QK=saved["classes_QK"], scores_QK=saved["scores_QK"], truth_Q=saved["truth_Q"],
                    several=several,
                )  # fmt: skip
            found._check()
        except _DAMAGES as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{path}: the answers of the run cannot be read ({reason}); repeat the run"
            ) from error
        return found

    def _check(self) -> None:
        shape = self.classes_QK.shape
        num_queries = len(self.truth_Q)
        if len(shape) != 2 or not shape[1] or self.scores_QK.shape != shape or num_queries != shape[0]:
            raise ValueError(
                f"classes of shape {shape}, scores of {self.scores_QK.shape}, {num_queries} truths"
            )
        if self.several is not None and len(self.several) != num_queries:
            raise ValueError(f"{num_queries} queries and {len(self.several)} sets of classes")
