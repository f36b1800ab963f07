"""A child with known bytes under memray: ``traced.py CAPTURE touched|untouched|killed``; prints totals."""

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from xclass.measure.heap import HeapTrace
from xclass.measure.status import read_status

SIZE = 200 * 10**6


def allocate(kind):
    # In a call that began under the trace: memray knows no line of a frame that was entered before it.
    return np.empty(SIZE, np.uint8) if kind == "untouched" else np.ones(SIZE, np.uint8)


def main(capture, kind):
    before = fill_before = np.ones(50 * 10**6, np.uint8)
    with HeapTrace(Path(capture)) as trace:
        rss_bytes = read_status().rss_bytes
        block = allocate(kind)
        rss_bytes = read_status().rss_bytes - rss_bytes
        if kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        del block
    assert before is fill_before
    sys.stdout.write(json.dumps({**dataclasses.asdict(trace.totals), "rss_bytes": rss_bytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
