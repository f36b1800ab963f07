"""torchrun for the ranks of one child, which tells the launcher by events who failed.

``python -m xclass.run.rank_agent --standalone --nproc-per-node 2 -m xclass.run.worker spec.json``: the words
are torchrun's, and torchrun itself may take its place. What this adds: it dies with its launcher, however
that dies, and its ranks with it; and it tells as events which ranks failed and with what exit code, which
torchrun only writes into its log.
"""

from __future__ import annotations

import os
import sys

from xclass.classifiers.ranks.start import start_ranks
from xclass.run.events import EventWriter
from xclass.run.worker import PARENT, die_with_parent


def main(arguments: list[str] | None = None) -> int:
    """Start the ranks and wait for their end; exit code 0 if all ended well, else 1."""
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())
    failed = start_ranks(sys.argv[1:] if arguments is None else arguments)
    if failed:
        events = EventWriter()
        for rank, exit_code in failed.items():
            events.send("rank_end", rank=rank, exit_code=exit_code)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
