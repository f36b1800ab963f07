"""Finished shards of a model while the next one is built: on the disk, out of memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import faiss

from xclass.classifiers.nearest_neighbour.build import DiskLists
from xclass.classifiers.nearest_neighbour.shards import ShardFiles


def write_shard(index: Any, lists: DiskLists | None, files: ShardFiles, folder: Path) -> None:
    """Write an index under its names; lists in a file are packed beside it.

    Raises:
        OSError: the disk is full.
    """
    if lists is not None:
        lists.save(index, folder / files.lists)
    path = folder / files.index
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        # FAISS says neither that the disk is full nor where.
        reason = str(error).splitlines()[0]
        raise OSError(None, f"FAISS cannot write it ({reason})", str(path)) from error


class FinishedShards:
    """A hidden folder beside the model that is to come: what a killed run leaves, its launcher clears."""

    def __init__(self, folder: str) -> None:
        """Make it; it is deleted with this object at the latest."""
        self._folder = Path(tempfile.mkdtemp(prefix=".shards-", dir=folder))
        self._clear = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def put(self, index: Any, lists: DiskLists | None, files: ShardFiles) -> None:
        """Write one; the caller lets go of it then.

        Raises:
            OSError: the disk is full.
        """
        write_shard(index, lists, files, self._folder)

    def save(self, folder: Path) -> None:
        """Move them into the model."""
        for path in sorted(self._folder.iterdir()):
            shutil.move(path, folder / path.name)
        self._clear()
