"""``python -m xclass.compare A B``: what grew between two records, runs or sweeps."""

from xclass.cli.compare import main

if __name__ == "__main__":
    main()
