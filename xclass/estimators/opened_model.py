"""A saved model in a folder of its own, opened for answering; it goes when its owner does."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Any

from xclass.classifiers.base import Answers, Server, import_object
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.data.base import Inputs
from xclass.encoders.factory import load_encoder


class OpenedModel:
    """Answers with the server and the encoder of one method.

    Memory: that of the server; what it maps lies in ``folder``, on the disk.
    """

    def __init__(self, method: str, folder: Path, *, threads: int, is_owner: bool) -> None:
        """Open the model.

        Args:
            method: that made it.
            folder: of the saved model and its encoder.
            threads: of the server.
            is_owner: delete the folder when this object goes.

        Raises:
            ModelError: the folder is incomplete or damaged.
        """
        self.method = method
        self.folder = folder
        self._server: Server = import_object(METHOD_CONFIGS[method].server)(threads=threads)
        self._server.load(folder)
        self._encoder = load_encoder(folder)
        self._turn = threading.Lock()
        if is_owner:
            weakref.finalize(self, _remove, folder, os.getpid())

    def answer(self, inputs: Inputs, k: int) -> Answers:
        """The k best classes of each query, by their numbers.

        One caller at a time: the search of an inverted index adds up scores in room that it keeps (of 24
        calls of knn in 8 threads 23 answered other than one call alone, of sparse_means 14). Each answer has
        the threads of the server.
        """
        with self._turn:
            return self._server.search(self._encoder.encode(self._encoder.features(inputs)), k)

    def files(self) -> dict[str, bytes]:
        """Name -> content, to be pickled by the caller's own choice.

        Memory: the whole model.
        """
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def _remove(folder: Path, owner: int) -> None:
    """Not in a process forked from the owner: its copy goes first, and the owner still answers."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def new_folder() -> Path:
    """An empty folder for one model, in the folder for temporary files."""
    return Path(tempfile.mkdtemp(prefix="xclass-"))


def write_files(files: dict[str, bytes]) -> Path:
    """What :meth:`OpenedModel.files` gave, in a new folder."""
    folder = new_folder()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def json_value(value: Any) -> Any:
    """Numbers of numpy as those of Python; all else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
