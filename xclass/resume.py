"""``python -m xclass.resume FOLDER``: go on with a run or a sweep that was cut off."""

from xclass.cli.resume import main

if __name__ == "__main__":
    main()
