"""bibtex and delicious, from Mulan's ARFF files to the XMC repository's sparse text.

    python benchmarks/rivals_mulan.py ~/mulan/bibtex-train.arff train.txt

The files lie at github.com/tsoumakas/mulan under ``data/multi-label``: ``bibtex-train.arff``,
``bibtex.xml`` and so on. ``rivals.py`` looks for them in ``mulan/`` of its folder of samples. In these ARFF
files all attributes are 0 or 1, rows are sparse (``{6 1,22 1}``), and the classes, which the .xml names, are
the attributes behind the features.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy.sparse import csr_matrix


def write_xmc(arff: Path, out: Path) -> None:
    """Write one ARFF file as a header ``rows features classes`` and rows ``classes feature:value ...``.

    Args:
        arff: ``<name>-train.arff`` or ``<name>-test.arff``; ``<name>.xml`` lies beside it.
        out: the file to write.
    """
    names = arff.with_name(f"{arff.stem.rsplit('-', 1)[0]}.xml")
    num_classes = len(ElementTree.parse(names).getroot())
    num_attributes, rows = _read_arff(arff)
    num_features = num_attributes - num_classes
    lines = [f"{len(rows)} {num_features} {num_classes}"]
    for row in rows:
        classes = ",".join(str(place - num_features) for place in row if place >= num_features)
        lines.append(" ".join([classes, *(f"{place}:1" for place in row if place < num_features)]))
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_arff(path: Path) -> tuple[int, list[list[int]]]:
    """Number of attributes, and of each row those that are 1."""
    head, _, data = path.read_text(encoding="latin-1").partition("@data")
    num_attributes = sum(line.lower().startswith("@attribute") for line in head.splitlines())
    lines = [line.strip("{} \r") for line in data.splitlines() if line.startswith("{")]
    return num_attributes, [[int(cell.split()[0]) for cell in line.split(",") if cell] for line in lines]


def read_xmc(path: Path) -> tuple[csr_matrix, csr_matrix]:
    """Features (N, M) and classes (N, C) of a file with header, float32."""
    with path.open(encoding="utf-8") as file:
        num_rows, num_features, num_classes = map(int, next(file).split())
        rows = [line.rstrip("\n").split(" ") for line in file]
    assert len(rows) == num_rows
    features = [[cell.split(":") for cell in row[1:] if cell] for row in rows]
    classes = [[int(cell) for cell in row[0].split(",") if cell] for row in rows]
    return (
        _matrix([[int(c) for c, _ in r] for r in features], [float(v) for r in features for _, v in r],
                num_features),
        _matrix(classes, [1.0 for row in classes for _ in row], num_classes),
    )  # fmt: skip


def _matrix(columns: list[list[int]], values: list[float], num_columns: int) -> csr_matrix:
    starts = np.cumsum([0, *map(len, columns)])
    flat = np.array([column for row in columns for column in row], np.int32)
    return csr_matrix((np.array(values, np.float32), flat, starts), shape=(len(columns), num_columns))


if __name__ == "__main__":
    write_xmc(Path(sys.argv[1]), Path(sys.argv[2]))
