"""``python -m xclass`` is the same as the installed command ``xclass``."""

from xclass.cli.run import main

main()
