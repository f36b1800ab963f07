"""``python -m xclass.merge``: indexes over disjoint classes, built apart, become one model.

Exit codes: 0 the new folder is there; 1 a model is damaged or the disk is full; 2 the command was wrong or
the models do not fit together; 130 interrupted. But for 0 nothing was left behind.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from xclass.classifiers.seal import SealLevel
from xclass.cli.checking import Checking
from xclass.cli.parser import OneLineParser, run_command, say
from xclass.units import format_count

_DESCRIPTION = """\
Join nearest-neighbour indexes over disjoint classes, built one by one or on different machines, into one
model whose shards are searched together. Writes a new folder; the old ones are only read.

  on machine 0:   python -m xclass +classes=5e8 methods=[nearest_neighbour] index.shards=4 index.shard=0
  on machine 1:   ... index.shard=1, and so on; then, with their folders models/nearest_neighbour on one disk:

  python -m xclass.merge shard0 shard1 shard2 shard3 --out whole
"""
_EPILOG = """\
class ids are kept. The classes of the models may not mix: all ids of one come before all of the next. They
must have the same encoder (same data settings, dim and seed) and the same metric; kinds of index may differ.

answers are those that each shard gives, the exact best of all of them: Flat shards answer as one Flat index.
Efforts (num_probes, search_width) are the greatest of any, and are those of each shard.

memory: some MiB at any size. Disk: the new folder is as large as all of them together.

exit codes: 0 done; 1 a model is damaged or the disk is full; 2 the command is wrong or the models do not fit
together; 130 interrupted. But for 0 nothing is left behind.
"""


def main() -> NoReturn:
    """The entry point of ``python -m xclass.merge``."""
    run_command(
        lambda: _merge(_parse(sys.argv[1:])),
        disk_remedy="free space there or choose another --out",
        interrupted="interrupted; nothing was left behind",
    )


def _merge(arguments: argparse.Namespace) -> int:
    # Here, so that --help and a mistake are answered without numpy and FAISS.
    from xclass.classifiers.amend.merge import merge_models

    with Checking() as progress:
        done = merge_models(
            arguments.models, arguments.out, check=SealLevel(arguments.check), progress=progress
        )
    say(f"{format_count(done.num_classes)} classes in {done.num_shards} shards in {arguments.out}")
    return 0


def _parse(words: list[str]) -> argparse.Namespace:
    parser = OneLineParser(
        allowed="two or more MODEL_FOLDERs, --check and --out",
        prog="python -m xclass.merge",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "models", metavar="MODEL_FOLDER", type=Path, nargs="+", help="folder of a saved index"
    )
    parser.add_argument(
        "--check", choices=[str(level) for level in SealLevel], default=str(SealLevel.contents),
        help="of the models before they are opened: every byte against their seals (the default), or names "
        "and sizes of their files only",
    )  # fmt: skip
    parser.add_argument("--out", metavar="NEW_FOLDER", type=Path, required=True, help="folder to make")
    return parser.parse_args(words)
