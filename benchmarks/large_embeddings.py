"""Makes vectors larger than RAM, for benchmarks/records/embeddings_27gb; delete them afterwards.

    python benchmarks/large_embeddings.py /tmp/big 106000000        # 27.1 GB and 0.85 GB
    python -m xclass data=embeddings path=/tmp/big.npy data.classes_path=/tmp/big_classes.npy \
        methods=[nearest_neighbour] threads=1 measure.heap_pass=false evaluate.num_queries=200

Each vector is the sum of two vectors of its class and of noise, drawn from one pool of 2**18.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

_DIM, _NUM_CLASSES, _POOL, _CHUNK = 64, 1_000_000, 1 << 18, 1 << 16


def main() -> None:
    """Write PREFIX.npy and PREFIX_classes.npy front to back, in constant memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prefix", help="of both files")
    parser.add_argument("num_vectors", type=int)
    arguments = parser.parse_args()
    count = arguments.num_vectors
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((_POOL, _DIM), dtype=np.float32)
    paths = Path(f"{arguments.prefix}.npy"), Path(f"{arguments.prefix}_classes.npy")
    with paths[0].open("wb") as vectors_file, paths[1].open("wb") as classes_file:
        for file, shape, kind in ((vectors_file, (count, _DIM), "<f4"), (classes_file, (count,), "<i8")):
            header = {"shape": shape, "descr": kind, "fortran_order": False}
            np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            classes = rng.integers(0, _NUM_CLASSES, size)
            vectors = pool[classes % _POOL] + np.float32(0.7) * pool[(classes * 7919 + 13) % _POOL]
            vectors += np.float32(0.4) * pool[rng.integers(0, _POOL, size)]
            vectors_file.write(vectors.data)
            classes_file.write(classes.data)


if __name__ == "__main__":
    main()
