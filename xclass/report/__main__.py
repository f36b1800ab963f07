"""``python -m xclass.report``: here because ``xclass.report`` is a package; the command itself is in cli."""

from xclass.cli.report import main

if __name__ == "__main__":
    main()
