"""The folder ``models`` of a run when it ends, however it ends."""

from __future__ import annotations

import shutil
from pathlib import Path


def tidy_models(folder: Path, *, keep: bool) -> int:
    """Delete what is not to be kept.

    Half-saved models of children that were killed (hidden, ``.<method>.partial``) go in any case: they may be
    as large as the disk and nothing can open them.

    Args:
        folder: a model per method in it, or none at all.
        keep: False deletes it whole.

    Returns:
        Bytes of the files that are kept.
    """
    for path in [folder] if not keep else folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
