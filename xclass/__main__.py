"""``python -m xclass`` is the same as the installed command ``xclass``."""

import os
import signal
import sys

try:
    from xclass.cli.run import main

    main()
except KeyboardInterrupt:
    # While the imports were still going on; from then on the command itself sees to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr.write("xclass: interrupted before anything was measured\n")
    sys.stderr.flush()
    # Not sys.exit: where the interrupt came through the code of a dataclass, CPython holds it for unhandled
    # and ends itself by SIGINT. Source: unhandled_keyboard_interrupt in Python/pythonrun.c, Modules/main.c.
    os._exit(130)
