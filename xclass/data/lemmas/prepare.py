"""Derives the data set ``lemmas`` from the installed package simplemma, once, into the cache folder.

    python -c "from xclass.data.lemmas.prepare import main; main()"

Two passes. The first reads one language at a time, groups its forms by lemma and appends them to staging
files. Then the frequency of each class is known, classes are ranked by it, and the second pass copies the
groups in rank order: the training texts of the N most frequent classes are a prefix of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray
from xclass.data.lemmas.config import LemmasConfig
from xclass.data.lemmas.dictionaries import Dictionaries, SimplemmaDictionaries
from xclass.data.lemmas.grouping import group_forms
from xclass.data.lemmas.manifest import FORMAT_VERSION, read_manifest
from xclass.data.manifest import write_manifest
from xclass.data.publish import publishing
from xclass.data.text_store import TextWriter, gather_pieces, map_array, read_pieces, store_files

Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``: bytes of dictionaries read, then bytes of texts written."""

_CHUNK_BYTES = 4 << 20


def prepare(
    cache: Path, *, dictionaries: Dictionaries | None = None, progress: Progress | None = None
) -> Path:
    """Make sure that the data set lies in ``cache``.

    Args:
        cache: folder that may hold several versions; made if it is missing.
        dictionaries: what to read; None: all languages of the installed simplemma.
        progress: called a few hundred times.

    Returns:
        The folder for :class:`xclass.data.lemmas.source.LemmasSource`.

    Raises:
        DataError: simplemma missing, disk full, or a cached folder that is damaged.

    Memory: set by the largest language (sw: 4.87 M forms), about 45 B per form + its text twice. All of
    simplemma 2.0.0 in a fresh process: VmHWM 477 MB, of which 19 MB are file pages; 0.61 GB on disk, twice
    that while it is written; 80 s on one idle core of the development machine.
    """
    dictionaries = SimplemmaDictionaries() if dictionaries is None else dictionaries
    report = progress or (lambda done, total, what: None)
    folder = cache / f"lemmas-v{FORMAT_VERSION}-{dictionaries.name.replace(' ', '-')}"
    if folder.exists():
        read_manifest(folder)
        return folder
    with publishing(folder, room="about 1.2 GB") as partial:
        staged = _stage(partial, dictionaries, report)
        num_staged = _write_ranked(partial, staged, report)
        for stem in ("staged_train", "staged_test", "staged_names"):
            for name in store_files(stem):
                (partial / name).unlink()
        _write_manifest(partial, dictionaries, num_staged)
    read_manifest(folder)
    return folder


@dataclass(kw_only=True, slots=True)
class _Staged:
    """Per class, in order of (language, lemma): what the staging files hold of it."""

    languages: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    num_train: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    train_bytes: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    test_bytes: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    """0 for a class without a held-out form: there are no empty forms."""
    name_bytes: list[npt.NDArray[np.uint8]] = field(default_factory=list)


def _stage(partial: Path, dictionaries: Dictionaries, report: Progress) -> _Staged:
    sizes = [dictionaries.size_bytes(language) for language in dictionaries.languages]
    staged = _Staged()
    with ExitStack() as open_files:
        writers = {
            stem: open_files.enter_context(closing(TextWriter(partial, f"staged_{stem}")))
            for stem in ("train", "test", "names")
        }
        for number, language in enumerate(dictionaries.languages):
            report(sum(sizes[:number]), sum(sizes), f"reading {language}")
            _stage_language(number, language, dictionaries, writers, staged)
    report(sum(sizes), sum(sizes), "read all languages")
    return staged


def _stage_language(
    number: int, language: str, dictionaries: Dictionaries, writers: dict[str, TextWriter], staged: _Staged
) -> None:
    grouped = group_forms(dictionaries.pairs(language), language=language)
    held_out = grouped.held_out()
    for stem, mask in (("train", ~held_out), ("test", held_out)):
        for bytes_, lengths in grouped.texts(np.flatnonzero(mask)):
            writers[stem].append(bytes_, lengths)
    name_lengths = np.array([len(lemma) for lemma in grouped.lemmas], np.uint8)
    writers["names"].append(np.frombuffer(b"".join(grouped.lemmas), np.uint8), name_lengths)

    class_starts = np.cumsum(grouped.counts) - grouped.counts
    test_bytes = np.where(grouped.counts >= 2, grouped.lengths[class_starts], 0).astype(np.uint8)
    all_bytes = np.add.reduceat(grouped.lengths, class_starts, dtype=np.int64)
    staged.languages.append(np.full(len(grouped.counts), number, np.uint8))
    staged.num_train.append((grouped.counts - (test_bytes > 0)).astype(np.uint32))
    staged.train_bytes.append((all_bytes - test_bytes).astype(np.uint32))
    staged.test_bytes.append(test_bytes)
    staged.name_bytes.append(name_lengths)


def _write_ranked(partial: Path, staged: _Staged, report: Progress) -> dict[str, int]:
    """The final files, in order of rank; returns the counts for the manifest."""
    num_train = np.concatenate(staged.num_train)
    # A stable sort of what is ordered by (language, lemma) breaks ties by language, then by lemma.
    order = np.argsort(-num_train.astype(np.int64), kind="stable")
    test_bytes = np.concatenate(staged.test_bytes)
    has_test = (test_bytes > 0).astype(np.uint8)

    train = _Group(np.concatenate(staged.train_bytes), num_train)
    test = _Group(test_bytes, has_test)
    names = _Group(np.concatenate(staged.name_bytes), np.ones(len(order), np.uint8))
    written = {}
    for stem, group in (("train", train), ("test", test), ("names", names)):
        written[stem] = _copy_ranked(partial, stem, group, order, report)

    class_starts = np.zeros(len(order) + 1, np.uint32)
    np.cumsum(num_train[order], out=class_starts[1:])
    class_starts.tofile(partial / "class_starts.u4")
    np.flatnonzero(has_test[order]).astype(np.uint32).tofile(partial / "test_classes.u4")
    np.concatenate(staged.languages)[order].tofile(partial / "class_languages.u1")
    return {
        "num_classes": len(order),
        "num_train": written["train"].num_texts,
        "num_test": written["test"].num_texts,
        "num_train_bytes": written["train"].num_elements,
        "num_test_bytes": written["test"].num_elements,
    }


@dataclass(frozen=True, slots=True)
class _Group:
    """Per class: bytes and number of its texts in a staging file."""

    num_bytes: npt.NDArray[np.integer[Any]]
    num_texts: npt.NDArray[np.integer[Any]]


def _copy_ranked(partial: Path, stem: str, group: _Group, order: IntArray, report: Progress) -> TextWriter:
    """Copy the groups of a staging file in the given order of classes."""
    bytes_name, lengths_name, _ = store_files(f"staged_{stem}")
    num_bytes = (partial / bytes_name).stat().st_size
    lengths = map_array(partial / lengths_name, np.uint8)
    byte_starts = np.cumsum(group.num_bytes, dtype=np.int64) - group.num_bytes
    text_starts = np.cumsum(group.num_texts, dtype=np.int64) - group.num_texts
    writer = TextWriter(partial, stem)
    # Read and not mapped: the groups lie all over the file, and all of it would become resident.
    with (partial / bytes_name).open("rb") as bytes_file, closing(writer):
        for classes in _chunks_of_bytes(group.num_bytes, order):
            writer.append(
                read_pieces(bytes_file.fileno(), byte_starts[classes], group.num_bytes[classes]),
                gather_pieces(lengths, text_starts[classes], group.num_texts[classes].astype(np.int64)),
            )
            report(writer.num_elements, num_bytes, f"writing {stem}")
        writer.finish()
    return writer


def _chunks_of_bytes(num_bytes: npt.NDArray[np.integer[Any]], order: IntArray) -> Iterator[IntArray]:
    """``order`` in consecutive parts of about _CHUNK_BYTES."""
    ends = np.cumsum(num_bytes[order], dtype=np.int64)
    cuts = np.searchsorted(ends, np.arange(_CHUNK_BYTES, int(ends[-1]), _CHUNK_BYTES)) + 1
    yield from np.split(order, np.unique(cuts))


def _write_manifest(partial: Path, dictionaries: Dictionaries, counts: dict[str, int]) -> None:
    document = {
        "format_version": FORMAT_VERSION,
        "source": dictionaries.name,
        "languages": list(dictionaries.languages),
        **counts,
    }
    write_manifest(partial, document)


def main() -> None:
    """Prepare into the default cache."""
    prepare(LemmasConfig().cache_folder())
