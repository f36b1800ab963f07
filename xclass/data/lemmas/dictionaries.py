"""Reads (word form, lemma) pairs out of the installed package simplemma, one record at a time.

``simplemma`` offers whole-language dictionaries (1.3 GB for its largest) or single look-ups; the record
iterator behind both is used here, and it is the only place that knows of it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from xclass.errors import DataError

_PACKAGE = "simplemma.strategies.dictionaries"


class Dictionaries(Protocol):
    """What :func:`xclass.data.lemmas.prepare.prepare` reads."""

    name: str
    """Package and version, e.g. ``simplemma 2.0.0``."""

    @property
    def languages(self) -> Sequence[str]:
        """Language codes, sorted."""
        ...

    def size_bytes(self, language: str) -> int:
        """Bytes of this language on disk, for the progress report."""
        ...

    def pairs(self, language: str) -> Iterator[tuple[bytes, bytes]]:
        """Distinct word forms of a language, each with its lemma, UTF-8."""
        ...


class SimplemmaDictionaries:
    """The dictionaries shipped with simplemma >= 2.0.

    Memory: while a language is read, its decompressed stream (at most 21 MB in simplemma 2.0.0).
    """

    def __init__(self, languages: Sequence[str] | None = None) -> None:
        """Find the package.

        Args:
            languages: codes to read; None for all.

        Raises:
            DataError: simplemma is missing, or its dictionaries are of another format.
        """
        if importlib.util.find_spec("simplemma") is None:
            raise DataError("data=lemmas needs the package simplemma: pip install 'xclass[lemmas]'")
        self.name = f"simplemma {version('simplemma')}"
        try:
            factory = importlib.import_module(f"{_PACKAGE}.dictionary_factory")
            frontcode = importlib.import_module(f"{_PACKAGE}.frontcode")
            self._folder = Path(factory.DATA_FOLDER)
            self._read_decompressed = factory._read_decompressed
            self._read_header = frontcode._read_header
            self._iter_records = frontcode._iter_records
        except (ImportError, AttributeError) as error:
            raise DataError(
                f"{self.name}: cannot read its dictionaries ({error}); pip install 'simplemma>=2.0,<2.1'"
            ) from error
        self._languages = sorted(factory.SUPPORTED_LANGUAGES if languages is None else languages)

    @property
    def languages(self) -> Sequence[str]:
        """Language codes, sorted."""
        return self._languages

    def size_bytes(self, language: str) -> int:
        """Bytes of the compressed dictionary."""
        return self._file(language).stat().st_size

    def pairs(self, language: str) -> Iterator[tuple[bytes, bytes]]:
        """Word forms and lemmas in the order of the package's stream.

        Raises:
            DataError: the dictionary is damaged.
        """
        try:
            stream = self._read_decompressed(language)
            is_reversed, count, position = self._read_header(stream)
            num_read = 0
            for _, form, lemma in self._iter_records(stream, position):
                num_read += 1
                yield (form[::-1], lemma[::-1]) if is_reversed else (form, lemma)
            # A stream cut between two records decodes without complaint.
            if num_read != count:
                raise ValueError(f"{num_read} records instead of {count}")
        except (ValueError, EOFError, OSError) as error:
            raise DataError(
                f"{self._file(language)}: damaged ({error}); pip install --force-reinstall simplemma"
            ) from error

    def _file(self, language: str) -> Path:
        return self._folder / f"{language}.plzma"
