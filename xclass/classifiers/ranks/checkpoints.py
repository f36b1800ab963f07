"""Checkpoints of a head while it is trained, which any number of ranks opens again.

A checkpoint is a folder with one .npy file per array, whole and in the order of all classes: each rank writes
its rows of it. It appears whole or not at all: a rank that dies while writing leaves the checkpoint before.
It is a model folder too, and can be served once it is sealed (``python -m xclass.seal CHECKPOINT new=true``):
hashing it while training waits would read every byte back, so what is opened to go on is checked by sizes.

Several machines write into one folder: on a file system that they share.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.ranks.ranks import Ranks
from xclass.classifiers.ranks.sliced_file import SlicedArray, read_rows, reserve_file, write_rows
from xclass.classifiers.weights.config import WeightsConfig
from xclass.errors import ModelError
from xclass.json_object import read_json_object
from xclass.shapes import ProblemShape

FORMAT_VERSION = 1
PROGRESS = "checkpoint.json"
_PREFIX = "step-"
_PARTIAL = ".partial"


@dataclass(kw_only=True, slots=True)
class TrainingState:
    """All that training needs to go on.

    Attributes:
        sliced: file stem -> rows of this rank; live arrays, which loading fills.
        shared: file stem -> an array that is equal on all ranks; rank 0 writes it.
        facts: JSON values: steps, examples, seconds of the budget, generators.
        problem: JSON values that must be equal for the checkpoint to be of use: sizes, formats, the seed.
    """

    sliced: dict[str, SlicedArray]
    shared: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)


def problem_of(method: str, shape: ProblemShape, weights: WeightsConfig, seed: int) -> dict[str, Any]:
    """What must be equal for a checkpoint of a head to be of use."""
    return {
        "method": method,
        "classes": shape.num_classes,
        "dim": shape.dim,
        "batch_size": shape.batch_size,
        "weights.dtype": weights.dtype.value,
        "weights.kahan_share": weights.kahan_share,
        "seed": seed,
    }


def save_checkpoint(
    folder: Path, state: TrainingState, ranks: Ranks, *, describe: Callable[[Path], None] = lambda _: None
) -> Path:
    """Write a checkpoint and remove those before it.

    Args:
        folder: of checkpoints; made where it is missing.
        state: its facts hold ``steps``, the number of the checkpoint.
        ranks: all of them call this.
        describe: makes a model of the folder when its arrays stand; called by rank 0.

    Returns:
        The new checkpoint.

    Memory:
        nothing; on the disk two checkpoints while the second is written.

    Raises:
        OSError: the disk is full.
        RanksError: another rank is gone; the checkpoint before stands.
    """
    partial, path = folder / _PARTIAL, folder / f"{_PREFIX}{state.facts['steps']:012d}"
    if ranks.rank == 0:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for stem, array in state.sliced.items():
            reserve_file(_file(partial, stem), array)
    ranks.wait()
    for stem, array in state.sliced.items():
        write_rows(_file(partial, stem), array)
    ranks.wait()
    if ranks.rank == 0:
        describe(partial)
        _publish(partial, path, state)
    ranks.wait()
    return path


def newest_checkpoint(folder: Path, ranks: Ranks) -> Path | None:
    """The checkpoint with the most steps, as rank 0 sees it; None: there is none."""
    steps = -1
    if ranks.rank == 0 and folder.is_dir():
        steps = max((int(path.name.removeprefix(_PREFIX)) for path in _finished(folder)), default=-1)
    steps = int(ranks.agree(float(steps)))
    return None if steps < 0 else folder / f"{_PREFIX}{steps:012d}"


def load_checkpoint(path: Path, state: TrainingState, ranks: Ranks) -> dict[str, Any]:
    """Fill the arrays of a state with what any number of ranks saved.

    Args:
        path: what :func:`newest_checkpoint` found.
        state: as it was before the first step; its arrays are overwritten.
        ranks: all of them call this; each reads its rows only.

    Returns:
        The facts that were saved.

    Raises:
        ModelError: damaged, of another format, or of another problem.
    """
    facts = _read_progress(path / PROGRESS, state)
    for stem, array in state.sliced.items():
        read_rows(_file(path, stem), array)
    for stem, values in state.shared.items():
        read_rows(_file(path, stem), SlicedArray(rows=values, first_row=0, num_rows=len(values)))
    ranks.wait()
    return facts


def remove_checkpoints(folder: Path) -> None:
    """Delete those of a folder, finished and not; the folder itself only where nothing else is in it."""
    for path in [*_finished(folder), folder / _PARTIAL]:
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):  # the user's own files are there too, or it is not
        folder.rmdir()


def _publish(partial: Path, path: Path, state: TrainingState) -> None:
    for stem, values in state.shared.items():
        if not _file(partial, stem).exists():  # a part of the model that was described
            np.save(_file(partial, stem), values, allow_pickle=False)
    document = {"format_version": FORMAT_VERSION, "facts": state.facts, "problem": state.problem}
    (partial / PROGRESS).write_text(json.dumps(document, indent=1), encoding="utf-8")
    for file in partial.iterdir():
        _to_disk(file)
    _to_disk(partial)
    older = [found for found in _finished(path.parent) if found != path]
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    _to_disk(path.parent)
    for found in older:
        shutil.rmtree(found)


def _finished(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdecimal()]


def _read_progress(path: Path, state: TrainingState) -> dict[str, Any]:
    try:
        document = read_json_object(path)
        version, facts, problem = (document[key] for key in ("format_version", "facts", "problem"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a readable checkpoint ({error}); remove its folder") from error
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: format_version={version}, not {FORMAT_VERSION}; remove its folder")
    for key, value in state.problem.items():
        if problem.get(key) != value:
            raise ModelError(
                f"{path}: a checkpoint with {key}={problem.get(key)}, not {value}; go on with that, or "
                "remove its folder to begin anew"
            )
    found: dict[str, Any] = facts
    return found


def _file(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.npy"


def _to_disk(path: Path) -> None:
    """Have a file, or the entries of a folder, survive a loss of power. Source: man fsync(2)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
