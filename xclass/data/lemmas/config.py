"""Settings of ``data=lemmas``, and what its batches cost. Standard library only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

# Measured with tracemalloc on batches of 16,384 of all parts of the data: at most 39 and 333.
_SCAN_BYTES_PER_TEXT = 40
"""Form 14, offset 8, class 8, context 4, and the lengths while they are summed."""
_TRAIN_BYTES_PER_TEXT = 340
"""Besides: a row of 64 lengths, its mask and their product, and the form as an object of Python."""


@dataclass(kw_only=True, slots=True)
class LemmasConfig:
    """Where the prepared data lies; what it is, the package ``simplemma`` decides."""

    name: ClassVar[str] = "lemmas"
    entry: ClassVar[str] = "xclass.data.lemmas.entry"
    encoder: ClassVar[str] = "ngrams"

    cache: str | None = None
    """Folder of the prepared data; None: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``."""

    def __post_init__(self) -> None:
        if self.cache is not None and not self.cache.strip():
            raise ConfigError(
                "data.cache",
                repr(self.cache),
                allowed="the path of a folder",
                remedy="omit it to use ~/.cache/xclass",
            )

    def cache_folder(self) -> Path:
        """The cache folder as an absolute path; it need not exist."""
        if self.cache is not None:
            return Path(self.cache).expanduser().absolute()
        base = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: a relative path is invalid and must be ignored.
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "xclass"

    def memory_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Bytes that reading adds over the base: batches only, the texts stay on disk.

        Memory: ``threads * 40 scan_batch`` or, in steps, ``(340 + 2 * 40) batch``, whichever is more;
        anonymous. Besides, reading in random order maps up to 1 B per training text (lengths) + 5 B per
        class (starts, languages) of file pages, reclaimable: ``facts()["index_mapped_bytes"]`` is their
        exact sum. The texts are read with pread, so that they never become resident in this process.
        """
        scan = shape.threads * _SCAN_BYTES_PER_TEXT * shape.scan_batch_size
        step = (_TRAIN_BYTES_PER_TEXT + 2 * _SCAN_BYTES_PER_TEXT) * shape.batch_size
        return {"data batches": max(scan, step)}
