"""A FAISS index amended in memory: FAISS removes, renumbers and appends only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.amend.change import BLOCK_CLASSES, Change
from xclass.classifiers.amend.rows import with_length
from xclass.classifiers.nearest_neighbour.index_parts import innermost
from xclass.classifiers.nearest_neighbour.shards import LISTS_FILE
from xclass.data.base import IntArray, batch_ranges
from xclass.errors import ModelError


def amend_index(source: Path, target: Path, change: Change, *, length: float | None) -> None:
    """Read an index, drop rows, append vectors, write it. Afterwards the ids in it are rows: 0, 1, 2, ...

    Args:
        source: index file.
        target: file to write.
        change: which rows.
        length: that new vectors are given; None: they keep their own.

    Raises:
        ModelError: FAISS cannot read the file, or cannot remove from an index of this kind.
        OSError: the disk is full.

    Memory:
        the bytes of the index file and of lists on the disk, which the new index file holds itself; while
        codes grow by appending, or a graph is built again because nothing can be removed from one, twice
        that. C / 8 bytes name the rows that go.
    """
    try:
        index = _read_into_memory(source)
    except RuntimeError as error:
        raise ModelError(
            f"{source}: FAISS cannot read it ({_first_line(error)}); build the index again"
        ) from error
    if index.ntotal != change.num_classes:
        raise ModelError(f"{source}: {index.ntotal} vectors, not {change.num_classes}; build the index again")
    if len(change.dropped_R):
        _drop(index, change, source)
    for block in change.added_blocks():
        index.add(block if length is None else with_length(block, length))
    try:
        faiss.write_index(index, str(target))
    except RuntimeError as error:
        # FAISS says neither that the disk is full nor where.
        raise OSError(None, f"FAISS cannot write it ({_first_line(error)})", str(target)) from error


def _read_into_memory(source: Path) -> faiss.Index:
    """The index, and the lists that were built on the disk: FAISS cannot remove from those."""
    if not source.with_name(LISTS_FILE).exists():
        return faiss.read_index(str(source))
    index = faiss.read_index(str(source), faiss.IO_FLAG_ONDISK_SAME_DIR | faiss.IO_FLAG_READ_ONLY)
    inner = innermost(index)
    lists = faiss.ArrayInvertedLists(inner.nlist, inner.code_size)
    inner.invlists.copy_subset_to(lists, faiss.InvertedLists.SUBSET_TYPE_ID_RANGE, 0, inner.ntotal)
    inner.replace_invlists(lists, True)
    lists.this.disown()
    return index


def _drop(index: faiss.Index, change: Change, source: Path) -> None:
    inner = innermost(index)
    if isinstance(inner, faiss.IndexHNSW):
        _build_graph_again(inner, change)
        index.ntotal = inner.ntotal
        return
    goes_C = np.zeros(change.num_classes, dtype=bool)
    goes_C[change.dropped_R] = True
    try:
        removed = index.remove_ids(faiss.IDSelectorBitmap(np.packbits(goes_C, bitorder="little")))
    except RuntimeError as error:
        raise ModelError(
            f"{source}: FAISS cannot remove from a {type(inner).__name__} ({_first_line(error)}); build an "
            "index of another kind, or build this one again without those classes"
        ) from error
    assert removed == len(change.dropped_R)
    if isinstance(inner, faiss.IndexFastScan | faiss.IndexIVFFastScan):
        _clear_places_that_became_free(inner)
    if isinstance(inner, faiss.IndexIVF):
        _renumber_lists(inner, change.dropped_R)


def _clear_places_that_became_free(index: Any) -> None:
    """Zero what lies behind the last code of a block, into which ``add`` writes by adding bits.

    Removing moves codes up and leaves the old ones behind: the next class that came would have the bits of
    both codes and would not be found (faiss 1.15.1).

    Source: faiss/impl/pq4_fast_scan.cpp, ``pq4_pack_codes_range``; faiss/IndexFastScan.cpp and
    faiss/invlists/BlockInvertedLists.cpp, ``remove_ids``.
    """
    packer = index.get_CodePacker()
    nothing = np.zeros(packer.code_size, dtype=np.uint8)
    if isinstance(index, faiss.IndexFastScan):
        filled = [(index.codes.get(), index.ntotal)]
    else:
        lists = index.invlists
        filled = [(lists.get_codes(number), lists.list_size(number)) for number in range(index.nlist)]
    for codes, size in filled:
        num_blocks = -(-size // packer.nvec)
        if size < num_blocks * packer.nvec:
            blocks = faiss.rev_swig_ptr(codes, num_blocks * packer.block_size).reshape(num_blocks, -1)
            for place in range(size, num_blocks * packer.nvec):
                packer.pack_1(nothing, place, blocks)


def _renumber_lists(index: Any, dropped_R: IntArray) -> None:
    """Close the gaps that removing leaves in the ids of inverted lists; other kinds shift by themselves.

    Else ``add`` would give ids from ``ntotal`` on, which are still taken.

    Source: faiss/IndexIVF.cpp, ``add_core`` (id = ntotal + i), ``remove_ids`` (ids stay).
    """
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            ids = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
            ids -= np.searchsorted(dropped_R, ids)


def _build_graph_again(index: Any, change: Change) -> None:
    """Add the vectors that stay to an emptied graph, from what is stored of them.

    Encoding a decoded vector gives the same code (a cell's centre lies in that cell), so that nothing is
    lost but time: as much as building took.

    Source: faiss/IndexHNSW.h has no ``remove_ids``.
    """
    old = faiss.clone_index(index)
    index.reset()
    for rows in change.kept_rows():
        for start, stop in batch_ranges(len(rows), BLOCK_CLASSES):
            index.add(old.reconstruct_batch(rows[start:stop]))


def _first_line(error: RuntimeError) -> str:
    return str(error).splitlines()[0]
