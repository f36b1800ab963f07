"""The files of an estimator's model: in a folder of their own that goes when its owner does, or as bytes."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.seal import seal


def open_owned(folder: Path, *, threads: int) -> OpenedModel:
    """Open a model that this process has just written; its folder is deleted when the opened model goes.

    Raises:
        ModelError: the folder is incomplete or damaged.
    """
    model = OpenedModel(folder, threads=threads, check=None)
    weakref.finalize(model, _remove, folder, os.getpid())
    return model


def read_files(folder: Path) -> dict[str, bytes]:
    """Name -> content, to be pickled by the caller's own choice.

    Memory: the whole model.
    """
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _remove(folder: Path, owner: int) -> None:
    """Not in a process forked from the owner: its copy goes first, and the owner still answers."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder to write into that gets its name when it is complete, sealed; or there is none.

    Raises:
        FileExistsError: there is something of this name.
    """
    if os.path.lexists(folder):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
        seal(partial)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def new_folder() -> Path:
    """An empty folder for one model, in the folder for temporary files."""
    return Path(tempfile.mkdtemp(prefix="xclass-"))


def write_files(files: dict[str, bytes]) -> Path:
    """What :func:`read_files` gave, in a new folder."""
    folder = new_folder()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def json_value(value: Any) -> Any:
    """Numbers of numpy as those of Python; all else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
