"""torchrun for the ranks of one child, which tells the launcher by events who failed.

``python -m xclass.run.rank_agent --nproc-per-node 2 -m xclass.run.worker spec.json``: its words are those of
torchrun, which may take its place. What this adds: a meeting point of its own unless ``--rdzv-endpoint``
names one, a file that is gone afterwards; it dies with its launcher, however that dies, and its ranks with
it; and it tells as events which ranks failed and with what exit code, which torchrun only logs.

Source: torch/distributed/elastic/rendezvous/dynamic_rendezvous.py unpickles the state of the meeting.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from xclass.classifiers.ranks.start import start_ranks
from xclass.run.events import EventWriter
from xclass.run.worker import PARENT, die_with_parent


def main(arguments: list[str] | None = None) -> int:
    """Start the ranks and wait for their end; exit code 0 if all ended well, else 1."""
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())
    words = sys.argv[1:] if arguments is None else arguments
    with tempfile.TemporaryDirectory(prefix="xclass-ranks-") as folder:
        failed = start_ranks(["--rdzv-endpoint", str(Path(folder) / "meeting"), *words])
    if failed:
        events = EventWriter()
        for rank, exit_code in failed.items():
            events.send("rank_end", rank=rank, exit_code=exit_code)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
