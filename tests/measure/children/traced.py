"""A child with known bytes under memray: ``traced.py CAPTURE touched|untouched|killed``; prints totals."""

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from xclass.measure.heap import trace_heap
from xclass.measure.status import read_status

SIZE = 200 * 10**6


def main(capture, kind):
    before = fill_before = np.ones(50 * 10**6, np.uint8)
    rss = {}

    def allocate():
        rss_bytes = read_status().rss_bytes
        block = np.empty(SIZE, np.uint8) if kind == "untouched" else np.ones(SIZE, np.uint8)
        rss["rss_bytes"] = read_status().rss_bytes - rss_bytes
        if kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        del block

    totals = trace_heap(allocate, Path(capture))
    assert before is fill_before
    sys.stdout.write(json.dumps(dataclasses.asdict(totals) | rss))


if __name__ == "__main__":
    main(*sys.argv[1:])
