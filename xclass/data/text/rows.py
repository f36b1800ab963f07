"""What every reader of tables gives, and what it says where a row cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xclass.data.text.config import TextConfig
from xclass.errors import DataError

MAX_ROW_BYTES = 16 << 20
"""Of a line or a quoted field: without a limit one missing line end would be the memory of the whole file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Some rows of a table, in order, each with a text and a class."""

    texts: list[str]
    classes: list[str]
    """Names, those of one row behind each other."""
    counts: list[int] | None
    """How many classes each row has; None: one each."""
    num_skipped: int = 0
    """Rows without a text or a class, where such are skipped."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Makes rows of two columns, and refuses what is no example."""

    config: TextConfig
    path: str
    """For error messages."""

    def from_fields(self, lines: Sequence[int], texts: list[str], fields: list[str]) -> Rows:
        """Rows whose classes stand in one field each.

        Args:
            lines: where each row begins, from 1.
            texts: of each row.
            fields: the name of its class, or several with ``data.class_separator`` between them.

        Raises:
            DataError: a row without a text or a class.
        """
        separator = self.config.class_separator
        if separator is not None:
            return self.from_lists(lines, texts, [field.split(separator) for field in fields])
        names = [field.strip() for field in fields]
        if all(names) and all(map(str.strip, texts)):
            return Rows(texts=texts, classes=names, counts=None)
        return self.from_lists(lines, texts, [[name] for name in names])

    def from_lists(self, lines: Sequence[int], texts: list[str], lists: list[list[str]]) -> Rows:
        """Rows that have a list of classes each.

        Raises:
            DataError: a row without a text or a class.
        """
        kept: list[str] = []
        classes: list[str] = []
        counts: list[int] = []
        for line, text, names in zip(lines, texts, lists, strict=True):
            found = [name for name in map(str.strip, names) if name]
            if not found or not text.strip():
                self._refuse(line, "text" if found else "class")
                continue
            kept.append(text)
            classes += found
            counts.append(len(found))
        is_single = len(classes) == len(kept)
        return Rows(
            texts=kept,
            classes=classes,
            counts=None if is_single else counts,
            num_skipped=len(texts) - len(kept),
        )

    def _refuse(self, line: int, what: str) -> None:
        if self.config.skip_incomplete:
            return
        column = self.config.text_column if what == "text" else self.config.class_column
        raise DataError(
            f"{self.path}:{line}: no {what} in column {column}; write one, or leave such rows out with "
            "data.skip_incomplete=true"
        )
