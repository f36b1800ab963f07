"""``python -m xclass.seal``: see :mod:`xclass.cli.seal`."""

from xclass.cli.seal import main

if __name__ == "__main__":
    main()
