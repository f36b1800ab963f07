"""What a service is compared with: the same queries to the same model without HTTP, and to bare FAISS.

Run by serving_load.py as a child: one line on standard input names what is timed, one line of JSON answers.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from serving_queries import read_queries

from xclass.classifiers.opened_model import OpenedModel
from xclass.data.base import slice_inputs


def main() -> None:
    """Answer lines until there are no more: ``model 512 256`` asks query 512 and the 255 after it."""
    folder, queries, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    inputs = read_queries(queries)
    k = int(sys.argv[4])
    model = OpenedModel(folder, threads=threads, check=None)
    index = _open_faiss(folder, threads)
    print(json.dumps({"num_classes": model.num_classes, "has_faiss": index is not None}), flush=True)
    for line in sys.stdin:
        arm, at, size = line.split()[0], *map(int, line.split()[1:])
        part = slice_inputs(inputs, at, at + size)
        begun = time.perf_counter()
        if arm == "model":
            model.answer(part, k)
        else:
            assert isinstance(part, np.ndarray)
            assert index is not None
            index.search(part / np.linalg.norm(part, axis=1, keepdims=True), k)
        print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


def _open_faiss(folder: Path, threads: int) -> Any:
    if not (folder / "index.faiss").exists():
        return None
    import faiss

    faiss.omp_set_num_threads(threads)
    return faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)


if __name__ == "__main__":
    main()
