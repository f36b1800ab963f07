"""``python -m xclass.amend``: add classes to a saved model or drop some, without training.

Exit codes: 0 the new folder is there; 1 the model is damaged or the disk is full; 2 the command was wrong;
130 interrupted. But for 0 nothing was left behind.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from xclass.classifiers.seal import SealLevel
from xclass.cli.checking import Checking
from xclass.cli.parser import OneLineParser, run_command, say

_DESCRIPTION = """\
Add classes to a saved model (a softmax head or a nearest-neighbour index) and drop others, without training.
Writes a new folder; the old one is only read.

  python -m xclass.amend outputs/RUN/models/dense_softmax --add new.npy --out models/v2
  python -m xclass.amend models/v2 --drop 3,17,99 --out models/v3
  python -m xclass.amend models/v3 --drop gone.npy --add new.npy --out models/v4
"""
_EPILOG = """\
class ids are for ever: those that stay keep theirs, a dropped one is never answered and never given again,
new classes get the ids after the highest that the model ever had.

a new class of a softmax head gets the direction of its vector and the median length of the class vectors;
one of a nearest-neighbour index its vector as the index keeps vectors (length 1 for metric cosine, the median
length for an index over a softmax head).

memory: a softmax head is copied block by block, some MiB at any size. An index is read into memory, at most
twice its file. A graph (HNSW) cannot drop: it is built again from what it stores, as slowly as at first.

exit codes: 0 done; 1 the model is damaged or the disk is full; 2 the command is wrong; 130 interrupted.
But for 0 nothing is left behind.
"""


def main() -> NoReturn:
    """The entry point of ``python -m xclass.amend``."""
    run_command(
        lambda: _amend(_parse(sys.argv[1:])),
        disk_remedy="free space there or choose another --out",
        interrupted="interrupted; nothing was left behind",
    )


def _amend(arguments: argparse.Namespace) -> int:
    # Here, so that --help and a mistake are answered without numpy.
    from xclass.classifiers.amend.change import read_ids, read_vectors
    from xclass.classifiers.amend.folder import amend_model

    with Checking() as progress:
        done = amend_model(
            arguments.model,
            arguments.out,
            drop=None if arguments.drop is None else read_ids(arguments.drop),
            add=None if arguments.add is None else read_vectors(arguments.add),
            check=SealLevel(arguments.check),
            progress=progress,
        )
    parts = [f"dropped {done.num_dropped}"] if done.num_dropped else []
    if done.added:
        ids = str(done.added[0]) if len(done.added) == 1 else f"{done.added[0]} to {done.added[-1]}"
        parts.append(f"added {len(done.added)} with ids {ids}")
    say(f"{', '.join(parts)}; {done.num_classes} classes in {arguments.out}")
    return 0


def _parse(words: list[str]) -> argparse.Namespace:
    parser = OneLineParser(
        allowed="MODEL_FOLDER, --add, --drop, --check and --out",
        prog="python -m xclass.amend",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL_FOLDER", type=Path, help="folder of a saved model")
    parser.add_argument(
        "--add", metavar="VECTORS.npy", help="one row of D values per new class: an encoded example or a mean"
    )
    parser.add_argument("--drop", metavar="IDS", help="class ids, 3,17,99, or a .npy file of them")
    parser.add_argument(
        "--check", choices=[str(level) for level in SealLevel], default=str(SealLevel.contents),
        help="of the model before it is opened: every byte against its seal (the default), or names and "
        "sizes of its files only",
    )  # fmt: skip
    parser.add_argument("--out", metavar="NEW_FOLDER", type=Path, required=True, help="folder to make")
    return parser.parse_args(words)
