"""Indexes over disjoint classes, built apart, as one model: its shards, searched together."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.amend.change import BLOCK_CLASSES
from xclass.classifiers.amend.folder import HISTORY, new_folder
from xclass.classifiers.amend.rows import write_header
from xclass.classifiers.class_ids import CLASS_IDS, NEXT_CLASS, ClassIds, open_class_ids
from xclass.classifiers.model_folder import map_array, read_manifest, write_manifest
from xclass.classifiers.nearest_neighbour.index_parts import innermost
from xclass.classifiers.nearest_neighbour.second_stage import EXACT_VECTORS
from xclass.classifiers.nearest_neighbour.shards import NUM_SHARDS, ShardFiles, open_shards, shard_files
from xclass.classifiers.seal import Progress, SealLevel, check_seal, seal
from xclass.classifiers.served_facts import SERVED_JSON
from xclass.data.base import IntArray, batch_ranges
from xclass.encoders.config import ENCODER_FILES
from xclass.errors import ConfigError

_KEY = "MODEL_FOLDER"
_EQUAL_FACTS = ("normalise", "rerank", "is_rerank_mapped")
"""Of the manifest: what one server cannot do in two ways."""
_SHARED_FILES = ENCODER_FILES | {SERVED_JSON}
_EFFORTS = ("num_probes", "search_width")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One of the models."""

    folder: Path
    manifest: dict[str, Any]
    class_ids: ClassIds

    @property
    def num_classes(self) -> int:
        return int(self.manifest["num_classes"])

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.manifest["facts"]
        return facts

    def ids(self, start: int, stop: int) -> IntArray:
        """Classes of some rows."""
        return self.class_ids.name(np.arange(start, stop, dtype=np.int64))

    @property
    def ends(self) -> tuple[int, int]:
        """First and last class."""
        last = self.num_classes - 1
        return int(self.ids(0, 1)[0]), int(self.ids(last, last + 1)[0])

    @property
    def files(self) -> list[ShardFiles]:
        """Of its indexes."""
        return shard_files(int(self.facts.get(NUM_SHARDS, 1)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What became of them."""

    num_classes: int
    num_shards: int


def merge_models(
    models: Sequence[Path],
    out: Path,
    *,
    check: SealLevel = SealLevel.contents,
    progress: Progress | None = None,
) -> Merged:
    """Write one model folder with the indexes of several; these are only read.

    Classes keep their ids. The models must have been built with the same encoder and settings, over classes
    that do not mix: all ids of one before all of the next.

    Args:
        models: at least two saved nearest-neighbour indexes, in any order.
        out: folder to make; its parent exists.
        check: how closely each is compared with its seal before.
        progress: of that check.

    Raises:
        ConfigError: the models do not fit together, or ``out`` exists.
        ModelError: one of them is not sealed, or damaged.
        OSError: the disk is full; it takes as much as all of them.

    Memory:
        one block of ids or vectors; indexes are opened mapped, to look at their headers.
    """
    for folder in models:
        check_seal(folder, level=check, progress=progress)
    parts = _open_parts(models)
    files = [(part.folder, names) for part in parts for names in part.files]
    with new_folder(out) as partial:
        for (folder, names), new_names in zip(files, shard_files(len(files)), strict=True):
            _copy_index(folder, names, partial, new_names)
        _copy_shared(parts[0].folder, partial)
        num_classes = sum(part.num_classes for part in parts)
        _write_ids(parts, partial, num_classes)
        if parts[0].facts.get("rerank", 0):
            _write_exact(parts, partial, num_classes)
        shape = {"num_classes": num_classes, "dim": parts[0].manifest["dim"]}
        write_manifest(partial, kind="faiss", shape=shape, facts=_facts(parts, len(files)))
        # Whether FAISS reads them, and they are of one dimension and metric.
        open_shards(partial, read_manifest(partial, kind="faiss"))
        seal(partial)
    return Merged(num_classes=num_classes, num_shards=len(files))


def _open_parts(models: Sequence[Path]) -> list[_Part]:
    """The models in order of their classes, checked against each other."""
    if len(models) < 2:
        raise ConfigError(_KEY, len(models), allowed="at least two models", remedy="name the others too")
    parts = [_open_part(folder) for folder in models]
    parts.sort(key=lambda part: part.ends)
    first, *others = parts
    for part in others:
        _check_alike(first, part)
    for one, other in zip(parts, others, strict=False):
        last, begin = one.ends[1], other.ends[0]
        if begin <= last:
            raise ConfigError(
                _KEY,
                f"{other.folder}, whose first class is {begin}",
                allowed=f"classes after {last}, the last one of {one.folder}",
                remedy="build each model over classes of its own (index.shards=N index.shard=0, 1, ...)",
            )
    return parts


def _open_part(folder: Path) -> _Part:
    manifest = read_manifest(folder, kind=("faiss", "linear"))
    if manifest["kind"] != "faiss":
        raise ConfigError(
            _KEY,
            folder,
            allowed="nearest-neighbour indexes: scores of softmax heads that were trained apart have no "
            "scale in common",
            remedy="train one head in several processes (ranks=), or index its class vectors",
        )
    return _Part(folder=folder, manifest=manifest, class_ids=open_class_ids(folder, manifest))


def _check_alike(first: _Part, part: _Part) -> None:
    differing = [name for name in _EQUAL_FACTS if first.facts.get(name) != part.facts.get(name)]
    if first.manifest["dim"] != part.manifest["dim"]:
        differing.append("dim")
    differing += [
        name for name in _shared_names(first.folder, part.folder) if not _is_same(name, first, part)
    ]
    if differing:
        raise ConfigError(
            _KEY,
            part.folder,
            allowed=f"what is built as {first.folder}; of another {', '.join(differing)} scores mean "
            "something else",
            remedy="build all shards with the same command but for index.shard",
        )


def _shared_names(*folders: Path) -> list[str]:
    """Files of no class alone: encoder, what is served, and those in folders (frozen encoder, names)."""
    found = set()
    for folder in folders:
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            if path.is_file() and (len(name.parts) > 1 or name.name in _SHARED_FILES):
                found.add(str(name))
    return sorted(found)


def _is_same(name: str, first: _Part, part: _Part) -> bool:
    one, other = first.folder / name, part.folder / name
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def _copy_index(folder: Path, names: ShardFiles, target: Path, new_names: ShardFiles) -> None:
    """An index under its new name; one with lists in a file names that file and so is written anew."""
    if not (folder / names.lists).is_file():
        shutil.copyfile(folder / names.index, target / new_names.index)
        return
    shutil.copyfile(folder / names.lists, target / new_names.lists)
    flags = faiss.IO_FLAG_ONDISK_SAME_DIR | faiss.IO_FLAG_READ_ONLY
    index = faiss.read_index(str(folder / names.index), flags)
    faiss.downcast_InvertedLists(innermost(index).invlists).filename = new_names.lists
    faiss.write_index(index, str(target / new_names.index))


def _copy_shared(folder: Path, target: Path) -> None:
    for name in _shared_names(folder):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def _write_ids(parts: Sequence[_Part], target: Path, num_classes: int) -> None:
    """Ids of the rows, where they are not 0 to C - 1."""
    if parts[0].ends[0] == 0 and parts[-1].ends[1] == num_classes - 1:
        return
    with (target / CLASS_IDS).open("wb") as file:
        write_header(file, np.zeros(0, dtype=np.int64), (num_classes,))
        for part in parts:
            for start, stop in batch_ranges(part.num_classes, BLOCK_CLASSES):
                part.ids(start, stop).tofile(file)


def _write_exact(parts: Sequence[_Part], target: Path, num_classes: int) -> None:
    """Vectors of the second stage, in the order of the rows."""
    dim = parts[0].manifest["dim"]
    with (target / EXACT_VECTORS).open("wb") as file:
        write_header(file, np.zeros(0, dtype=np.float16), (num_classes, dim))
        for part in parts:
            shape = (part.num_classes, dim)
            exact_CD = map_array(part.folder / EXACT_VECTORS, shape, np.float16)
            for start, stop in batch_ranges(part.num_classes, BLOCK_CLASSES):
                exact_CD[start:stop].tofile(file)


def _facts(parts: Sequence[_Part], num_shards: int) -> dict[str, Any]:
    """Of the first model, with the greatest effort of any."""
    efforts = {name: max(part.facts[name] for part in parts) for name in _EFFORTS}
    history = {"merged": [{"first": part.ends[0], "classes": part.num_classes} for part in parts]}
    return (
        parts[0].facts
        | efforts
        | {
            NUM_SHARDS: num_shards,
            NEXT_CLASS: max(part.class_ids.next_id for part in parts),
            HISTORY: [*parts[0].facts.get(HISTORY, []), history],
        }
    )
