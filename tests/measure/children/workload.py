"""A child with known bytes: measures one or more phases of a named workload and prints the readings.

Run by hand: python tests/measure/children/workload.py touched
"""

import sys

from xclass.measure.session import MemorySession

SESSION = MemorySession()
SESSION.start()

import json  # noqa: E402
import mmap  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from multiprocessing import shared_memory  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

MB = 10**6
SIZE = 200 * MB
MADV_PAGEOUT = 21
"""Source: man madvise(2), Linux 5.4; the number is in the kernel's uapi/asm-generic/mman-common.h."""


def fill(num_bytes=SIZE):
    return np.ones(num_bytes, np.uint8)


def touched():
    with SESSION.phase() as meter:
        block = fill()
        time.sleep(0.1)
        del block
    return [meter]


def untouched():
    with SESSION.phase() as meter:
        block = np.empty(SIZE, np.uint8)
        time.sleep(0.1)
        del block
    return [meter]


def mapped():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapped.bin"
        path.write_bytes(bytes(SIZE))
        SESSION.set_base()
        with SESSION.phase() as meter:
            block = np.memmap(path, np.uint8, "r")
            total = int(block[::4096].sum())
            time.sleep(0.1)
        assert total == 0
        del block
    return [meter]


def spike():
    # np.ones takes 20-40 ms for 200 MB: the block lives no longer than its own writing.
    with SESSION.phase() as meter:
        time.sleep(0.1)
        fill()
        time.sleep(0.1)
    return [meter]


def thread():
    with SESSION.phase() as meter:
        worker = threading.Thread(target=fill)
        worker.start()
        worker.join()
    return [meter]


def grandchild():
    """A process of its own that shares nothing of its 200 MB."""
    script = f"import numpy, time; block = numpy.ones({SIZE}, numpy.uint8); time.sleep(0.8)"
    with SESSION.phase() as meter:
        subprocess.run([sys.executable, "-c", script], check=True)
    return [meter]


def shared_with_grandchildren():
    """Two forks that map the 200 MB of their parent: three processes, one block."""
    with SESSION.phase() as meter:
        block = fill()
        forks = []
        for _ in range(2):
            forks.append(os.fork())
            if forks[-1] == 0:
                time.sleep(0.6)
                os._exit(0)
        for fork in forks:
            os.waitpid(fork, 0)
        assert block.size
    return [meter]


def shared():
    """A segment of POSIX shared memory, as worker processes hand arrays to each other."""
    segment = shared_memory.SharedMemory(create=True, size=SIZE)
    try:
        with SESSION.phase() as meter:
            np.frombuffer(segment.buf, np.uint8)[:] = 1
            time.sleep(0.1)
    finally:
        segment.close()
        segment.unlink()
    return [meter]


def swapped():
    """The kernel is asked to page half of the block out: only where there is swap."""
    with SESSION.phase() as meter:
        block = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        block.write(bytes(b"x" * SIZE))
        block.madvise(MADV_PAGEOUT, 0, SIZE // 2)
        time.sleep(0.1)
    block.close()
    return [meter]


def two_phases():
    with SESSION.phase() as first:
        block = fill()
    del block
    with SESSION.phase() as second:
        small = fill(50 * MB)
        time.sleep(0.1)
    assert small.size
    return [first, second]


def retained():
    with SESSION.phase() as meter:
        block = fill()
        freed = fill(100 * MB)
        time.sleep(0.1)
        del freed
    assert block.size
    return [meter]


def many_blocks():
    with SESSION.phase() as meter:
        # One larger block freed first raises the dynamic threshold of stock glibc above 20 MB.
        fill(30 * MB)
        blocks = [fill(20 * MB) for _ in range(10)]
        # What lies above the hole keeps a heap from shrinking.
        keep = [np.ones(60_000, np.uint8) for _ in range(10)]
        del blocks[:9]
    assert keep
    return [meter]


def adam(classes):
    """Dense softmax with Adam over 64 dimensions: the law is six times the weights (memory.md 1d)."""
    import torch

    torch.set_num_threads(1)

    def train(classes):
        weights = torch.nn.Parameter(torch.zeros(classes, 64))
        optimizer = torch.optim.Adam([weights], foreach=False)
        queries, labels = torch.ones(64, 64), torch.zeros(64, dtype=torch.int64)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(queries @ weights.T, labels).backward()
            optimizer.step()

    train(8)
    SESSION.set_base()
    with SESSION.phase() as meter:
        train(int(classes))
    return [meter]


def raises():
    meter = None
    try:
        with SESSION.phase() as meter:
            fill()
            raise MemoryError
    except MemoryError:
        return [meter]


if __name__ == "__main__":
    np.ones(1000, np.uint8)
    SESSION.set_base()
    meters = globals()[sys.argv[1]](*sys.argv[2:])
    sys.stdout.write(json.dumps([meter.reading.to_json() for meter in meters]))
