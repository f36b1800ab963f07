"""``python -m xclass.plan``: RAM, disk, time and price of a comparison before there is data."""

from xclass.cli.plan import main

if __name__ == "__main__":
    main()
