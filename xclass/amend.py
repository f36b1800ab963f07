"""``python -m xclass.amend``: add classes to a saved model or drop some, without training."""

from xclass.cli.amend import main

if __name__ == "__main__":
    main()
