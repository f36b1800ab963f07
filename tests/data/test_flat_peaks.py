"""Preparing and reading files in real processes: the peak stays where it is while the file grows tenfold."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.memory

CHILD = """
import json, sys
import numpy as np
from xclass.data.base import batch_ranges
from xclass.data.registry import DATA_CONFIGS
import importlib

kind, settings, num_rows = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
# Buffers of a size that the smaller file fills, so that both run at their full width.
import xclass.data.line_chunks, xclass.data.ranking
xclass.data.line_chunks._CHUNK_BYTES = 1 << 16
xclass.data.ranking._CHUNK_PAIRS = 1 << 10
if kind == "embeddings":
    import xclass.data.embeddings.prepare, xclass.data.embeddings.classes
    xclass.data.embeddings.prepare._CHUNK_BYTES = 1 << 16
    xclass.data.embeddings.classes._CHUNK_ROWS = 1 << 10
config = DATA_CONFIGS[kind](**settings)
entry = importlib.import_module(config.entry)


def peak(name="VmHWM"):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024


np.zeros(4) @ np.zeros(4)
base = peak("VmRSS")
facts = entry.prepare(config, num_classes=None, dim=64, seed=0, progress=lambda *_: None)
prepared = peak() - base
source = entry.open_source(config, num_classes=facts["num_classes"], dim=64, seed=0, facts=facts)
for start, stop in batch_ranges(source.num_train, 256):
    source.scan_batch(start, stop)
    source.train_batch(0, start, stop)
sys.stdout.write(json.dumps([prepared, peak() - base, source.num_examples]))
"""


def write_xmc(path, num_rows):
    rng = np.random.default_rng(0)
    lines = [
        f"{i % 50},{60 + i % 7} " + " ".join(f"{c}:0.25" for c in np.unique(rng.integers(0, 5000, 24)))
        for i in range(2_000)
    ]
    with path.open("w") as file:
        for _ in range(num_rows // 2_000):
            file.write("\n".join(lines) + "\n")
    return {"path": str(path)}


def write_embeddings(path, num_rows):
    vectors = np.random.default_rng(0).normal(size=(num_rows, 64)).astype(np.float32)
    np.save(path.with_suffix(".npy"), vectors)
    np.save(path.with_suffix(".classes.npy"), np.arange(num_rows) % 50)
    return {"path": str(path.with_suffix(".npy")), "classes_path": str(path.with_suffix(".classes.npy"))}


@pytest.mark.parametrize(("kind", "write"), [("xmc", write_xmc), ("embeddings", write_embeddings)])
def test_the_peak_is_flat_while_the_file_grows_tenfold(kind, write, tmp_path):
    found, sizes = [], []
    for num_rows in (2_000, 20_000):
        settings = write(tmp_path / f"{num_rows}", num_rows) | {"cache": str(tmp_path / "cache")}
        sizes.append(Path(settings["path"]).stat().st_size)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, kind, json.dumps(settings), str(num_rows)],
            capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin", "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536",
                 "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    (small_prepared, small, few), (large_prepared, large, many) = found
    assert many > 9 * few
    # What grows are mapped pages of the index, at most 10 1/4 B per row in pieces of 64 KiB.
    index_bytes = 10.25 * (many - few) + 6 * (64 << 10)
    file_growth = sizes[1] - sizes[0]
    assert large_prepared - small_prepared <= index_bytes + (1 << 20)
    assert large - small <= index_bytes + (1 << 20) < file_growth / 2
