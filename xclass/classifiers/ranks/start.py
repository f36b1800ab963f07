"""torchrun as a function: starts the ranks of this machine, watches them, and says which of them failed."""

from __future__ import annotations

from collections.abc import Sequence


def start_ranks(words: Sequence[str]) -> dict[int, int]:
    """Start ranks and wait until all have ended; when one fails, the others are ended.

    Args:
        words: of torchrun, e.g. ``--nproc-per-node 2 -m module argument``.

    Returns:
        Rank -> exit code of those that failed, negative: the signal; -15 is what the others are ended with.

    Source: https://docs.pytorch.org/docs/stable/elastic/run.html
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    try:
        run(parse_args(list(words)))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}
