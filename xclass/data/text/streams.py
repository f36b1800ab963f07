"""Bytes of a file, gz or not, counted and digested as they are read; and lines of text out of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from xclass.data.table_files import InputFile
from xclass.data.text.rows import MAX_ROW_BYTES
from xclass.errors import DataError

_BLOCK_BYTES = 1 << 20


class DigestedFile(io.RawIOBase):
    """A file that is read front to back, with the SHA-256 of what was read.

    Memory: O(1).
    """

    def __init__(self, file: InputFile, progress: Callable[[int], None]) -> None:
        """Open it; ``progress`` is told the bytes read so far."""
        super().__init__()
        self._file = file
        self._raw = io.FileIO(file.path)
        self._progress = progress
        self._digest = hashlib.sha256()
        self._num_bytes = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read once."""
        got = self._raw.readinto(buffer) or 0
        self._digest.update(buffer[:got])
        self._num_bytes += got
        self._progress(self._num_bytes)
        return got

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        super().close()

    def finish(self) -> str:
        """SHA-256 of the whole file.

        Raises:
            DataError: it is not what it was when the reading began.
        """
        while self.readinto(memoryview(bytearray(_BLOCK_BYTES))):
            pass
        check_unchanged(self._file)
        return self._digest.hexdigest()


def check_unchanged(file: InputFile) -> None:
    """Refuse a file that was written to while it was read.

    Raises:
        DataError: naming it.
    """
    if InputFile.look_at(Path(file.path)) != file:
        raise DataError(f"{file.path}: it changed while it was read; wait until it is complete and run again")


def text_lines(raw: DigestedFile, path: str) -> Iterator[tuple[int, list[str]]]:
    """Blocks of lines without their line ends (LF; a CR before it stays), each with its first line's number.

    Raises:
        DataError: not UTF-8, a line longer than MAX_ROW_BYTES, or gz that is cut short.
    """
    buffered = io.BufferedReader(raw, _BLOCK_BYTES)
    is_packed = path.lower().endswith(".gz")
    stream: io.BufferedIOBase = gzip.GzipFile(fileobj=buffered) if is_packed else buffered
    line, rest = 1, b""
    while block := _read(stream, path, line):
        if line == 1 and not rest:
            block = block.removeprefix(b"\xef\xbb\xbf")  # Excel's mark of UTF-8
        head, newline, tail = block.rpartition(b"\n")
        if not newline:
            rest += block
            _check_length(rest, path, line)
            continue
        lines = _decoded(rest + head, path, line).split("\n")
        yield line, lines
        line += len(lines)
        rest = tail
    if rest:
        yield line, [_decoded(rest, path, line)]
    buffered.detach()  # else it would close the file on its own end


def _read(stream: io.BufferedIOBase, path: str, line: int) -> bytes:
    try:
        return stream.read(_BLOCK_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}:{line}: {error}; the file is cut short or no gzip: check it with gzip -t, copy it again"
        ) from error


def _check_length(line_bytes: bytes, path: str, line: int) -> None:
    if len(line_bytes) > MAX_ROW_BYTES:
        raise DataError(
            f"{path}:{line}: a line of more than {MAX_ROW_BYTES} bytes; is data.format right, and are lines "
            "ended by a newline?"
        )


def _decoded(lines: bytes, path: str, first_line: int) -> str:
    try:
        return lines.decode()
    except UnicodeDecodeError as error:
        line = first_line + lines.count(b"\n", 0, error.start)
        raise DataError(
            f"{path}:{line}: byte 0x{lines[error.start]:02x} is no UTF-8; convert the file, e.g. "
            "iconv -f latin1 -t utf-8"
        ) from error
