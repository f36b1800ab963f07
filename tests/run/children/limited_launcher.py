"""The command, but its children start through a wrapper: ``limited_launcher.py WRAPPER words...``.

The wrapper is a shell script that lowers a limit or enters a control group and then becomes Python.
"""

import sys

from xclass.cli.run import main

sys.executable = sys.argv[1]
sys.argv = ["xclass", *sys.argv[2:]]
main()
