"""The command, but soon after each child began, what its sampler reads from can be read no more.

``blinding_launcher.py words...``: a thread puts a descriptor that cannot be read in the place of the open
/proc/PID/status, so that the kernel itself refuses the sampler's next read (EBADF, man pread(2)).
"""

import contextlib
import os
import re
import sys
import threading
import time
from pathlib import Path

from xclass.cli.run import main

STATUS = re.compile(r"/proc/\d+/status")
SEEING_SECONDS = 0.1


def blind():
    while True:
        time.sleep(0.01)
        for entry in Path("/proc/self/fd").iterdir():
            # Others of this list are closed meanwhile.
            with contextlib.suppress(OSError):
                if STATUS.fullmatch(str(entry.readlink())):
                    time.sleep(SEEING_SECONDS)
                    os.dup2(UNREADABLE, int(entry.name))


UNREADABLE = os.open(os.devnull, os.O_WRONLY)
threading.Thread(target=blind, daemon=True).start()
sys.argv = ["xclass", *sys.argv[1:]]
main()
