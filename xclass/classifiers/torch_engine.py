"""torch as an engine: set up once per process, before its threads start."""

from __future__ import annotations

import torch


def start_torch(threads: int) -> None:
    """Set the number of threads, and let values too small for a normal float32 count as zero.

    Among millions of classes nearly all probabilities underflow to denormals, which the processor handles in
    microcode. The setting belongs to a thread and is inherited by those it starts, so it comes first.

    Args:
        threads: of torch's own pool.
    """
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
