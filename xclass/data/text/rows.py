"""What every reader of tables gives, and what it says where a row cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xclass.data.text.config import TextConfig
from xclass.errors import DataError

MAX_ROW_BYTES = 16 << 20
"""Of a line or a quoted field: without a limit one missing line end would be the memory of the whole file."""


@dataclass(kw_only=True, slots=True)
class Rows:
    """Some rows of a table, in order."""

    texts: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    """Names, those of one row behind each other."""
    counts: list[int] | None = None
    """How many classes each row has; None: one each."""
    num_skipped: int = 0
    """Rows without a text or a class, where such are skipped."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Takes the text and the classes of one row at a time, and refuses what is no example."""

    config: TextConfig

    def collect(self, rows: Iterable[tuple[int, str, list[str]]], path: str) -> Rows:
        """Rows of (line, text, names of classes).

        Raises:
            DataError: a row without a text or a class, named by file and line.
        """
        found = Rows(counts=[])
        assert found.counts is not None
        for line, text, names in rows:
            kept = [name for name in map(str.strip, names) if name]
            if not text or text.isspace() or not kept:
                self._refuse(path, line, "text" if kept else "class")
                found.num_skipped += 1
                continue
            found.texts.append(text)
            found.classes += kept
            found.counts.append(len(kept))
        if len(found.classes) == len(found.texts):
            found.counts = None
        return found

    def split(self, value: str) -> list[str]:
        """The names of the classes in one field."""
        separator = self.config.class_separator
        return [value] if separator is None else value.split(separator)

    def _refuse(self, path: str, line: int, what: str) -> None:
        if self.config.skip_incomplete:
            return
        column = self.config.text_column if what == "text" else self.config.class_column
        raise DataError(
            f"{path}:{line}: no {what} in column {column}; write one, or data.skip_incomplete=true leaves "
            "such rows out"
        )
