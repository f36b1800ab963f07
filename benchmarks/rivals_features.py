"""The same features for every rival: what ``rivals.py`` gives them, made once and kept beside the samples.

Lemmas: counts of character 2- to 5-grams of ``<de:form>``, hashed into 2**18 columns, then scikit-learn's
``TfidfTransformer(sublinear_tf=True)`` (its smoothed idf, rows of length 1), fitted on the training rows.
bibtex and delicious: the rows of the files, scaled to length 1.

Their making is not measured: a rival begins with its features in a file, where xclass begins with texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rivals_data import export
from rivals_mulan import read_xmc, write_xmc
from scipy.sparse import csr_matrix, load_npz, save_npz, vstack

from xclass.data.base import Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.ngrams import hash_ngrams

_ROWS = 1 << 16
MULAN = ("bibtex", "delicious")


def prepare_features(size: str, data: Path) -> Path:
    """Make the sample and its features where they are missing.

    Args:
        size: ``1e4``, ``1e5``, ``1e6``, ``all``, ``bibtex`` or ``delicious``.
        data: folder of the samples.

    Returns:
        The folder of the sample, with ``features/{train,test}_{x,y}.npz``.

    Memory:
        about 20 bytes per stored value: 2 GB at 1e6 classes.
    """
    folder = _mulan(size, data) if size in MULAN else export(size, data)
    made = folder / "features"
    if (made / "facts.json").exists():
        return folder
    made.mkdir(exist_ok=True)
    parts = _mulan_parts(folder) if size in MULAN else _text_parts(folder)
    for part, (x, y) in parts.items():
        save_npz(made / f"{part}_x.npz", x, compressed=False)
        save_npz(made / f"{part}_y.npz", y, compressed=False)
    x, y = parts["train"]
    facts = {"num_rows": x.shape[0], "num_columns": x.shape[1], "num_classes": y.shape[1], "values": x.nnz}
    (made / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def read_part(folder: Path, part: str) -> tuple[csr_matrix, csr_matrix]:
    """Features (N, M) and classes (N, C) of ``train`` or ``test``, float32."""
    return tuple(load_npz(folder / "features" / f"{part}_{kind}.npz") for kind in "xy")


def _text_parts(folder: Path) -> dict[str, tuple[csr_matrix, csr_matrix]]:
    from sklearn.feature_extraction.text import TfidfTransformer

    class_ids: dict[str, int] = {}
    counts = {part: _count(folder / f"{part}.tsv", class_ids) for part in ("train", "test")}
    weighting = TfidfTransformer(sublinear_tf=True).fit(counts["train"][0])
    return {
        part: (
            weighting.transform(rows, copy=False).astype(np.float32, copy=False),
            csr_matrix(
                (np.ones(len(ids), np.float32), ids, np.arange(len(ids) + 1)), (len(ids), len(class_ids))
            ),
        )
        for part, (rows, ids) in counts.items()
    }


def _count(path: Path, class_ids: dict[str, int]) -> tuple[csr_matrix, Any]:
    """Counts of hashed n-grams of every row, and the number of its class."""
    blocks, ids = [], []
    for rows in _rows(path):
        _, names, _, texts = zip(*rows, strict=True)
        ids += [class_ids.setdefault(name, len(class_ids)) for name in names]
        blocks.append(_bag(texts))
    return vstack(blocks, format="csr"), np.array(ids, dtype=np.int32)


def _bag(texts: tuple[str, ...]) -> csr_matrix:
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    bytes_ = np.frombuffer(b"".join(encoded), np.uint8)
    config = BagConfig()
    buckets, starts = hash_ngrams(
        Texts(bytes_=bytes_, offsets=offsets, contexts=np.zeros(len(texts), np.uint32)), config
    )
    ones = np.ones(len(buckets), np.float32)
    rows = csr_matrix((ones, buckets, starts), shape=(len(texts), config.num_buckets))
    rows.sum_duplicates()
    return rows


def _rows(path: Path) -> Iterator[list[tuple[str, ...]]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        next(file)
        while rows := [tuple(line.rstrip("\n").split("\t")) for line in islice(file, _ROWS)]:
            yield rows


def _mulan(name: str, data: Path) -> Path:
    folder = data / name
    if not (folder / "test.txt").exists():
        folder.mkdir(exist_ok=True)
        for part in ("train", "test"):
            write_xmc(data / "mulan" / f"{name}-{part}.arff", folder / f"{part}.txt")
    return folder


def _mulan_parts(folder: Path) -> dict[str, tuple[csr_matrix, csr_matrix]]:
    from sklearn.preprocessing import normalize

    parts = {part: read_xmc(folder / f"{part}.txt") for part in ("train", "test")}
    return {part: (normalize(x), y) for part, (x, y) in parts.items()}
