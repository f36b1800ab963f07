"""``python -m xclass.project``: measured runs carried over to a size that was not measured."""

from xclass.cli.project import main

if __name__ == "__main__":
    main()
