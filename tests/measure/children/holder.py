"""A measured child's launcher in miniature: ``holder.py FOLDER RUN_DIR RESERVED_MIB TOUCHED_MIB``.

It takes a place, starts a process that touches so many MiB, says ``running`` and holds on until its standard
input is closed; where there is no room it says ``crowded`` and waits.
"""

import subprocess
import sys
import time
from pathlib import Path

from xclass.measure.neighbours import Place
from xclass.measure.register import Claim

TOUCH = """
import sys
block = bytearray(int(sys.argv[1]) << 20)
block[::4096] = b"x" * len(block[::4096])
print(1, flush=True)
sys.stdin.read()
"""

folder, run_dir, reserved, touched = sys.argv[1:]
claim = Claim(run_dir=run_dir, method="dense_softmax", phases="train", required_bytes=int(reserved) << 20)


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


with Place(claim, Path(folder)) as place:
    is_told = False
    while place.take() is not None:
        if not is_told:
            say("crowded")
        is_told = True
        time.sleep(0.05)
    child = subprocess.Popen(
        [sys.executable, "-c", TOUCH, touched], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    say("running")
    sys.stdin.read()
    child.communicate()
    place.leave()
