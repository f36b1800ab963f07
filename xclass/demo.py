"""``python -m xclass.demo``: a saved model on one page that a client can ask."""

from xclass.cli.demo import main

if __name__ == "__main__":
    main()
