"""Maps a file and touches every page of it, some times over; or holds it mapped until its input ends."""

import mmap
import sys
from pathlib import Path

path, what = sys.argv[1:]
with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
    for _ in range(1 if what == "hold" else int(what)):
        total = sum(mapped[at] for at in range(0, len(mapped), mmap.PAGESIZE))
    sys.stdout.write(f"{total}\n")
    sys.stdout.flush()
    if what == "hold":
        sys.stdin.read()
