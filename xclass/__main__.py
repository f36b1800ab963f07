"""``python -m xclass`` is the same as the installed command ``xclass``."""

import signal
import sys

try:
    from xclass.cli.run import main

    main()
except KeyboardInterrupt:
    # While the imports were still going on; from then on the command itself sees to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr.write("xclass: interrupted before anything was measured\n")
    sys.exit(130)
