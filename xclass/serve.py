"""``python -m xclass.serve``: a saved model answers over HTTP."""

from xclass.cli.serve import main

if __name__ == "__main__":
    main()
