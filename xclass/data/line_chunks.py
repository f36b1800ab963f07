"""Whole lines of a text file, plain or gzip, in pieces of bounded size; a cut file is refused."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

from xclass.errors import DataError

_CHUNK_BYTES = 1 << 21
_MAX_LINE_BYTES = 1 << 28
_GZIP_MAGIC = b"\x1f\x8b"


class LineFile:
    """One pass over the lines of a file.

    Attributes:
        digest: sha256 of the bytes of the file as they lie on the disk, once all were read.

    Memory: two pieces of 2 MiB, or the longest line (at most 256 MiB) twice.
    """

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is opened yet."""
        self.path = path
        self.size_bytes = path.stat().st_size
        self.digest = ""
        self._raw: _Hashed | None = None

    @property
    def done_bytes(self) -> int:
        """Bytes of the file read so far, compressed where it is."""
        return self._raw.num_bytes if self._raw else 0

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Number of the first line (from 1), and whole lines, each with its newline.

        Raises:
            DataError: the compressed file is cut short or damaged, or a line is longer than 256 MiB.
        """
        number, rest = 1, b""
        with ExitStack() as opened:
            self._raw = _Hashed(opened.enter_context(self.path.open("rb")))
            file = self._open(self._raw, opened)
            while piece := self._read(file):
                head, newline, rest_of_piece = piece.rpartition(b"\n")
                if not newline:
                    rest += piece
                    self._check_line(rest, number)
                    continue
                lines = rest + head + newline
                rest = rest_of_piece
                yield number, lines
                number += lines.count(b"\n")
            if rest:
                yield number, rest + b"\n"
            self.digest = self._raw.finish()

    def _open(self, raw: _Hashed, opened: ExitStack) -> Any:
        if raw.starts_with(_GZIP_MAGIC):
            return opened.enter_context(gzip.GzipFile(fileobj=cast("IO[bytes]", raw), mode="rb"))
        return raw

    def _read(self, file: Any) -> bytes:
        try:
            piece: bytes = file.read(_CHUNK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{self.path}: cannot be decompressed after {self.done_bytes:,} of {self.size_bytes:,} bytes "
                f"({error}); fetch the file again"
            ) from error
        return piece

    def _check_line(self, line: bytes, number: int) -> None:
        if len(line) > _MAX_LINE_BYTES:
            raise DataError(
                f"{self.path}:{number}: a line of more than 256 MiB; "
                "check that it is a text file, with one example per line"
            )


class _Hashed:
    """A file that is hashed while it is read front to back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._ahead = b""
        self.num_bytes = 0

    def starts_with(self, magic: bytes) -> bool:
        self._ahead = self._file.read(len(magic))
        return self._ahead == magic

    def read(self, size: int = -1) -> bytes:
        piece, self._ahead = self._ahead + self._file.read(size - len(self._ahead)), b""
        self._digest.update(piece)
        self.num_bytes += len(piece)
        return piece

    def finish(self) -> str:
        while self.read(_CHUNK_BYTES):
            pass
        return self._digest.hexdigest()
