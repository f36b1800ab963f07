"""A saved model with classes added and dropped, as a new folder that appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.amend.change import Change, plan_change
from xclass.classifiers.amend.rows import amend_class_ids, amend_head, amend_rows, with_length
from xclass.classifiers.class_ids import CLASS_IDS, NEXT_CLASS, open_class_ids
from xclass.classifiers.model_folder import (
    MANIFEST,
    WEIGHTS,
    map_array,
    map_class_vectors,
    read_manifest,
    write_manifest,
)
from xclass.classifiers.nearest_neighbour.second_stage import EXACT_VECTORS
from xclass.classifiers.seal import SEAL, Progress, SealLevel, check_seal, seal
from xclass.classifiers.served_facts import SERVED_JSON
from xclass.encoders.config import ENCODER_FILES
from xclass.errors import ConfigError, ModelError

HISTORY = "amendments"
"""Fact of the manifest: what was done to the model since it was trained, oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Amendment:
    """What was done."""

    added: range
    """Ids of the new classes."""
    num_dropped: int
    num_classes: int
    """Classes of the new model."""


def amend_model(
    model: Path,
    out: Path,
    *,
    drop: npt.NDArray[np.integer] | None = None,
    add: npt.NDArray[np.floating] | None = None,
    check: SealLevel = SealLevel.contents,
    progress: Progress | None = None,
) -> Amendment:
    """Write a model folder with some classes dropped and others added; the old folder is only read.

    Args:
        model: a saved softmax head or nearest-neighbour index.
        out: folder to make; its parent exists.
        drop: class ids.
        add: shape (N, D), encoded examples or means, one for each new class; they get the ids after the
            highest that the model ever had.
        check: how closely the model is compared with its seal before.
        progress: of that check.

    Raises:
        ConfigError: what is wanted does not fit the model, or ``out`` exists.
        ModelError: the model is not sealed, damaged, or of a kind that cannot be amended.
        OSError: the disk is full, or ``out`` cannot be made.

    Memory:
        softmax heads: ``4 D min(C, 65536)`` and a few blocks, whatever C is. Indexes: see
        :func:`xclass.classifiers.amend.index.amend_index`.
    """
    check_seal(model, level=check, progress=progress)
    manifest = read_manifest(model, kind=("linear", "faiss"))
    row_files = _row_files(manifest["kind"])
    _refuse_unknown_files(model, manifest, row_files)
    class_ids = open_class_ids(model, manifest)
    change = plan_change(
        class_ids, num_classes=manifest["num_classes"], dim=manifest["dim"], drop=drop, add=add
    )
    with new_folder(out) as partial:
        _amend_files(model, partial, manifest, change)
        amend_class_ids(class_ids, partial, change)
        _copy_others(model, partial, row_files | {MANIFEST, SEAL})
        _complete(partial, manifest, change)
    return Amendment(
        added=range(change.next_id, change.next_id_after),
        num_dropped=len(change.dropped_R),
        num_classes=change.num_classes_after,
    )


def _complete(partial: Path, manifest: dict[str, Any], change: Change) -> None:
    write_manifest(
        partial,
        kind=manifest["kind"],
        shape={"num_classes": change.num_classes_after, "dim": manifest["dim"]},
        facts=_facts_after(manifest["facts"], change),
    )
    seal(partial)


def _copy_others(model: Path, partial: Path, left_out: set[str]) -> None:
    """What has no row per class; a frozen encoder is a folder."""
    for path in sorted(model.iterdir()):
        if path.is_dir():
            shutil.copytree(path, partial / path.name)
        elif path.name not in left_out:
            shutil.copyfile(path, partial / path.name)


def _amend_files(model: Path, partial: Path, manifest: dict[str, Any], change: Change) -> None:
    """Every file with a row per class but the ids."""
    if manifest["kind"] == "linear":
        amend_head(map_class_vectors(model, manifest), partial / WEIGHTS, change)
        return
    from xclass.classifiers.amend.index import amend_index
    from xclass.classifiers.nearest_neighbour.server import ADDED_LENGTH
    from xclass.classifiers.nearest_neighbour.shards import INDEX_FILE

    facts = manifest["facts"]
    length = 1.0 if facts.get("normalise") else facts.get(ADDED_LENGTH)
    amend_index(model / INDEX_FILE, partial / INDEX_FILE, change, length=length)
    if EXACT_VECTORS in manifest["files"]:
        shape = (manifest["num_classes"], manifest["dim"])
        exact_CD = map_array(model / EXACT_VECTORS, shape, np.float16)
        amend_rows(
            exact_CD,
            partial / EXACT_VECTORS,
            change,
            lambda block: block if length is None else with_length(block, length),
        )


def _facts_after(facts: dict[str, Any], change: Change) -> dict[str, Any]:
    done = {
        "dropped": len(change.dropped_R),
        "added": len(change.added_ND),
        "first_added": change.next_id if len(change.added_ND) else None,
    }
    return facts | {NEXT_CLASS: change.next_id_after, HISTORY: [*facts.get(HISTORY, []), done]}


def _row_files(kind: str) -> set[str]:
    """Names of the files with a row per class."""
    if kind == "linear":
        return {WEIGHTS, CLASS_IDS}
    # Here and below, so that a softmax head is amended without FAISS.
    from xclass.classifiers.nearest_neighbour.shards import INDEX_FILE, LISTS_FILE

    return {INDEX_FILE, LISTS_FILE, EXACT_VECTORS, CLASS_IDS}


def _refuse_unknown_files(model: Path, manifest: dict[str, Any], row_files: set[str]) -> None:
    """A file this module does not know may have a row per class, and would be wrong afterwards."""
    if (num_shards := manifest["facts"].get("shards", 1)) != 1:
        raise ModelError(
            f"{model}: an index in {num_shards} shards cannot be amended; amend the models of its shards "
            "(index.shard) and merge them again, or build it without index.shards"
        )
    unknown = sorted(set(manifest["files"]) - row_files - ENCODER_FILES - {SERVED_JSON})
    if unknown:
        raise ModelError(
            f"{model / unknown[0]}: not a file that can be amended; amend with the xclass that saved the "
            "model, or train it again"
        )


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears whole or not at all; what a killed command left of one is cleared away."""
    if folder.exists():
        raise ConfigError(
            "--out", folder, allowed="a folder that does not exist", remedy="choose another name"
        )
    if not folder.parent.is_dir():
        raise ConfigError(
            "--out", folder, allowed="a folder in one that exists", remedy=f"make {folder.parent} first"
        )
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
