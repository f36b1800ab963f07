"""Preparing holds as much of a table that is ten times as long as of the short one, in every format."""

import os
import subprocess
import sys

import pytest
from real_runs import ROOT

SCRIPT = """
import csv, gzip, json, sys
from itertools import islice
from pathlib import Path
from xclass.data.text import delimited, ranking, staging, streams
from xclass.data.text.config import TextConfig
from xclass.data.text.prepare import prepare

# Smaller blocks, so that the short table is longer than one; Parquet has row groups of 2000 rows.
streams._BLOCK_BYTES = delimited._CHUNK_CHARACTERS = 1 << 16
ranking._CHUNK, staging._CHUNK_EXAMPLES = 1024, 256

def rows(number):
    return ({"text": f"an article of some kind, number {i}, in a box", "class": f"line {i % 500}"}
            for i in range(number))

def write(path, number):
    if path.suffix == ".parquet":
        import pyarrow, pyarrow.parquet
        groups = iter(lambda source=rows(number): list(islice(source, 2000)), [])
        schema = pyarrow.schema({"text": pyarrow.string(), "class": pyarrow.string()})
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:
            for group in groups:
                writer.write_table(pyarrow.Table.from_pylist(group))
        return
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        if path.name.startswith("j"):
            file.writelines(json.dumps(row) + "\\n" for row in rows(number))
        else:
            delimiter = "," if path.suffix == ".csv" else "\\t"
            writer = csv.DictWriter(file, ["text", "class"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows(number))

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

def reset():
    Path("/proc/self/clear_refs").write_text("5")

folder = Path(sys.argv[1])
for name in ("t.tsv", "t.csv", "j.jsonl", "t.tsv.gz", "t.parquet"):
    sizes = []
    for number in (4_000, 40_000):
        path = folder / f"{name[0]}{number}{name[1:]}"
        write(path, number)
        sizes.append(path.stat().st_size)
        reset()
        prepare(TextConfig(path=str(path), cache=str(folder / "cache")))
        sizes.append(peak())
    sys.stdout.write(" ".join(map(str, [name, *sizes])) + "\\n")
"""


def test_the_peak_stays_flat_while_the_table_grows_tenfold(tmp_path):
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"},
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["t.tsv", "t.csv", "j.jsonl", "t.tsv.gz", "t.parquet"]
    for name, short_bytes, short_peak, long_bytes, long_peak in lines:
        assert int(long_bytes) > 8 * int(short_bytes), name
        growth = int(long_peak) - int(short_peak)
        # As objects of Python the 36,000 rows more would be 7 MB.
        assert growth < 2_000_000, f"{name}: {growth} bytes more"
