"""The check of a model against its seal: once for all workers that serve it, because it reads every byte."""

from __future__ import annotations

import fcntl
from pathlib import Path

from xclass.classifiers.seal import SealLevel, check_seal

_LOCK, _CHECKED = "model.lock", "model.checked"


def check_once(folder: Path, *, seen: str, level: SealLevel, shared: Path | None) -> None:
    """Compare a folder with its seal, contents only if no other worker has found them right.

    Args:
        folder: of the model.
        seen: its fingerprint: files, sizes and times. As long as it is the same, contents count as checked.
        level: how closely.
        shared: folder of the workers, where they keep what was checked; None: this process is alone.

    Raises:
        ModelError: no seal, or the folder is not what was sealed.
    """
    check_seal(folder, level=SealLevel.sizes)
    if level is SealLevel.sizes:
        return
    if shared is None:
        check_seal(folder)
        return
    with (shared / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        checked = shared / _CHECKED
        if checked.is_file() and checked.read_text(encoding="utf-8") == seen:
            return
        check_seal(folder)
        checked.write_text(seen, encoding="utf-8")
