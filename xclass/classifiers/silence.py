"""Keeps libraries quiet that print a line for every example, in C or Rust, past anything Python could set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced() -> Iterator[None]:
    """Standard output and error of the whole process go nowhere meanwhile.

    What another thread prints is lost too, so only around a call into such a library. omikuji's progress
    comes to 70 bytes for every example and class: a log of 20 MB at 100,000 classes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for descriptor, place in zip(kept, (1, 2), strict=True):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.close(nowhere)
