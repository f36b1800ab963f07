"""What people call the classes of a saved model, beside it: a folder that is copied alone can name them.

The folder ``class_names`` of a model holds three files of :mod:`xclass.data.text_store` (the names' UTF-8, a
length for each, a start for each 64) and ``names.json`` with their number and sizes, which is written last.
Name i is that of class i, whatever row the class has: class ids are for ever, and of classes that were added
later nobody knows a name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.text_store import BLOCK, TextStore, TextWriter, store_files
from xclass.errors import DataError, ModelError
from xclass.json_object import read_json_object

NAMES_FOLDER = "class_names"
_FORMAT_VERSION = 1
_DOCUMENT, _STEM = "names.json", "names"
_PIECE_NAMES = 1 << 14
_REMEDY = "delete the folder to serve without names, or train the model again"


class ClassNames:
    """The names of a model's classes; safe in several threads.

    Memory: the length of each name and the start of each block, mapped: 1 1/8 B per class once all were
    touched (2 or 4 in place of 1 where a name has more than 255 bytes). Names are read when asked for.
    """

    def __init__(self, folder: Path, num_names: int) -> None:
        """Map the files, whose sizes the caller has checked."""
        self._folder = folder
        self._store = TextStore(folder, _STEM, num_texts=num_names)
        self.num_names = num_names

    def names(self, class_ids: Sequence[int]) -> list[str]:
        """What people call some classes, read in one go; text from the data, which may be hostile.

        ``class N`` of a class that was added to the model after the names were saved.

        Raises:
            ModelError: the files are damaged.
        """
        ids = np.array(class_ids, np.int64).reshape(-1)
        is_named = (ids >= 0) & (ids < self.num_names)
        try:
            named = iter(self._store.texts_at(ids[is_named]))
        except (DataError, OSError, ValueError, OverflowError, MemoryError) as error:
            # Lengths and starts were changed, or the bytes between them, after the sizes were checked.
            shown = ", ".join(map(str, ids[is_named][:3]))
            raise _damaged(self._folder, f"no readable name of class {shown}") from error
        return [
            next(named) if here else f"class {one}"
            for one, here in zip(ids.tolist(), is_named.tolist(), strict=True)
        ]

    def held_bytes(self) -> dict[str, int]:
        """The two mapped files."""
        return {"class names (mapped)": self._store.mapped_bytes}


def save_class_names(folder: Path, names: Iterable[str]) -> None:
    """Write the names of classes 0, 1, 2, ... beside a saved model; what was there is replaced.

    Args:
        folder: of the model; the names appear in it whole or not at all.
        names: of all classes, in order.

    Raises:
        OSError: the disk is full.

    Memory:
        16,384 names.
    """
    partial = folder / f".{NAMES_FOLDER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        _write(partial, names)
        shutil.rmtree(folder / NAMES_FOLDER, ignore_errors=True)
        partial.rename(folder / NAMES_FOLDER)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def open_class_names(folder: Path) -> ClassNames | None:
    """The names beside a saved model; None where it was saved without.

    Args:
        folder: of the model.

    Raises:
        ModelError: a file is missing or has another size than was written, or starts and lengths disagree.

    Memory:
        O(1): the lengths are read once, in pieces, to compare them with the starts.
    """
    folder = folder / NAMES_FOLDER
    if not folder.is_dir():
        return None
    document = _read_document(folder / _DOCUMENT)
    for file, size_bytes in document["files"].items():
        path = folder / file
        if not path.is_file() or path.stat().st_size != size_bytes:
            raise _damaged(folder, f"{file} is missing or not {size_bytes} bytes long")
    _check_starts(folder, document["num_names"])
    return ClassNames(folder, document["num_names"])


def _write(folder: Path, names: Iterable[str]) -> None:
    left = iter(names)
    with closing(TextWriter(folder, _STEM)) as writer:
        while some := list(islice(left, _PIECE_NAMES)):
            # surrogatepass would save what no browser and no client can read back.
            encoded = [name.encode("utf-8", errors="replace") for name in some]
            lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
            writer.append(np.frombuffer(b"".join(encoded), np.uint8), lengths)
        writer.finish()
    files = {file: (folder / file).stat().st_size for file in store_files(_STEM)}
    document = {"format_version": _FORMAT_VERSION, "num_names": writer.num_texts, "files": files}
    (folder / _DOCUMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _read_document(path: Path) -> dict[str, Any]:
    """The document, with whole numbers where they belong."""
    try:
        document = read_json_object(path)
        is_known = document["format_version"] == _FORMAT_VERSION
        files, num_names = document["files"], document["num_names"]
        is_known &= isinstance(num_names, int) and num_names >= 0 and set(files) == set(store_files(_STEM))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path.parent, f"{_DOCUMENT} is unreadable ({error})") from error
    if not is_known:
        raise _damaged(path.parent, f"{_DOCUMENT} is not of format {_FORMAT_VERSION}")
    return document


def _check_starts(folder: Path, num_names: int) -> None:
    """Compare the start of each block with the lengths before it."""
    names, lengths, starts = (folder / file for file in store_files(_STEM))
    num_blocks = -(-num_names // BLOCK)
    width = lengths.stat().st_size // max(1, num_blocks * BLOCK)
    is_whole = width in (1, 2, 4) or not num_names
    is_whole &= lengths.stat().st_size == width * num_blocks * BLOCK
    if not is_whole or starts.stat().st_size != 8 * num_blocks:
        raise _damaged(folder, f"not the lengths and starts of {num_names} names")
    dtype, expected, blocks_at_once = np.dtype(f"u{width or 1}"), 0, _PIECE_NAMES // BLOCK
    with lengths.open("rb") as lengths_file, starts.open("rb") as starts_file:
        for first in range(0, num_blocks, blocks_at_once):
            num = min(blocks_at_once, num_blocks - first)
            found = np.frombuffer(starts_file.read(8 * num), np.int64)
            sizes = np.frombuffer(lengths_file.read(width * BLOCK * num), dtype).reshape(num, BLOCK)
            ends = expected + np.cumsum(sizes.sum(axis=1, dtype=np.int64))
            if found[0] != expected or not np.array_equal(found[1:], ends[:-1]):
                raise _damaged(folder, "starts and lengths of the names disagree")
            expected = int(ends[-1])
    if expected != names.stat().st_size:
        raise _damaged(folder, "the lengths of the names are not those of their bytes")


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(f"{folder}: {what}; {_REMEDY}")
