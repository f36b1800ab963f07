"""``python -m xclass.merge``: indexes over disjoint classes, built apart, become one model."""

from xclass.cli.merge import main

if __name__ == "__main__":
    main()
